"""What a run takes by default, what the user names, and what the result keeps of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_class_folders

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.evaluation.run_plans import NamedParts, RunPlan, plan_run
from imagenet_g.benchmark.predictions.result_files import load_result

COLOUR = "python:toy_models:make_colour_model"


def plan(
    splits: tuple[str, ...] = (),
    reference: str | None = None,
    baselines: tuple[str, ...] = (),
    *,
    data: dict[str, Path] | None = None,
    line: str | None = "/somewhere/drawn.json",
) -> RunPlan:
    """The plan of a run in which every split has the line `line`."""
    named = NamedParts(splits, reference, baselines)

    def find_line(split: str, clean: str | None) -> tuple[str | None, str]:
        return line, f"the line of {split} on {clean}"

    return plan_run(named, data or {}, None, cache=None, find_line=find_line)


def test_with_nothing_named_splits_reference_and_line_are_those_of_the_version() -> None:
    """And no superseded split is among them."""
    found = plan()
    assert [str(ref) for ref in found.splits] == ["mini-v2/sd-l", "mini-v2/sd-i", "mini-v2/sd-li"]
    assert {str(ref) for ref in found.references.values()} == {"mini/real"}
    assert found.list_baselines() == ["/somewhere/drawn.json"]


def test_each_choice_is_kept_with_its_reason() -> None:
    """Of the split, of its clean set, of its line; and of the clean set, why it was run."""
    found = plan()
    split, reference, baseline = found.choices["mini-v2/sd-l"]
    assert (split.what, split.taken) == ("split", "mini-v2")
    assert "newest practice edition, as no real version is available" in split.reason
    assert (reference.what, reference.taken) == ("reference", "mini/real")
    assert (baseline.what, baseline.taken) == ("baseline", "drawn")
    assert baseline.reason == "the line of mini-v2/sd-l on mini/real"
    assert [(one.what, one.taken) for one in found.choices["mini/real"]] == [("split", "mini/real")]


def test_what_is_named_is_taken_and_is_no_choice() -> None:
    """Splits, reference and baselines alike; nothing is looked for."""
    found = plan(("mini/sd-l", "imagenet-r"), "published", ("testbed",))
    assert [str(ref) for ref in found.splits] == ["mini/sd-l", "imagenet-r"]
    assert set(found.references.values()) == {None}
    assert found.baselines == {"mini/sd-l": ("testbed",), "imagenet-r": ("testbed",)}
    assert set(found.choices.values()) == {()}
    assert found.notes == ()


def test_a_named_reference_holds_for_every_split() -> None:
    """With its view."""
    found = plan(("mini/sd-l", "imagenet-r"), "mini/real:clip-filtered")
    assert {str(ref) for ref in found.references.values()} == {"mini/real:clip-filtered"}


def test_named_splits_of_several_kinds_have_their_own_references(tmp_path: Path) -> None:
    """The drawings for the one, the validation set for the other."""
    copy = write_class_folders(tmp_path / "val", ["n01440764"])
    found = plan(("mini/sd-l", "imagenet-r"), data={"imagenet-val": copy})
    assert str(found.references["mini/sd-l"]) == "mini/real"
    assert str(found.references["imagenet-r"]) == "imagenet-val"


def test_a_real_set_has_no_line_by_default() -> None:
    """No version measured one for it."""
    assert plan(("imagenet-r", "folder:x")).list_baselines() == []


def test_where_no_line_ships_that_is_a_choice_too() -> None:
    """The result says why there is no effective robustness."""
    found = plan(("mini/sd-l",), line=None)
    assert found.list_baselines() == []
    assert found.choices["mini/sd-l"][-1].taken is None


def test_the_headline_command_tells_the_story_and_keeps_its_choices(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line before the run, one note a version, one sentence a split, and the choices in the JSON."""
    words = ["--limit", "104", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", "--model", COLOUR, *words]) == 0
    printed = capsys.readouterr()
    assert printed.err.count("Only practice editions are available") == 1
    assert printed.out.count("mini-v2 is for smoke tests") == 1
    for split in ("sd-l", "sd-i", "sd-li"):
        assert f"on mini-v2/{split} (a partial run of 104 images)" in printed.out
    result = load_result(next((tmp_path / "out").glob("*/result.json")))
    assert result.entries[0].split.ref == "mini/real"
    assert [choice.what for choice in result.entries[1].choices][:2] == ["split", "reference"]
