"""`imagenet-g evaluate`, `score` and `show` as a user runs them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result

COLOUR = "python:toy_models:make_colour_model"
CLASSES = [row % 40 for row in range(300)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 images of 40 classes that the colour model gets right."""
    return write_toy_folder(tmp_path / "images", CLASSES)


def evaluate(tmp_path: Path, *words: str, code: int = 0) -> Result | None:
    """Run `imagenet-g evaluate` with a cache and results folder of the test's own."""
    out = tmp_path / "out"
    assert main(["evaluate", *words, "--out", str(out), "--cache", str(tmp_path / "cache")]) == code
    files = sorted(out.glob("*/result.json"))
    return load_result(files[0]) if files else None


def evaluate_colour(tmp_path: Path, folder: Path, *words: str) -> Result:
    """Run the colour model on a folder."""
    result = evaluate(tmp_path, "--model", COLOUR, "--split", f"folder:{folder}", *words)
    assert result is not None
    return result


def test_a_folder_is_scored_image_by_image(tmp_path: Path, folder: Path) -> None:
    """Every image is counted and every answer is the model's own."""
    entry = evaluate_colour(tmp_path, folder).entries[0]
    assert (entry.n, entry.n_unscored, entry.scores[0].metrics["top1"].right) == (300, 0, 300)


def test_predictions_lie_beside_the_result_with_the_hash_it_names(tmp_path: Path, folder: Path) -> None:
    """The evidence travels with the numbers."""
    from imagenet_g.benchmark.identity import hash_file

    result = evaluate_colour(tmp_path, folder)
    path = next((tmp_path / "out").glob("*/result.json")).parent / result.entries[0].predictions.file
    assert hash_file(path) == result.entries[0].predictions.sha256
    assert len(load_predictions(path)[0]) == 300


def test_a_truncated_jpeg_is_counted_as_wrong_and_named(tmp_path: Path, folder: Path) -> None:
    """N stays 300, one is unscored, and the result says which and why."""
    broken = folder / "n01440764" / "00000.png"
    broken.write_bytes(broken.read_bytes()[:40])
    entry = evaluate_colour(tmp_path, folder).entries[0]
    assert (entry.n, entry.n_unscored, entry.scores[0].metrics["top1"].right) == (300, 1, 299)
    assert entry.unscored[0].image_id == "n01440764/00000.png"
    assert entry.scores[0].top1.value == pytest.approx(299 / 300)


def test_skip_unreadable_leaves_the_image_out(tmp_path: Path, folder: Path) -> None:
    """With the flag the accuracy is over 299 images, and both counts are reported."""
    (folder / "n01440764" / "00000.png").write_bytes(b"")
    entry = evaluate_colour(tmp_path, folder, "--skip-unreadable").entries[0]
    assert (entry.n, entry.n_unscored, entry.scores[0].top1.value) == (300, 1, 1.0)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"


def spoil(folder: Path, pattern: str = "*/*", data: bytes = POINTER) -> None:
    """Put other bytes in the place of images."""
    for path in folder.glob(pattern):
        path.write_bytes(data)


@pytest.mark.parametrize("part", ["--split", "--reference"])
def test_a_set_without_one_readable_image_is_an_error_and_writes_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    """Before a model is loaded: no accuracy of 0, no gap of 100 points, one message with the reason."""
    lost = write_toy_folder(tmp_path / "lost", [0, 0, 1, 1])
    spoil(lost)
    words = ["--split", f"folder:{folder}"] if part == "--reference" else []
    assert (
        evaluate(tmp_path, "--model", "python:nowhere:make", part, f"folder:{lost}", *words, code=2) is None
    )
    assert not any((tmp_path / "out").rglob("*"))
    assert capsys.readouterr().err.strip() == (
        f"imagenet-g: None of the 4 images of 'folder:{lost}' can be read. Commonest reason (4 images): "
        "not an image file but a Git LFS pointer: run 'git lfs pull' where the images come from."
    )


def test_why_images_are_unreadable_is_counted_and_printed(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commonest reason, the number of others, and what they count as."""
    spoil(folder, "n01440764/*")
    spoil(folder, "n01443537/00001.png", b"")
    entry = evaluate_colour(tmp_path, folder).entries[0]
    assert entry.unscored_reasons is not None
    assert [found.n for found in entry.unscored_reasons] == [8, 1]
    printed = " ".join(capsys.readouterr().out.split())
    assert "Commonest reason (8 images): not an image file but a Git LFS pointer" in printed
    assert "1 other reason (1 image). They count as wrong" in printed


def test_no_gap_where_nothing_of_the_twin_can_be_read(tmp_path: Path, folder: Path) -> None:
    """The reference has other classes that can be read; 0 % on the split's own would be no reference."""
    clean = write_toy_folder(tmp_path / "clean", [row % 50 for row in range(50)])
    split = write_toy_folder(tmp_path / "split", [0, 0, 1, 1])
    spoil(clean, "n01440764/*")
    spoil(clean, "n01443537/*")
    words = ("--split", f"folder:{split}", "--reference", f"folder:{clean}")
    result = evaluate(tmp_path, "--model", COLOUR, *words)
    assert result is not None
    assert result.entries[1].gaps == ()
    assert any("No gap: none of the 2 images" in warning for warning in result.entries[1].warnings)


def test_a_view_without_one_readable_image_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though the whole split has some."""
    folder = write_toy_folder(tmp_path / "set", [0, 1, 1])
    spoil(folder, "n01443537/*")
    evaluate(tmp_path, "--model", COLOUR, "--split", f"folder:{folder}")
    files = [str(path) for path in (tmp_path / "out").glob("*/predictions/*.parquet")]
    assert main(["score", *files, "--view", "imagenet-r"]) == 2
    assert "None of the 2 images of" in capsys.readouterr().err


def test_limit_spreads_over_the_split_and_marks_the_result(tmp_path: Path, folder: Path) -> None:
    """30 images of 40 sorted classes come from 30 classes, and the entry says that it is partial."""
    entry = evaluate_colour(tmp_path, folder, "--limit", "30").entries[0]
    assert (entry.n, entry.limit, entry.partial) == (30, 30, True)
    predictions, _ = load_predictions(next((tmp_path / "out").glob("*/predictions/*.parquet")))
    assert len(np.unique(predictions.labels)) == 30


def test_a_second_run_computes_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer comes from the cache and is the same."""
    first = evaluate_colour(tmp_path, folder)
    second = evaluate_colour(tmp_path, folder)
    assert second.entries == first.entries
    assert "from the cache" in capsys.readouterr().out


def test_a_changed_image_is_computed_again(tmp_path: Path, folder: Path) -> None:
    """The cache goes by content, not by name."""
    evaluate_colour(tmp_path, folder)
    (folder / "n01440764" / "00000.png").write_bytes((folder / "n01443537" / "00001.png").read_bytes())
    assert evaluate_colour(tmp_path, folder).entries[0].scores[0].metrics["top1"].right == 299


def test_a_view_costs_no_inference(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A class subset is a filter on stored predictions."""
    evaluate_colour(tmp_path, folder)
    files = [str(path) for path in (tmp_path / "out").glob("*/predictions/*.parquet")]
    capsys.readouterr()
    assert main(["score", *files, "--view", "imagenet-r"]) == 0
    assert ":imagenet-r" in capsys.readouterr().out


def test_a_measured_reference_is_run_first_and_gives_the_gap(tmp_path: Path, folder: Path) -> None:
    """The clean set is an entry of its own, and the gap names its predictions."""
    clean = write_toy_folder(tmp_path / "clean", CLASSES[:80])
    result = evaluate_colour(tmp_path, folder, "--reference", f"folder:{clean}")
    assert [entry.n for entry in result.entries] == [80, 300]
    gap = result.entries[1].gaps[0]
    assert (gap.value, gap.reference.kind, gap.reference.n) == (0.0, "measured", 80)
    assert gap.reference.predictions_sha256 == result.entries[0].predictions.sha256


def test_score_recomputes_the_very_same_entry(tmp_path: Path, folder: Path) -> None:
    """What `evaluate` wrote follows from its predictions alone."""
    clean = write_toy_folder(tmp_path / "clean", CLASSES[:80])
    result = evaluate_colour(tmp_path, folder, "--reference", f"folder:{clean}")
    home = next((tmp_path / "out").glob("*/result.json")).parent
    words = [str(home / result.entries[1].predictions.file)]
    words += ["--reference", str(home / result.entries[0].predictions.file), "--out", str(home)]
    assert main(["score", *words]) == 0
    assert load_result(home).entries == result.entries[1:]


def test_show_prints_the_table_and_where_it_came_from(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result file can be read by a person."""
    evaluate_colour(tmp_path, folder)
    capsys.readouterr()
    assert main(["show", str(next((tmp_path / "out").glob("*/result.json")))]) == 0
    printed = capsys.readouterr().out
    assert "100.00" in printed
    assert "torch-" in printed


def test_one_failing_model_does_not_stop_the_others(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The good one is scored, the bad one is named, and the exit code is 1."""
    result = evaluate(
        tmp_path, "--model", "python:toy_models:make_failing_model", "--model", COLOUR,
        "--split", f"folder:{folder}", code=1,
    )  # fmt: skip
    assert result is not None
    assert "no such layer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "timm:resnet5O", "--split", "folder:{folder}"], "Did you mean"),
        (["--model", "resnet50", "--split", "folder:{folder}"], "timm:resnet50"),
        (["--model", COLOUR, "--split", "v9/sd-l"], "v9"),
        (["--model", COLOUR, "--split", "mini/renditon"], "Did you mean"),
        (["--model", COLOUR, "--split", "folder:{tmp}/absent"], "absent"),
        (["--model", COLOUR, "--split", "folder:{tmp}/empty"], "empty"),
        (["--model", COLOUR, "--split", "folder:{tmp}/names"], "cats"),
        (["--model", COLOUR, "--split", "folder:{folder}", "--limit", "0"], "at least 1"),
        (["--model", COLOUR, "--split", "folder:{folder}", "--limit", "many"], "many"),
        (["--model", COLOUR, "--split", "folder:{folder}", "--device", "tpu"], "Available"),
        (["--model", COLOUR, "--split", "folder:{folder}", "--data", "imagenet-val"], "NAME=PATH"),
        (["--model", COLOUR, "--split", "folder:{folder}", "--reference", "imagenet-vall"], "imagenet-val"),
        (["--split", "folder:{folder}"], "--model"),
    ],
)
def test_a_mistake_gets_one_message_and_writes_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    """Exit code 2, what is wrong and what to do, no traceback, no file."""
    (tmp_path / "empty").mkdir()
    write_toy_folder(tmp_path / "names", [1])
    (tmp_path / "names" / "cats").mkdir()
    (tmp_path / "names" / "cats" / "1.png").write_bytes(b"x")
    filled = [word.format(folder=folder, tmp=tmp_path) for word in words]
    assert evaluate(tmp_path, *filled, code=2) is None
    printed = capsys.readouterr().err
    assert message in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_one_message(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file where the results folder should be: said, not traced."""
    (tmp_path / "out").write_text("in the way")
    evaluate(tmp_path, "--model", COLOUR, "--split", f"folder:{folder}", code=2)
    assert "--out" in capsys.readouterr().err


def test_it_says_which_model_a_short_name_was_taken_for_also_from_the_cache(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person who typed half a name reads the whole one, every time."""
    import timm
    from safetensors.torch import save_file

    checkpoint = tmp_path / "own.safetensors"
    save_file(timm.create_model("resnet18").state_dict(), checkpoint)
    for _ in range(2):
        evaluate(
            tmp_path, "--model", "timm:resnet18", "--checkpoint", str(checkpoint), "--limit", "2",
            "--split", f"folder:{folder}",
        )  # fmt: skip
        assert "resolves to 'timm:resnet18." in capsys.readouterr().err


def test_a_baseline_that_has_no_line_for_a_split_is_said(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking for effective robustness where none can be stated is answered, not ignored."""
    evaluate(tmp_path, "--model", COLOUR, "--split", f"folder:{folder}", "--baseline", "testbd", code=2)
    assert "Did you mean 'testbed'" in capsys.readouterr().err


def test_a_reference_of_fewer_classes_is_scored_on_its_own_classes_too(tmp_path: Path, folder: Path) -> None:
    """A clean folder of 25 classes serves a split of 40."""
    clean = write_toy_folder(tmp_path / "clean", [row % 25 for row in range(50)])
    result = evaluate_colour(tmp_path, folder, "--reference", f"folder:{clean}")
    assert [score.num_outputs for score in result.entries[0].scores] == [1000, 25]
    assert not result.entries[1].gaps[0].reference.same_classes


def test_the_same_images_under_another_name_are_another_split(tmp_path: Path, folder: Path) -> None:
    """Predictions say which split they are on; a real set is not served with a folder's."""
    evaluate_colour(tmp_path, folder)
    words = ["--split", "imagenet-sketch", "--data", f"imagenet-sketch={folder}"]
    assert evaluate(tmp_path, "--model", COLOUR, *words) is not None
    files = (tmp_path / "out").glob("*/predictions/*.parquet")
    assert {load_predictions(path)[1].split.ref for path in files} == {f"folder:{folder}", "imagenet-sketch"}


def test_an_edited_model_is_run_again(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Same weights, other code: the cache must not answer."""
    code = (
        "import torch\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('w', torch.ones(1))\n"
        "    def forward(self, x):\n        return torch.eye(1000)[[ANSWER] * len(x)]\n"
    )
    monkeypatch.chdir(tmp_path)
    answers = []
    for name, answer in (("net_a", 0), ("net_b", 1)):
        for module in ("edited_net", name):
            sys.modules.pop(module, None)
        (tmp_path / "edited_net.py").write_text(code.replace("ANSWER", str(answer)))
        # Python takes compiled code of a file of this size and second for that of this one.
        os.utime(tmp_path / "edited_net.py", (answer, answer))
        result = evaluate(tmp_path, "--model", "python:edited_net:Net", "--split", f"folder:{folder}")
        assert result is not None
        predictions, _ = load_predictions(next((tmp_path / "out").glob("*/predictions/*.parquet")))
        answers.append(int(predictions.top5.indices[0, 0]))
    assert answers == [0, 1]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('layer')", "KeyError"),
        ("return torch.zeros(len(x), 1000 if len(x) == 1 else 7)", "(8, 7)"),
        ("return torch.zeros(1, 1000)", "(1, 1000)"),
    ],
)
def test_whatever_a_model_raises_is_one_message_and_the_next_model_runs(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    body: str,
    message: str,
) -> None:
    """Third-party code may do anything."""
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("bad_net", None)
    (tmp_path / "bad_net.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.register_buffer('w', torch.ones(1))\n        self.calls = 0\n"
        "    def forward(self, x):\n        self.calls += 1\n"
        f"        if self.calls == 1: return torch.zeros(len(x), 1000)\n        {body}\n"
    )
    words = ["--model", "python:bad_net:Net", "--model", COLOUR, "--split", f"folder:{folder}"]
    result = evaluate(tmp_path, *words, code=1)
    assert result is not None
    assert message in capsys.readouterr().err


def test_results_on_other_splits_are_kept(tmp_path: Path, folder: Path) -> None:
    """A second run adds to the model's result instead of replacing it."""
    other = write_toy_folder(tmp_path / "other", [1, 2, 3])
    evaluate_colour(tmp_path, folder)
    result = evaluate_colour(tmp_path, other)
    assert {entry.n for entry in result.entries} == {3, 300}


def test_score_selects_a_view_as_evaluate_does(tmp_path: Path) -> None:
    """Other right answers of the embedded drawings do not make them members of a class set."""
    words = ["--model", COLOUR, "--limit", "120", "--reference", "published"]
    result = evaluate(tmp_path, *words, "--split", "mini/renditions:imagenet-r")
    assert result is not None
    home = next((tmp_path / "out").glob("*/result.json")).parent
    files = [str(home / result.entries[0].predictions.file), "--view", "imagenet-r"]
    assert main(["score", *files, "--out", str(home)]) == 0
    assert load_result(home).entries[0].n == result.entries[0].n
