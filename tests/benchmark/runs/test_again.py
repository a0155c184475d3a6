"""A stored result run again: what it is made from, and what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from toy_models import ColourModel, make_colour_model, write_toy_folder

import imagenet_g as ig
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.runs import again, changes
from imagenet_g.benchmark.runs.again import RerunInputs, plan_rerun
from imagenet_g.benchmark.runs.changes import compare_results, list_number_changes
from imagenet_g.benchmark.runs.lines import load_robustness

SUBMISSIONS = Path(__file__).parents[3] / "submissions" / "mini"
FACTORY = "python:toy_models:make_colour_model"


def load_shipped(name: str) -> Result:
    """The result of a shipped submission."""
    return Result.model_validate(json.loads((SUBMISSIONS / f"{name}.json").read_text())["result"])


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    """Four images and a clean set of four others."""
    write_toy_folder(tmp_path / "clean", [1, 2, 3, 3])
    return write_toy_folder(tmp_path / "toys", [1, 2, 2, 3])


@pytest.fixture
def stored(toys: Path, tmp_path: Path) -> Path:
    """A result as the command writes it, one of two images of four."""
    clean = f"folder:{tmp_path / 'clean'}"
    words = [
        "--model",
        FACTORY,
        "--split",
        f"folder:{toys}",
        "--reference",
        clean,
        "--cache",
        str(tmp_path / "cache"),
    ]
    assert (
        main(["evaluate", *words, "--limit", "3", "--skip-unreadable", "--out", str(tmp_path / "results")])
        == 0
    )
    return next((tmp_path / "results").glob("*/result.json"))


def test_options_follow_from_a_result() -> None:
    """Splits of one clean set and baseline are one run; the clean set itself is made by it."""
    result = load_shipped("imagenet-g__mini-clip")
    lines = [str(path) for path in sorted((SUBMISSIONS / "baselines").glob("*.json"))]
    planned = plan_rerun(result, RerunInputs(baseline=lines), out=Path("again"))
    assert {ref for options in planned for ref in options.split or ()} | {"mini/real"} == {
        entry.split.ref for entry in result.entries
    }
    texts = result.model.zero_shot
    assert texts is not None
    for options in planned:
        assert options.model == (result.model.spec,)
        assert options.reference == "mini/real"
        assert options.templates == texts.templates
        assert not options.unfiltered_reference


def test_a_measured_line_that_is_not_given_is_asked_for() -> None:
    """A set of models has the name of the lines that were measured with it, and is none itself."""
    with pytest.raises(InputError, match="give its file with --baseline FILE"):
        plan_rerun(load_shipped("imagenet-g__mini-clip"), RerunInputs(), out=Path("again"))


def test_a_baseline_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many splits and views are held against it."""
    result = load_shipped("imagenet-g__mini-clip")
    lines = [str(path) for path in sorted((SUBMISSIONS / "baselines").glob("*.json"))]
    load, read = load_robustness("check"), []

    def check(name: str) -> Any:
        read.append(name)
        return load(name)

    monkeypatch.setattr(again, "load_robustness", lambda name: check)
    plan_rerun(result, RerunInputs(baseline=lines), out=Path("again"))
    assert sorted(read) == sorted(set(read))
    assert set(lines) <= set(read)


def test_own_prompts_are_asked_for() -> None:
    """The result has their hash alone."""
    result = load_shipped("imagenet-g__mini-clip")
    texts = result.model.zero_shot
    assert texts is not None
    own = texts.model_copy(update={"templates": "own-0123abcd"})
    model = result.model.model_copy(update={"zero_shot": own})
    with pytest.raises(InputError, match=r"prompts of your own.*--templates FILE"):
        plan_rerun(result.model_copy(update={"model": model}), RerunInputs(), out=Path("again"))


def test_limit_and_unreadable_images_are_taken_from_the_result(stored: Path) -> None:
    """What was typed is not needed."""
    (options,) = plan_rerun(load_result(stored), RerunInputs(), out=Path("again"))
    assert (options.limit, options.skip_unreadable, options.dtype) == (3, True, "float32")


def test_the_same_again_has_exit_code_0(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says so, split by split."""
    assert main(["rerun", str(stored)]) == 0
    printed = capsys.readouterr().out
    assert f"{FACTORY}: the same numbers" in printed
    assert printed.count("the same answer to each of 3 images") == 2


def test_whole_and_partial_splits_of_one_result_are_all_run_again(
    toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They need two runs, and a partial entry does not outlast the next run in its folder."""
    words = ["evaluate", "--model", FACTORY, "--reference", "published", "--out", str(tmp_path / "results")]
    assert main([*words, "--split", f"folder:{tmp_path / 'clean'}"]) == 0
    assert main([*words, "--split", f"folder:{toys}", "--limit", "2"]) == 0
    capsys.readouterr()
    assert main(["rerun", *map(str, (tmp_path / "results").iterdir())]) == 0
    printed = capsys.readouterr().out
    assert "the same answer to each of 4 images" in printed
    assert "the same answer to each of 2 images" in printed


def test_an_image_that_was_exchanged_is_seen(
    stored: Path, toys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As another content, other numbers and another answer; the new result is kept where it is asked for."""
    first = sorted(toys.rglob("*.png"))[0]
    Image.new("RGB", (4, 4), (9, 9, 9)).save(first)
    assert main(["rerun", str(stored.parent), "--out", str(tmp_path / "again")]) == 1
    printed = capsys.readouterr().out
    assert "another answer to 1 of 3 images" in printed
    assert "images and labels: " in printed
    assert "top1 (all): 1 became 0.666667" in printed
    assert len(list((tmp_path / "again").glob("*/result.json"))) == 1
    assert not list((tmp_path / "again").glob("cache-*"))


def test_call_and_command_say_the_same(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They run one function."""
    assert main(["rerun", str(stored)]) == 0
    printed = capsys.readouterr().out.strip()
    found = ig.rerun(stored, progress=False)
    assert found.same
    assert repr(found) == printed


def test_a_new_run_never_replaces_the_stored_one(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be compared with itself."""
    before = stored.read_bytes()
    assert main(["rerun", str(stored), "--out", str(stored.parents[1])]) == 2
    assert "name another" in capsys.readouterr().err
    assert stored.read_bytes() == before


class OtherModel(ColourModel):
    """Always one class further on."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As ColourModel, rolled by one class."""
        return super().forward(images).roll(1, dims=1)


def run_live(
    module: torch.nn.Module, transform: Callable[[Image.Image], torch.Tensor], toys: Path
) -> ig.Results:
    """A model of this process on the toys."""
    options: dict[str, Any] = {"reference": "published", "cache": toys.parent / "cache", "progress": False}
    return ig.evaluate(module, transform=transform, splits=f"folder:{toys}", **options)


def test_a_live_model_is_asked_for(toys: Path) -> None:
    """Its name stands for no code."""
    results = run_live(*make_colour_model(), toys)
    with pytest.raises(InputError, match=r"imagenet_g.rerun\(..., model=...\)"):
        ig.rerun(results, progress=False)


def test_another_live_model_gives_other_answers(toys: Path) -> None:
    """All of them, whatever is kept."""
    module, transform = make_colour_model()
    results = run_live(module, transform, toys)
    assert ig.rerun(results, model=module, transform=transform, progress=False).same
    found = ig.rerun(results, model=OtherModel(), transform=transform, progress=False)
    assert not found.same
    assert "another answer to 4 of 4 images" in repr(found)


def test_results_of_several_models_are_run_one_at_a_time(toys: Path) -> None:
    """Which one is meant is not clear."""
    results = run_live(*make_colour_model(), toys)
    with pytest.raises(InputError, match="results of 2 models"):
        ig.rerun(results + results, progress=False)


def test_numbers_within_rounding_are_the_same(stored: Path) -> None:
    """Sums in another order differ in the last digits."""
    entry = load_result(stored).entries[0]
    score = entry.scores[0]
    top1 = score.metrics["top1"]
    for shift, expected in ((1e-9, 0), (1e-3, 1)):
        moved = top1.model_copy(update={"value": top1.value - shift})
        metrics = {**score.metrics, "top1": moved}
        other = entry.model_copy(update={"scores": (score.model_copy(update={"metrics": metrics}),)})
        alone = entry.model_copy(update={"scores": (score,)})
        assert len(list(list_number_changes(alone, other))) == expected


def test_a_file_is_compared_once_for_all_its_views(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its answers are said to be those of the whole split."""
    result = load_result(stored)
    entry = result.entries[0]
    view = entry.split.model_copy(update={"ref": f"{entry.split.ref}:part", "view": "part"})
    both = result.model_copy(update={"entries": (entry, entry.model_copy(update={"split": view}))})
    compare, compared = changes.compare_answers, []

    def count(*given: Any) -> changes.AnswerChange:
        compared.append(given)
        return compare(*given)

    monkeypatch.setattr(changes, "compare_answers", count)
    lines = compare_results(both, stored.parent, both, stored.parent).list_lines()
    assert len(compared) == 1
    assert lines[1].endswith("to each of 3 images")
    assert lines[2].endswith("to each of 3 images of the whole split")
