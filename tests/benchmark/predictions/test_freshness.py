"""Models that may have seen a split."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from image_sets import write_release

from factories import make_model_record
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.freshness import (
    find_contamination,
    load_training_sets,
    normalize_generator,
    parse_declaration,
    parse_last_day,
)
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.splits.registry import load_versions, parse_versions

VERSIONS = parse_versions(
    """
[[version]]
name = "v9"
title = "A test"
embedded = false
splits = ["sd-l"]
generators = ["stable-diffusion-v1-5/stable-diffusion-v1-5"]
[version.published]
repo = "org/name"
tag = "v9.0.0"
commit = "0123456789abcdef0123456789abcdef01234567"
manifest_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
released = 2026-03-15
"""
)


def declare(until: str | None, *generators: str) -> ModelRecord:
    """A model with what is said of it."""
    return parse_declaration(None, until, generators).apply(make_model_record())


@pytest.mark.parametrize(
    ("until", "kinds"),
    [
        ("2026-03-14", []),
        ("2026-03-15", ["data-after-release"]),
        ("2026-03", ["data-after-release"]),
        (None, []),
    ],
)
def test_a_split_published_before_the_data_ended_is_flagged(until: str | None, kinds: list[str]) -> None:
    """From the day of release on; an unknown date raises no flag."""
    model = declare(until).model_copy(update={} if until else {"trained_until": None})
    assert [flag.kind for flag in find_contamination(model, VERSIONS["v9"])] == kinds


@pytest.mark.parametrize(
    ("name", "same"),
    [("sd-1.5", True), ("Stable Diffusion 1.5", True), ("runwayml/stable-diffusion-v1-5", True),
     ("stable-diffusion-2-1", False), ("sdxl", False), ("none", False)],
)  # fmt: skip
def test_training_on_the_same_generator_is_flagged_by_any_of_its_names(name: str, same: bool) -> None:
    """Owner, case and punctuation do not count."""
    flags = find_contamination(declare(None, name), VERSIONS["v9"])
    assert [flag.kind for flag in flags] == (["same-generator"] if same else [])


def test_a_known_training_set_brings_its_date() -> None:
    """And a declared date goes before it."""
    known = parse_declaration("laion-2b", None, []).apply(make_model_record())
    declared = parse_declaration("laion-2b", "2021", []).apply(make_model_record())
    assert (known.trained_until, declared.trained_until) == (date(2022, 10, 31), date(2021, 12, 31))
    assert all(spec.source for spec in load_training_sets().values())


def test_every_generator_of_the_registry_has_a_name_of_its_own() -> None:
    """Otherwise one would be taken for another."""
    names = [name for spec in load_versions().values() for name in spec.generators]
    assert len({normalize_generator(name) for name in names}) == len(set(names))


@pytest.mark.parametrize("text", ["yesterday", "2026-13", "2026-02-30", "26-01-01", ""])
def test_what_is_no_date_is_refused(text: str) -> None:
    """With the forms that are."""
    with pytest.raises(InputError, match="Use YYYY, YYYY-MM or YYYY-MM-DD"):
        parse_last_day(text)


def test_a_result_carries_the_flag_and_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """v1 was drawn by Stable Diffusion 1.5."""
    release = write_release(tmp_path / "v1", [3, 7], version="v1")
    code = main(
        ["evaluate", "--model", "python:toy_models:make_colour_model", "--split", "v1/sd-l",
         "--data", f"v1={release}", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"),
         "--trained-on-generated", "sd-1.5", "--trained-until", "2025-06", "--training-data", "my own"]
    )  # fmt: skip
    assert code == 0
    found = json.loads(next((tmp_path / "out").rglob("result.json")).read_text())
    assert found["entries"][0]["contamination"][0]["kind"] == "same-generator"
    assert (found["model"]["trained_until"], found["model"]["training_data"]) == ("2025-06-30", "my own")
    assert "Possible contamination" in " ".join(capsys.readouterr().out.split())
