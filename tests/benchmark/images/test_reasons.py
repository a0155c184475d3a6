"""Reasons counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.images.reasons import count_reasons, format_reasons


@given(st.lists(st.sampled_from(["empty file", "not an image file", "ends after 7 bytes"]), max_size=30))
def test_every_image_is_counted_once_and_the_commonest_reason_comes_first(reasons: list[str]) -> None:
    """Whatever their order."""
    counts = count_reasons(reasons)
    assert sum(count.num_images for count in counts) == len(reasons)
    assert [count.num_images for count in counts] == sorted(
        (reasons.count(reason) for reason in set(reasons)), reverse=True
    )


def test_the_sentence_names_the_commonest_reason_and_counts_the_others() -> None:
    """Each with its number of images."""
    reasons = ["empty file"] * 3 + ["truncated JPEG file"] + ["not an image file"] * 2
    assert format_reasons(count_reasons(reasons)) == (
        "Commonest reason (3 images): empty file. 2 other reasons (3 images)."
    )
