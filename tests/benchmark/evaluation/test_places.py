"""Names that differ have folders and files that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_models import write_toy_folder

from factories import make_model_record
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.composing.places import choose_places, name_files
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.predictions.result_files import load_result, write_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.splits.registry import load_versions

COLOUR = "python:toy_models:make_colour_model"
SEPARATED = st.from_regex(r"[ab](?:[:/ -]?[ab])*", fullmatch=True)


@given(names=st.sets(SEPARATED, min_size=1, max_size=8))
def test_no_two_splits_share_a_file(names: set[str]) -> None:
    """Whatever separates their words, and in capitals or not."""
    files = name_files([*names, *(name.upper() for name in names)], {})
    assert len({file.lower() for file in files.values()}) == 2 * len(names)


@given(first=SEPARATED, second=SEPARATED)
def test_no_two_folders_of_this_machine_share_a_slug(first: str, second: str) -> None:
    """Their paths may differ in one separator."""
    for scheme in ("folder:", "open_clip:local-dir:", "timm:local-dir:"):
        assert (make_slug(scheme + first) == make_slug(scheme + second)) == (first == second)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("timm:resnet50.a1_in1k", "timm-resnet50.a1_in1k"),
        ("open_clip:ViT-B-32/openai", "open_clip-ViT-B-32-openai"),
        ("timm:hf-hub:org/name", "timm-hf-hub-org-name"),
        ("python:module:make", "python-module-make"),
        ("folder:val", "folder-val"),
        ("mini-v2/sd-l", "mini-v2-sd-l"),
        ("imagenet-c/gaussian_noise/3", "imagenet-c-gaussian_noise-3"),
    ],
)
def test_a_plain_name_keeps_its_slug(name: str, slug: str) -> None:
    """Results and submissions of before lie under it."""
    assert make_slug(name) == slug


def test_no_two_splits_of_the_registry_share_a_slug() -> None:
    """The board has a file for each."""
    names = [f"{version.name}/{split}" for version in load_versions().values() for split in version.splits]
    assert len({make_slug(name) for name in names}) == len(names) > 8


def test_the_file_of_a_split_that_was_scored_before_is_not_taken() -> None:
    """Its entry would be lost."""
    taken = {"mini-v2/real": "predictions/mini-v2-real.parquet"}
    (file,) = name_files(["mini/v2-real"], taken).values()
    assert file != taken["mini-v2/real"]


def test_a_split_that_is_scored_again_keeps_its_file() -> None:
    """No second copy of its predictions is left behind."""
    taken = {"mini/real": "predictions/mini-real.parquet"}
    assert name_files(["mini/real"], taken) == taken


def write_earlier(folder: Path, spec: str) -> None:
    """A result without entries."""
    folder.mkdir(parents=True)
    write_result(folder, Result(model=make_model_record(spec), environment=make_environment(), entries=()))


def test_the_folder_of_another_model_is_not_taken(tmp_path: Path) -> None:
    """Even where both names have one slug."""
    write_earlier(tmp_path / "timm-hf-hub-a-b", "timm:hf-hub:a/b")
    slug = make_slug("timm:hf-hub:a-b")
    assert choose_places(tmp_path, slug, "timm:hf-hub:a-b", ()).folder.name.startswith("timm-hf-hub-a-b-")
    assert choose_places(tmp_path, slug, "timm:hf-hub:a/b", ()).folder.name == "timm-hf-hub-a-b"


def test_splits_that_differ_in_a_separator_have_rows_and_files_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scored in one run or one after the other."""
    monkeypatch.chdir(tmp_path)
    for name, rows in (("a/b", [0, 1]), ("a-b", [0, 1, 2]), ("a b", [3])):
        write_toy_folder(tmp_path / name, rows)
    words = ["evaluate", "--model", COLOUR, "--out", "out", "--cache", "cache"]
    assert main([*words, "--split", "folder:a/b", "--split", "folder:a-b"]) == 0
    assert main([*words, "--split", "folder:a b"]) == 0
    result = load_result(next(tmp_path.glob("out/*/result.json")))
    assert {entry.split.ref: entry.n for entry in result.entries} == {
        "folder:a/b": 2, "folder:a-b": 3, "folder:a b": 1,
    }  # fmt: skip
    assert len({entry.predictions.file for entry in result.entries}) == 3
