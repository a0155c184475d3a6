"""Eq. 1, validity, and how invalid captions are graded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import cosine

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.generation.captions.reward import compute_class_mean, compute_rewards, compute_row_cosines
from imagenet_g.generation.captions.sentences import FAULTS, count_checks, find_faults

INDEX = {info.name: info.index for info in load_classes()}
ROWS = arrays(np.float64, (5, 4), elements=st.floats(0.1, 10.0))


@pytest.mark.parametrize(
    ("caption", "faults"),
    [
        ("A goose sleeps in a cathedral.", ()),
        ("“A goose sleeps in a cathedral.”", ()),
        ("A goose of Dr. Moreau sleeps at noon!", ()),
        ("A goose costs 3.5 pounds today.", ()),
        ("a goose sleeps in a cathedral.", ("no-capital",)),
        ("A goose sleeps in a", ("no-end",)),
        ("A goose sleeps. It dreams of rain.", ("several-sentences",)),
        ("A goose.", ("too-short",)),
        ("A goose goose goose sleeps here.", ("stutter",)),
        ("A goose sleeps\nin a cathedral.", ("odd-text",)),
        ("A goose sleeps in a caf�.", ("odd-text",)),
        ("A duck sleeps in a cathedral.", ("class-not-named",)),
        ("", ("class-not-named", "no-capital", "no-end", "too-short")),
    ],
)
def test_faults_are_named(caption: str, faults: tuple[str, ...]) -> None:
    """One complete sentence that names the class has none."""
    assert find_faults(caption, INDEX["goose"], names="open_clip", min_words=4) == faults


def test_a_class_name_with_a_full_stop_ends_no_sentence() -> None:
    """St. Bernard."""
    assert find_faults("A St. Bernard naps here.", INDEX["St. Bernard"], names="open_clip", min_words=4) == ()


@given(ROWS, ROWS)
def test_the_cosine_is_scipys(first: np.ndarray, second: np.ndarray) -> None:
    """Row by row."""
    expected = [1 - cosine(a, b) for a, b in zip(first, second, strict=True)]
    np.testing.assert_allclose(compute_row_cosines(first, second), expected, atol=1e-12)


@given(ROWS, st.floats(0.01, 100))
def test_no_image_counts_more_than_another(rows: np.ndarray, scale: float) -> None:
    """The mean does not change when an embedding grows."""
    scaled = rows.copy()
    scaled[0] *= scale
    np.testing.assert_allclose(compute_class_mean(rows, "images"), compute_class_mean(scaled, "images"))


@given(ROWS)
def test_both_normalizations_give_the_same_cosine(rows: np.ndarray) -> None:
    """The cosine does not see the mean's length."""
    plain, unit = compute_class_mean(rows, "images"), compute_class_mean(rows, "images-and-mean")
    cosines = [compute_row_cosines(rows, np.tile(mean, (5, 1))) for mean in (plain, unit)]
    np.testing.assert_allclose(cosines[0], cosines[1])
    assert np.linalg.norm(unit) == pytest.approx(1.0)


def test_the_mean_is_the_closed_form() -> None:
    """Of two unit vectors at a right angle, whatever their length before."""
    np.testing.assert_allclose(compute_class_mean([[2.0, 0.0], [0.0, 5.0]], "images"), [0.5, 0.5])


def test_a_mean_of_nothing_is_refused() -> None:
    """No rows."""
    with pytest.raises(DataError, match="at least one image embedding"):
        compute_class_mean(np.zeros((0, 3)), "images")


@pytest.mark.parametrize("rows", [np.zeros((1, 3)), np.full((1, 3), np.nan)])
def test_a_mean_of_rows_without_a_direction_is_refused(rows: np.ndarray) -> None:
    """A zero row, a NaN."""
    with pytest.raises(InputError, match="no direction"):
        compute_class_mean(rows, "images")


def test_the_hard_floor_is_the_papers() -> None:
    """Every invalid caption gets the lower bound, every valid one minus its cosine."""
    np.testing.assert_allclose(compute_rewards([0.3, 0.9, -0.2], [0, 2, 0], grading="floor"), [-0.3, -1, 0.2])


@given(st.floats(-1, 1), st.integers(1, len(FAULTS)), st.integers(1, len(FAULTS)))
def test_grading_puts_validity_first_and_fewer_faults_before_more(cos: float, few: int, more: int) -> None:
    """Whatever the cosine."""
    few, more = sorted((few, more))
    num_faults = [0, few, more]
    valid, better, worse = compute_rewards([cos] * 3, num_faults, grading="graded", num_checks=len(FAULTS))
    assert valid >= -1 > better >= worse >= -2


def test_the_control_flips_the_sign_for_valid_captions_only() -> None:
    """Near instead of far."""
    rewards = compute_rewards([0.3, 0.3], [0, 8], grading="graded", direction="near")
    np.testing.assert_allclose(rewards, [0.3, -2.0])


def test_rewards_of_runs_that_check_no_grammar_stay_as_they_were() -> None:
    """One fault of eight; one of ten where the grammar is checked too."""
    assert compute_rewards([0.3], [1], grading="graded").tolist() == [-1.125]
    num_checks = count_checks("checked")
    assert compute_rewards([0.3], [1], grading="graded", num_checks=num_checks).tolist() == [-1.1]


@pytest.mark.parametrize(
    ("caption", "faults"),
    [("A goose candle aud a cathedral.", ("unknown-word", "ungrammatical")),
     ("A goose sleeps.", ("too-short",)), ("A goose sleep in cathedral.", ("ungrammatical",))],
)  # fmt: skip
def test_grammar_is_judged_where_it_is_asked_for(caption: str, faults: tuple[str, ...]) -> None:
    """And nowhere else."""
    words = 4
    found = find_faults(caption, INDEX["goose"], names="open_clip", min_words=words, grammar="checked")
    assert found == faults
    plain = find_faults(caption, INDEX["goose"], names="open_clip", min_words=words)
    assert set(plain) == set(faults) - {"unknown-word", "ungrammatical"}


def test_nan_is_passed_on_for_whoever_must_stop() -> None:
    """A broken embedding is no reward of zero."""
    assert np.isnan(
        compute_rewards(compute_row_cosines([[np.nan, 1.0]], [[1.0, 0.0]]), [0], grading="graded")
    )[0]
