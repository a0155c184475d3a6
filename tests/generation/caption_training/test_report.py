"""`captions check` and `show`: what they find and print."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.generation.caption_training.report import CaptionReport, RunScores, make_report
from imagenet_g.generation.captions.diversity import compute_distinct, compute_self_bleu
from imagenet_g.generation.captions.files import CaptionSet, make_caption_set, write_captions
from imagenet_g.generation.captions.records import CaptionRecord
from imagenet_g.generation.commands.captions_check import find_class

TIGER, BEE = "n02129604", "n02206856"
TEXTS = {
    TIGER: [
        "A tiger naps in a taxi.",
        "A tiger naps in a taxi!",
        "tigers nap",
        "A nude tiger sings at noon.",
    ],
    BEE: ["A bee reads the morning news.", "Two wasps argue about rent."],
}


def make_set(*, rewards: bool = True) -> CaptionSet:
    """Six captions of two classes: a duplicate, a banned word, two that are not valid."""
    rows = [
        CaptionRecord(wnid=wnid, rank=rank, caption=text, reward=0.5 - 0.1 * rank if rewards else None)
        for wnid, texts in TEXTS.items()
        for rank, text in enumerate(texts)
    ]
    return make_caption_set("toy", rows, card=None, license="CC0-1.0")


@pytest.fixture
def report() -> CaptionReport:
    """Of the six, without a run."""
    return make_report(make_set(), None, min_words=4)


def test_faults_are_counted_and_shown(report: CaptionReport) -> None:
    """Two of six are not valid."""
    assert report.valid == pytest.approx(4 / 6)
    assert report.faults == {"no-capital": 1, "no-end": 1, "too-short": 1, "class-not-named": 1}
    assert [row.caption for row in report.faulty] == ["tigers nap", "Two wasps argue about rent."]


def test_duplicates_differ_in_marks_only(report: CaptionReport) -> None:
    """One caption says what a better one says."""
    assert report.duplicates == 1


def test_banned_words_are_shown(report: CaptionReport) -> None:
    """With the word."""
    assert [(row.caption, row.reasons) for row in report.banned] == [(TEXTS[TIGER][3], ("nude",))]


def test_diversity_is_that_of_the_captions(report: CaptionReport) -> None:
    """Over all for distinct-n, by class for self-BLEU."""
    texts = [text for group in TEXTS.values() for text in group]
    assert report.distinct_2 == compute_distinct(texts, 2)
    assert report.self_bleu == pytest.approx(sum(map(compute_self_bleu, TEXTS.values())) / 2)


def test_rewards_are_given_by_class(report: CaptionReport) -> None:
    """Means, and the best and worst to read."""
    means = {score.wnid: score.mean_reward for score in report.classes}
    assert means == {TIGER: pytest.approx(0.35), BEE: pytest.approx(0.45)}
    assert report.best[0].reward == 0.5 and report.worst[0].caption == TEXTS[TIGER][3]


def test_unknown_rewards_stay_unknown() -> None:
    """No score is made up."""
    report = make_report(make_set(rewards=False), None, min_words=4)
    assert report.mean_reward is None and report.best == () and report.fluency is None


def test_a_run_adds_fluency_and_checks_rewards() -> None:
    """The stored reward of the first is off by 0.2; one caption is cut by the text encoder."""
    captions = make_set()
    rewards = [row.reward or 0.0 for row in captions.rows]
    scores = RunScores(
        rewards=[rewards[0] + 0.2, *rewards[1:]],
        perplexities=[2.0, 3.0, 4.0, 5.0, 6.0, 70.0],
        too_long=[True, *[False] * 5],
    )
    report = make_report(captions, scores, min_words=4)
    assert report.rewards_off_by == pytest.approx(0.2)
    assert report.faults["too-long"] == 1 and report.valid == pytest.approx(3 / 6)
    assert report.fluency is not None
    assert (report.fluency.median, report.fluency.worst_caption) == (4.5, TEXTS[BEE][1])


def test_check_prints_and_writes_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command; the JSON is the report."""
    write_captions(tmp_path / "toy.jsonl", make_set())
    assert main(["captions", "check", str(tmp_path / "toy.jsonl"), "--out", str(tmp_path / "r.json")]) == 0
    printed = capsys.readouterr().out
    assert "valid          66.7 %" in printed and "perplexity     unknown" in printed
    assert CaptionReport.model_validate_json((tmp_path / "r.json").read_bytes()).duplicates == 1
    assert json.loads((tmp_path / "r.json").read_text())["schema_version"] == 1


def test_show_prints_the_best_of_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name or wnid."""
    write_captions(tmp_path / "toy.jsonl", make_set())
    assert main(["captions", "show", str(tmp_path / "toy.jsonl"), "--class", "bee", "-n", "1"]) == 0
    printed = capsys.readouterr().out
    assert TEXTS[BEE][0] in printed and TEXTS[BEE][1] not in printed and TEXTS[TIGER][0] not in printed
    assert "origin unknown" in printed


def test_a_class_that_is_not_in_the_file_is_named() -> None:
    """With the nearest."""
    assert find_class(make_set(), BEE) == BEE
    with pytest.raises(UnknownNameError, match="Did you mean 'tiger'"):
        find_class(make_set(), "tigre")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["captions", "train", "tinny", "--out", "x"], "Did you mean 'tiny'"),
        (["captions", "train", "tiny"], "Give a folder for the run"),
        (["captions", "train", "tiny", "--out", "x", "--seed", "-1"], "do not fit the settings"),
        (["captions", "check", "none.jsonl"], "no caption file 'none.jsonl'"),
        (["captions", "write", "none", "--out", "x.jsonl"], "no trained captions run"),
    ],
)
def test_mistakes_are_one_message(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, no traceback."""
    assert main(words) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_settings_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name."""
    assert main(["captions", "train"]) == 0
    assert "tiny" in capsys.readouterr().out
