"""Numbers beside the points of the headline figure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.leaderboard.opening.labels import DOT_PX, place_labels

POINTS = st.lists(st.tuples(st.floats(40, 260), st.floats(0, 300)), min_size=1, max_size=12)
Box = tuple[float, float, float, float]


def touch(one: Box, other: Box) -> bool:
    """Whether two boxes have more than their edges in common."""
    slack = 1e-6
    return (
        min(one[1], other[1]) - max(one[0], other[0]) > slack
        and min(one[3], other[3]) - max(one[2], other[2]) > slack
    )


@given(POINTS)
def test_no_number_stands_on_another_number_or_on_a_point(points: list[tuple[float, float]]) -> None:
    """Wherever the points are, and all of them in one place too."""
    texts = [str(number) for number in range(1, len(points) + 1)]
    labels = place_labels(points, texts, left=34, right=290)
    boxes = [label.find_box(text) for label, text in zip(labels, texts, strict=True)]
    dots = [(x - DOT_PX, x + DOT_PX, y - DOT_PX, y + DOT_PX) for x, y in points]
    for number, box in enumerate(boxes):
        assert not any(touch(box, other) for other in (*boxes[:number], *dots))


def test_a_point_alone_has_its_number_at_its_right() -> None:
    """At its own height."""
    (label,) = place_labels([(100.0, 50.0)], ["7"], left=0, right=290)
    assert (label.x, label.y, label.anchor) == (108.0, 50.0, "start")


def test_a_number_that_would_leave_the_panel_stands_at_the_left() -> None:
    """With room for its two digits."""
    (label,) = place_labels([(280.0, 50.0)], ["12"], left=0, right=290)
    assert (label.x, label.anchor) == (272.0, "end")
