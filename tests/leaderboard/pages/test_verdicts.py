"""Accepted and refused, in words and in a colour; and states of submissions as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from submission_cases import set_at, validate_case, write_case

from imagenet_g.leaderboard.pages.verdicts import KINDS, format_states, format_unknown, format_verdict
from imagenet_g.leaderboard.submitting.states import STEPS, Step, SubmissionState

STATE = SubmissionState(
    7, "mini/a__b", "jo", "received", "", "https://huggingface.co/datasets/x/y/discussions/7"
)


@pytest.mark.parametrize("step", get_args(Step))
def test_every_step_has_words_and_a_colour(step: Step) -> None:
    """Words alone must say it."""
    page = format_states([replace(STATE, step=step)], "lab/board")
    assert STEPS[step] in page
    assert f'class="verdict-words {KINDS[step]}"' in page
    assert f'href="{STATE.url}"' in page


def test_what_strangers_wrote_is_text() -> None:
    """Name, author, reason and address."""
    bad = "<script>alert(1)</script>"
    page = format_states([replace(STATE, name=bad, author=bad, reason=bad, url=f"javascript:{bad}")], bad)
    assert "<script" not in page + format_unknown(bad)
    assert "javascript:" not in page


def test_a_refusal_is_counted_in_its_colour(tmp_path_factory: pytest.TempPathFactory) -> None:
    """And an acceptance says its trust level."""
    good = format_verdict(validate_case(write_case(tmp_path_factory.mktemp("good"))))
    assert '<p class="verdict good" role="status"><strong>Accepted.</strong> Trust level “recomputed”' in good
    change = set_at("result.entries.0.scores.0.top1.low", 0.188)
    bad = format_verdict(validate_case(write_case(tmp_path_factory.mktemp("bad"), change)))
    assert '<p class="verdict bad" role="status"><strong>Refused.</strong> 1 error; the report' in bad
