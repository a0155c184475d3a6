"""Flags in submissions: none can be left out, none can be made up, and old files stay valid."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from submission_cases import list_codes, renew_scores, set_at, validate_case, write_case

from imagenet_g.benchmark.lineage.flags import flag_entry
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.results import Entry
from imagenet_g.leaderboard.validation.compare_numbers import compare_entries

FILE = Path(__file__).resolve().parents[3] / "submissions/mini/imagenet-g__mini-resnet-s/mini-sd-l.parquet"
OLDER = {"contamination_rules": "0" * 64}


@cache
def load_flagged() -> Entry:
    """A split that a generator drew, of a model that was trained on images of its kin."""
    request = RescoreRequest(
        files=(FILE,), reference=None, view=None, data={}, skip_unreadable=False, out=Path()
    )
    result = rescore(request)
    model = result.model.model_copy(update={"generated_training_data": ("packaged:mini-sd-2",)})
    return flag_entry(result.entries[0], model)


def hide() -> dict[str, object]:
    """A change that leaves the flag out, here and among the warnings."""
    said = {flag.reason for flag in load_flagged().contamination}
    kept = tuple(text for text in load_flagged().warnings if not any(reason in text for reason in said))
    return {"contamination": (), "warnings": kept}


def list_found(claimed: Entry, recomputed: Entry) -> list[tuple[str, str]]:
    """Severity and code of each finding."""
    return [(one.severity, one.code) for one in compare_entries(claimed, recomputed)]


def test_a_flag_that_is_stated_is_no_problem() -> None:
    """It follows from the manifest and from what is declared."""
    assert [flag.kind for flag in load_flagged().contamination] == ["kin-generator"]
    assert list_found(load_flagged(), load_flagged()) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, [("error", "warning-removed")]),
        # A file whose flags were found by other data is not refused, and the reader sees what is new.
        (OLDER, [("note", "new-flag")]),
    ],
)
def test_a_flag_cannot_be_left_out(change: dict[str, object], found: list[tuple[str, str]]) -> None:
    """Unless the file is older than the data that give it."""
    assert list_found(load_flagged().model_copy(update={**hide(), **change}), load_flagged()) == found


@pytest.mark.parametrize(
    ("change", "found"), [({}, ("error", "not-reproduced")), (OLDER, ("note", "old-flag"))]
)
def test_a_flag_cannot_be_made_up(change: dict[str, object], found: tuple[str, str]) -> None:
    """Today's data must give it, unless the file is of another day."""
    clean = load_flagged().model_copy(update=hide())
    assert list_found(load_flagged().model_copy(update=change), clean) == [found]


def test_a_flag_must_be_among_the_warnings() -> None:
    """Readers see these."""
    quiet = load_flagged().model_copy(update={"warnings": hide()["warnings"]})
    assert list_found(quiet, load_flagged()) == [("error", "warning-removed")]


def test_the_origin_of_a_split_is_its_manifests() -> None:
    """A file cannot say that nothing drew it."""
    split = load_flagged().split
    assert split.origin is not None
    forged = split.model_copy(update={"origin": split.origin.model_copy(update={"generators": ()})})
    claimed = load_flagged().model_copy(update={"split": forged})
    assert list_found(claimed, load_flagged()) == [("error", "contradiction")]


def test_a_file_of_today_says_by_which_data_its_flags_were_found(tmp_path: Path) -> None:
    """Otherwise a flag that is left out would look like one that came later."""

    def forget(content: dict[str, object]) -> None:
        renew_scores(content)
        set_at("result.entries.0.contamination_rules", None)(content)

    assert "contradiction" in list_codes(validate_case(write_case(tmp_path, forget)))
