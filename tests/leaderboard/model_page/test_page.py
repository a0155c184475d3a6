"""The page of one model as HTML, without a browser."""

from __future__ import annotations

import html
import re
import shlex
from dataclasses import replace

import pytest

from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.facts import quote_command
from imagenet_g.leaderboard.model_page.models import find_model, place_model
from imagenet_g.leaderboard.model_page.page import show_model
from imagenet_g.leaderboard.model_page.trust import load_limits
from imagenet_g.leaderboard.pages.queries import BoardQuery, parse_query, settle_query
from imagenet_g.leaderboard.submissions.problems import TRUST_LEVELS

LITE, CLIP = "imagenet-g__efficientnet-lite0", "imagenet-g__mini-clip"
PUBLISHED = "timm-in1k/resnet50.a1_in1k"


def show(board: Board, words: str) -> str:
    """The page of an address, its text unescaped."""
    query = settle_query(board, place_model(board, parse_query(words)))
    return html.unescape(show_model(board, query))


def test_every_split_of_the_version_has_a_line_with_or_without_a_result(board: Board) -> None:
    """A CLIP was not run on the renditions: the figure and the table keep their lines."""
    page = show(board, f"version=mini&model={CLIP}")
    splits = board.info.find_version("mini").splits
    missing = [split for split in splits if CLIP not in set(board.scores_by_split["mini", split]["model_id"])]
    assert 0 < len(missing) < len(splits)
    assert f"{len(splits) - len(missing)} of {len(splits)} splits have a result." in page
    assert page.count("mp-track mp-missing") == len(missing)
    assert all(re.search(rf'{re.escape(split)}</th><td class="none"', page) for split in missing)


def test_a_row_shows_its_numbers_with_the_line_that_they_are_measured_from(board: Board) -> None:
    """As the board's tables have them."""
    scores = board.scores_by_split["mini", "mini/sd-l"].set_index("model_id").loc[CLIP]
    page = show(board, f"version=mini&model={CLIP}")
    row = next(line for line in page.split("<tr>") if line.startswith('<th scope="row">mini/sd-l</th>'))
    for value in (scores["top1"], scores["clean"]):
        assert f"{100 * value:.2f}" in row
    er = board.robustness_by_split["mini", "mini/sd-l", "drawn", "logit"].set_index("model_id").loc[CLIP]
    assert f"{100 * abs(er['er']):.2f}" in row
    assert f"drawn, logit, expects {100 * er['expected']:.1f} %" in row


def test_an_address_with_a_model_alone_opens_the_version_that_has_it(board: Board) -> None:
    """The newest version, which the page opens on, has none of the shipped models."""
    assert place_model(board, BoardQuery(model=LITE)).version == "mini"
    assert place_model(board, BoardQuery(model=LITE, version="v1")).version == "v1"
    assert "2 versions" not in show(board, f"model={LITE}")
    assert "No row in v1" in show(board, f"model={LITE}")


@pytest.mark.parametrize("model", ["gone", "<script>alert(1)</script>", "../../etc", "x" * 190])
def test_an_unknown_model_is_one_line_with_a_way_back(board: Board, model: str) -> None:
    """Escaped, whatever it says."""
    page = show_model(board, settle_query(board, BoardQuery(version="mini", model=model)))
    assert f"This board has no model &#x27;{html.escape(model)}&#x27;." in page
    assert 'href="?version=mini&amp;split=mini%2Frenditions"' in page
    assert "<script" not in page


def test_a_submission_shows_weights_preprocessing_licence_and_dates(board: Board) -> None:
    """From its file and its review."""
    page, facts = show(board, f"model={CLIP}"), board.facts_by_model["mini", CLIP]
    for words in (
        facts.weights_sha256, "64 × 64 px", "Apache-2.0 AND CC-BY-4.0 AND MIT", "1,262,673",
        facts.preprocessing.description, f"{facts.reviewed_utc[:10]}</time> mini: reviewed",
        "The same weights in mini, mini-v2.",
    ):  # fmt: skip
        assert words in page, words


def test_a_board_of_the_first_format_says_unknown(board: Board) -> None:
    """It has the rows and no facts."""
    page = show(replace(board, facts=()), f"model={CLIP}")
    assert '<dt>Weights, sha256</dt><dd><span class="none">unknown</span></dd>' in page
    assert "Dates for mini, mini-v2: unknown." in page
    assert "1,262,673" in page


def test_a_published_row_has_its_source_and_a_command_that_claims_no_more(board: Board) -> None:
    """Its figures are not those that the command gives."""
    page = show(board, f"model={PUBLISHED}")
    assert '<dt>Weights, sha256</dt><dd><span class="none">unknown</span></dd>' in page
    assert "imagenet-g evaluate --model=timm:resnet50.a1_in1k --split=" in page
    assert "which may give others" in page
    assert "Dates for real-sets: unknown." in page


def test_each_level_of_trust_is_explained_in_the_words_of_the_threat_model() -> None:
    """All four, from the file that maintainers edit."""
    assert set(load_limits()) == set(TRUST_LEVELS)
    assert "any model gave the answers" in load_limits()["recomputed"][1]


def test_the_command_of_a_row_is_that_of_its_record(board: Board) -> None:
    """Read by a shell, it is the words that the build stored."""
    page = show(board, f"version=mini&model={LITE}")
    command = re.search(r"<pre[^>]*>(imagenet-g evaluate[^<]*)</pre>", page)
    assert command is not None
    words = shlex.split(command[1])
    assert words[:3] == ["imagenet-g", "evaluate", "--model=wheel:efficientnet-lite0"]
    assert {f"--split={one.split}" for one in board.facts_by_model["mini", LITE].runs} <= set(words)
    assert "--reference=published" in words


@pytest.mark.parametrize("name", ["a; rm -rf ~", "$(id)", "`id`", "a\\' b", "-rf", "a\tb", "&& x"])
def test_a_hostile_word_stays_one_word_of_the_command(name: str) -> None:
    """In every POSIX shell."""
    words = ["imagenet-g", "evaluate", f"--model={name}"]
    assert shlex.split(quote_command(words)) == words


@pytest.mark.parametrize(
    "name", ["<img src=x onerror=alert(1)>", '"><script>x</script>', "javascript:alert(1)"]
)
def test_hostile_names_are_text(board: Board, name: str) -> None:
    """Wherever a file could have put them, had it got past validation."""
    columns = ("model", "organisation", "url", "spec", "family", "flags", "doubts", "source", "trust")
    facts = tuple(
        one.model_copy(update={"authors": (name,), "license": name, "notes": name, "class_map": name,
                               "rerun": ("imagenet-g", name), "revision": name, "reviewed_utc": name})
        for one in board.facts
    )  # fmt: skip
    hostile = replace(board, scores=board.scores.assign(**dict.fromkeys(columns, name)), facts=facts)
    page = show_model(hostile, settle_query(hostile, BoardQuery(version="mini", model=CLIP)))
    # Its own pictures alone: thumbnails in the page, and the badge.
    assert not re.search(r'<script|<img (?!src="(data:image/webp|badge\.svg))|href="javascript', page)
    assert html.escape(name) in page


def test_flags_are_listed_once_with_the_splits_that_they_are_about(board: Board) -> None:
    """Not once a row."""
    page = show(board, f"version=mini&model={CLIP}")
    assert page.count("<li>Circular: the model is the filter of this view") == 1
    model = find_model(board, settle_query(board, BoardQuery(version="mini", model=CLIP)))
    assert model is not None
    assert len(model.versions) == 2
