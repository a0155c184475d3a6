"""Codes that the page gives."""

from __future__ import annotations

from imagenet_g.benchmark.audits.records import RatingsHeader
from imagenet_g.leaderboard.rating_page.codes import make_rater_code


def test_new_codes_are_accepted() -> None:
    """A word and a number."""
    for _ in range(50):
        RatingsHeader(sample_sha256="0" * 64, rater=make_rater_code(), simulated=False)
