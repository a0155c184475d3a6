"""Every command shows a name as it was typed, and no control character reaches the terminal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from toy_models import write_toy_folder

from imagenet_g.benchmark.cli import list_commands, main
from imagenet_g.benchmark.predictions.result_files import load_result, write_result

COLOUR = "python:toy_models:make_colour_model"
NAMES = ("[red]x[", ":fire:", "m[ema]", "m[raw]", "a[", "$x$", "a|b`c`", "=cmd()", "{0}%s", "<b>x<b>")
CONTROL = "a\x1b[31m\u202eb\rc\nd"
ESCAPED = r"a\x1b[31m\u202eb\rc"
TYPED = [
    ["evaluate", "--model", COLOUR, "--split", "@"], ["evaluate", "--model", COLOUR, "--split", "folder:@"],
    ["evaluate", "--model", "python:@", "--split", "mini/real", "--limit", "1"],
    ["evaluate", "--model", COLOUR, "--baseline", "@"],
    ["compare", "@", "@"], ["merge", "@", "--out", "out"],
    ["score", "@"], ["score", "@.csv", "--split", "mini/real", "--name", "x"],
    ["export-mcq", "@", "--out", "q.tsv"], ["show", "@"], ["plot", "@"], ["rerun", "@"], ["models", "@"],
    ["splits", "--sets", "@"],
    ["splits", "--data", "v1=@"], ["download", "@"], ["submit", "@"], ["build", "@"], ["verify", "@"],
    ["publish", "@", "--dry-run"], ["adopt", "@", "--version", "x", "--split", "y"],
    ["diff", "@", "@"], ["train", "@"],
    ["filter", "folder:@", "--like", "mini"], ["filter", "mini/real", "--like", "@"],
    ["captions", "train", "@", "--out", "o"], ["captions", "check", "@"], ["captions", "show", "@"],
    ["audit", "make", "@", "--out", "o"], ["audit", "report", "@"], ["audit", "serve", "@"],
    ["audit", "attach", "@", "@"], ["audit", "import", "@", "@"], ["audit", "export", "@", "--to", "o"],
    ["sibling", "check", "@"], ["sibling", "build", "@", "--key", "k", "--out", "o"],
    ["sibling", "score", "r", "--sealed", "s", "--answers", "@", "--out", "o"],
    ["sibling", "retire", "@", "--key", "k", "--sealed", "s"],
    ["baselines", "show", "@"], ["baselines", "run", "--split", "@"], ["baselines", "apply", "@"],
    ["baselines", "plot", "--split", "@", "--out", "o"], ["baselines", "train", "@"],
    ["baselines", "distort", "mini/real", "--network", "edsr", "--weights", "@", "--out", "o"],
    ["baselines", "replay", "@"], ["published", "@"], ["plan-sample", "--difference", "@"],
    ["expect", "--accuracy", "0.7", "--split", "@"],
    ["probe", "@", "--model", COLOUR, "--out", "o"], ["features", "--model", COLOUR, "--split", "@"],
    ["distance", "--split", "@", "--reference", "mini/real"], ["gallery", "@"],
    ["critique", "@", "--reference", "mini/real"],
    ["convert", "@", "--out", "o"], ["finetune", "@", "--out", "o"],
    ["inspect", "@", "--release", "@"], ["validate", "@"], ["verify-submission", "@", "--by", "me"],
    ["publish-results", "@", "--repo", "a/b"], ["leaderboard", "export", "--board", "@", "--to", "o"],
    ["lab", "caption-trial", "@"],
    ["lab", "read-classes", "--judge", "wheel:@", "--out", "o"],
    ["lab", "fidelity", "@", "--split", "s", "--train", "t", "--clip", "c", "--out", "o"],
]  # fmt: skip
WITHOUT_NAMES = {"versions", "renditions", "embed"}
"""They take none, or only the folder to write to."""


def test_every_command_that_takes_a_name_is_in_the_walk() -> None:
    """A new command needs a line above."""
    walked = {words[1] if words[0] == "lab" else words[0] for words in TYPED}
    assert set(list_commands()) - WITHOUT_NAMES == walked


@pytest.mark.parametrize("words", TYPED, ids=" ".join)
def test_a_mistyped_name_is_repeated_as_it_was_typed(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one message and no traceback, whatever is in it."""
    monkeypatch.chdir(tmp_path)
    name = "[red]x[.] :fire: a[.b] $x$ |`t`"
    assert main([word.replace("@", name) for word in words]) == 2
    printed = capsys.readouterr()
    assert name in printed.out + printed.err


@pytest.mark.parametrize("words", TYPED, ids=" ".join)
def test_no_control_character_of_a_name_reaches_the_terminal(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would colour, hide or overwrite what is on it."""
    monkeypatch.chdir(tmp_path)
    assert main([word.replace("@", CONTROL) for word in words]) == 2
    printed = capsys.readouterr()
    assert (printed.out + printed.err).replace("\n", "").isprintable()
    assert not re.search(r"^d", printed.out + printed.err, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of splits with hostile names, and the result of one model on all of them."""
    root = tmp_path_factory.mktemp("named")
    words = []
    for name in [*NAMES, CONTROL]:
        write_toy_folder(root / name, [0, 1])
        words += ["--split", f"folder:{name}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["evaluate", "--model", COLOUR, *words, "--out", "out", "--cache", "cache"]) == 0
    return root


def list_rows(printed: str) -> list[str]:
    """Split of each row of the table of gaps."""
    cells = [line.split("│")[1].strip() for line in printed.splitlines() if line.startswith("│ folder:")]
    return [cell.removesuffix(" (n 2)") for cell in cells]


def test_evaluate_and_show_have_a_row_for_each_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it was typed, in the order it was typed."""
    result = next(folder.glob("out/*/result.json"))
    assert main(["show", str(result)]) == 0
    rows = list_rows(capsys.readouterr().out)
    assert rows == [f"folder:{name}" for name in NAMES] + [rf"folder:{ESCAPED}\nd"]


def test_the_predictions_of_each_name_are_a_file_of_their_own(folder: Path) -> None:
    """Names that differ in one character must not overwrite one another."""
    result = load_result(next(folder.glob("out/*/result.json")))
    files = [entry.predictions.file for entry in result.entries]
    assert len(set(files)) == len(files) == len(NAMES) + 1


def test_score_shows_the_names(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the predictions alone."""
    files = sorted(map(str, folder.glob("out/*/predictions/*.parquet")))
    assert main(["score", *files]) == 0
    assert sorted(list_rows(capsys.readouterr().out)) == sorted(
        [f"folder:{name}" for name in NAMES] + [rf"folder:{ESCAPED}\nd"]
    )


@pytest.mark.parametrize("spec", ["timm:m[ema]", "timm::fire:", "timm:[/b]", "timm:$x$", "timm:a\x1b[31mb"])
def test_show_has_the_name_of_a_model(
    spec: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A result of someone else may name anything."""
    path = next(folder.glob("out/*/result.json"))
    result = load_result(path)
    named = result.model_copy(update={"model": result.model.model_copy(update={"spec": spec})})
    write_result(tmp_path, named)
    assert main(["show", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert spec.replace("\x1b", r"\x1b") in printed
    assert printed.replace("\n", "").isprintable()
