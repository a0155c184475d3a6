"""The majority of raters on each image."""

from __future__ import annotations

from pathlib import Path

import pytest
from audit_cases import make_sample, rate, write_audit

from imagenet_g.benchmark.audits.records import Answer
from imagenet_g.benchmark.audits.verdicts import list_verdicts

CASES: list[tuple[tuple[Answer, ...], bool, bool | None]] = [
    (("yes", "yes", "no"), True, True),
    (("yes", "no", "no"), False, False),
    (("yes", "no"), False, False),
    (("yes", "cannot say"), False, True),
    (("yes", "yes", "cannot say"), True, True),
    (("yes", "no", "cannot say"), False, False),
    (("cannot say", "cannot say"), False, None),
    (("no", "cannot say", "cannot say"), False, False),
]


@pytest.mark.parametrize(("answers", "valid", "left_out"), CASES)
def test_a_verdict_is_that_of_more_than_half(
    tmp_path: Path, answers: tuple[Answer, ...], valid: bool, left_out: bool | None
) -> None:
    """Of all answers, and of those that say yes or no; an even split is no majority."""
    sample = write_audit(tmp_path, make_sample(12, 3))
    raters = [rate(sample, [answer], rater=f"amber-{place}") for place, answer in enumerate(answers)]
    first = sample.sample.items[0]
    (verdict,) = list_verdicts(sample.sample, raters, role=first.role)
    assert (verdict.valid, verdict.valid_left_out) == (valid, left_out)
    assert verdict.num_ratings == len(answers)


def test_images_without_a_rating_have_no_verdict(tmp_path: Path) -> None:
    """And controls are not among the generated images."""
    sample = write_audit(tmp_path)
    verdicts = list_verdicts(sample.sample, [rate(sample, ["yes"] * 9)])
    expected = [item.image_id for item in sample.sample.items[:9] if item.role == "generated"]
    assert [verdict.image_id for verdict in verdicts] == expected
    assert {verdict.weight for verdict in verdicts} == {5.0}
