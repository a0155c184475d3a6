"""The sentence that reads a split's result: every case, and never against the signs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from result_cases import SHA, make_result

from imagenet_g.benchmark.formats.flags import ContaminationFlag
from imagenet_g.benchmark.records import Choice
from imagenet_g.benchmark.reports.sentences import read_entry
from imagenet_g.benchmark.results import (
    EffectiveRobustness,
    Entry,
    Reference,
    RobustnessRefusal,
    UnscoredReason,
)

Bounds = tuple[float | None, float | None]


def make_entry(
    value: float = -0.238,
    bounds: Bounds = (-0.303, -0.172),
    *,
    robustness: tuple[EffectiveRobustness, ...] = (),
    reference: dict[str, Any] | None = None,
    **changes: Any,
) -> Entry:
    """An entry with this gap; `reference` changes the clean side, `changes` the entry."""
    entry = make_result(split="v1/sd-l", top1=0.5, clean=0.7, reference_set="imagenet-val").entries[0]
    gap = entry.gaps[0]
    clean: Reference = gap.reference.model_copy(update=reference or {})
    gap = gap.model_copy(update={"value": value, "low": bounds[0], "high": bounds[1], "reference": clean})
    return entry.model_copy(update={"gaps": (gap,), "effective_robustness": robustness, **changes})


def make_robustness(value: float, bounds: Bounds, **changes: Any) -> EffectiveRobustness:
    """Against the testbed."""
    record = EffectiveRobustness(
        baseline="testbed", baseline_sha256=SHA, link="logit", value=value, low=bounds[0], high=bounds[1],
        clustered=True, expected_top1=0.5, band_low=0.4, band_high=0.6, axis="imagenet-val", slope=1,
        intercept=0, r2=0.94, num_models=8, num_families=6, reference_low=0.4, reference_high=0.8,
        extrapolated=False, weak=False, num_resamples=0, seed=0,
    )  # fmt: skip
    return record.model_copy(update=changes)


def read(value: float, bounds: Bounds, robustness: float, their_bounds: Bounds, **changes: Any) -> str:
    """The sentence on a gap and an effective robustness."""
    return read_entry(
        make_entry(value, bounds, robustness=(make_robustness(robustness, their_bounds, **changes),))
    )


FALL = (-0.303, -0.172)
REFUSAL = RobustnessRefusal(baseline="drawn", baseline_sha256=SHA, reason="4 models are left.")


def choose(taken: str | None) -> Choice:
    """A line that was taken by default."""
    return Choice(what="baseline", taken=taken, reason="no line of v1/sd-l is available")


def test_a_fall_that_standard_models_share() -> None:
    """One sentence with every number that it rests on."""
    assert read(-0.238, FALL, -0.019, (-0.122, 0.064)) == (
        "falls 23.8 points on v1/sd-l; standard models of its clean accuracy fall about as far, by 21.9 "
        "(ER −1.9, −12.2 to +6.4: no evidence either way)."
    )


@pytest.mark.parametrize(
    ("value", "bounds", "robustness", "their_bounds", "words"),
    [
        (-0.1, FALL, 0.1, (0.05, 0.15), "fall further, by 20.0 (ER +10.0, +5.0 to +15.0: more robust)"),
        (-0.2, FALL, -0.15, (-0.18, -0.1), "fall less, by 5.0 (ER −15.0, −18.0 to −10.0: less robust)"),
        (-0.2, FALL, -0.2, (-0.3, -0.1), "fall less, if at all (ER −20.0, −30.0 to −10.0: less robust)"),
        (-0.05, FALL, -0.15, (-0.2, -0.1), "rise 10.0 (ER −15.0, −20.0 to −10.0: less robust)"),
        (0.1, (0.05, 0.15), 0.04, (0.01, 0.07), "rise less, by 6.0 (ER +4.0, +1.0 to +7.0: more robust)"),
        (0.1, (0.05, 0.15), 0.1, (0.05, 0.2), "rise less, if at all (ER +10.0, +5.0 to +20.0: more robust)"),
        (0.1, (0.05, 0.15), 0.14, (0.12, 0.2), "fall 4.0 (ER +14.0, +12.0 to +20.0: more robust)"),
        (0.1, (0.05, 0.15), -0.1, (-0.2, -0.01), "rise further, by 20.0 (ER −10.0, −20.0 to −1.0: less"),
        (0.1, (0.05, 0.15), 0.01, (-0.05, 0.07), "rise about as far, by 9.0 (ER +1.0, −5.0 to +7.0: no"),
    ],
)  # fmt: skip
def test_the_move_of_standard_models_is_told_from_the_models_own(
    value: float, bounds: Bounds, robustness: float, their_bounds: Bounds, words: str
) -> None:
    """Further, less, about as far, the other way, or with no evidence."""
    assert f"standard models of its clean accuracy {words}" in read(value, bounds, robustness, their_bounds)


@pytest.mark.parametrize(
    ("value", "bounds", "start"),
    [
        (-0.004, (-0.021, 0.013), "no fall is shown on v1/sd-l (AG −0.4, −2.1 to +1.3)"),
        (0.004, (-0.013, 0.021), "no rise is shown on v1/sd-l (AG +0.4, −1.3 to +2.1)"),
        (0.0, (0.0, 0.0), "no fall is shown on v1/sd-l (AG 0.0, 0.0 to 0.0)"),
        (-0.1, (-0.2, 0.0), "no fall is shown"),
        (0.05, (0.01, 0.09), "rises 5.0 points on v1/sd-l"),
        (-0.0003, (-0.0005, -0.0001), "falls 0.03 points on v1/sd-l"),
        (
            -0.238,
            (None, None),
            "has 23.8 points lower accuracy on v1/sd-l, with no interval: images of one class",
        ),
        (
            0.01,
            (None, None),
            "has 1.0 points higher accuracy on v1/sd-l, with no interval: images of one class",
        ),
        (0.0, (None, None), "has the same accuracy on v1/sd-l, with no interval: images of one class"),
    ],
)
def test_a_move_is_claimed_only_where_the_interval_shows_it(value: float, bounds: Bounds, start: str) -> None:
    """In either direction; small ones keep a digit."""
    assert read_entry(make_entry(value, bounds)).startswith(start)


@pytest.mark.parametrize(
    ("robustness", "bounds", "words"),
    [(-0.1, (-0.25, 0.02), "ER −10.0, −25.0 to +2.0: no evidence either way"),
     (-0.01, (-0.4, 0.4), "ER −1.0, −40.0 to +40.0: no evidence either way"),
     (-0.02, (None, None), "ER −2.0, no interval")],
)  # fmt: skip
def test_what_the_interval_leaves_open_is_not_claimed(robustness: float, bounds: Bounds, words: str) -> None:
    """Far apart with a wide interval, near with a wide one, or without any."""
    assert read(-0.2, FALL, robustness, bounds) == (
        "falls 20.0 points on v1/sd-l; whether standard models of its clean accuracy fall as far "
        f"is not shown ({words})."
    )


@pytest.mark.parametrize(
    ("robustness", "bounds", "words"),
    [(0.1, (0.05, 0.15), "; standard models of its clean accuracy do worse (ER +10.0"),
     (-0.1, (-0.2, -0.05), "; standard models of its clean accuracy do better (ER −10.0"),
     (0.01, (-0.05, 0.05), "; whether standard models of its clean accuracy do better or worse is not")],
)  # fmt: skip
def test_without_a_shown_fall_no_move_of_others_is_compared(
    robustness: float, bounds: Bounds, words: str
) -> None:
    """Only whether they do better."""
    assert words in read(-0.004, (-0.02, 0.01), robustness, bounds)


def test_a_line_that_ends_before_the_model_is_said_to_be_drawn_on() -> None:
    """No standard model has that clean accuracy."""
    words = "; standard models, by their line drawn on to its clean accuracy, fall further, by 30.0 ("
    assert words in read(-0.2, FALL, 0.1, (0.05, 0.15), extrapolated=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"limit": 104, "n": 104}, "only part of the images were run"),
        ({"no_robustness": (REFUSAL,)}, "4 models are left (against drawn)"),
        ({"choices": (choose(None),)}, "no line of standard models is available for it"),
        ({"choices": (choose("drawn"),)}, "the line of drawn was measured from another clean set"),
        ({}, "no baseline with a line for it was named"),
    ],
)  # fmt: skip
def test_where_there_is_no_er_the_reason_is_given(changes: dict[str, Any], reason: str) -> None:
    """The first that applies."""
    assert f"; no ER: {reason}" in read_entry(make_entry(**changes))


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({}, "on v1/sd-l;"),
        ({"kind": "published"}, "on v1/sd-l from its published accuracy on imagenet-val;"),
        ({"same_classes": False}, "on v1/sd-l from imagenet-val, which covers other classes;"),
        ({"filtered_alike": False}, "from imagenet-val, which is not filtered alike;"),
        ({"kind": "published", "same_classes": False, "filtered_alike": False},
         "from its published accuracy on imagenet-val, which covers other classes and is not filtered alike"),
    ],
)  # fmt: skip
def test_an_unusual_clean_accuracy_is_named(reference: dict[str, Any], words: str) -> None:
    """One that was measured on the same classes and filter goes without saying."""
    assert words in read_entry(make_entry(reference=reference))


def test_a_filtered_view_is_named_with_its_view() -> None:
    """The reference of the entry is the whole one."""
    entry = make_entry()
    view = entry.split.model_copy(update={"ref": "v1/sd-l:clip-filtered", "view": "clip-filtered"})
    assert "on v1/sd-l:clip-filtered;" in read_entry(entry.model_copy(update={"split": view}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"limit": 104, "n": 104}, "on v1/sd-l (a partial run of 104 images)"),
        ({"n_unscored": 1}, "on v1/sd-l (1 unreadable image counted as wrong)"),
        ({"n_unscored": 3, "unscored_count_as": "left-out"}, "on v1/sd-l (3 unreadable images left out)"),
        (
            {"n_unscored": 3, "limit": 9, "n": 9},
            "(a partial run of 9 images, 3 unreadable images counted as wrong)",
        ),
    ],
)
def test_images_that_do_not_count_as_usual_are_named(changes: dict[str, Any], words: str) -> None:
    """A partial run, and images that could not be read."""
    assert words in read_entry(make_entry(**changes))


def test_without_a_reference_the_accuracy_stands_with_the_reason() -> None:
    """No figure is published, or the entry says why."""
    entry = make_entry().model_copy(update={"gaps": ()})
    assert read_entry(entry) == ("gets 50.0 % of v1/sd-l right; no AG: no clean accuracy is available.")
    warned = entry.model_copy(
        update={"warnings": ("No gap: the reference 'x' has no image of these classes.",)}
    )
    assert read_entry(warned).endswith("; no AG: the reference 'x' has no image of these classes.")


def test_the_clean_set_itself_is_called_so() -> None:
    """It has no gap."""
    entry = make_entry().model_copy(update={"gaps": ()})
    assert read_entry(entry, is_reference=True) == "gets 50.0 % of v1/sd-l right, the clean set."


def test_what_a_line_cannot_bear_stands_beside_the_number() -> None:
    """A weak line, and an interval without classes."""
    sentence = read(-0.2, FALL, 0.1, (0.05, 0.15), weak=True, r2=0.31, clustered=False)
    assert (
        "more robust; the line is weak, r2 0.31; the interval takes images as independent and is too narrow)"
    ) in sentence


def test_each_of_several_lines_is_named() -> None:
    """Two links of one baseline too."""
    both = (
        make_robustness(-0.019, (-0.1, 0.1)),
        make_robustness(0.1, (0.05, 0.2), link="linear"),
    )
    sentence = read_entry(make_entry(robustness=both))
    assert "standard models of its clean accuracy, by testbed (logit), fall about as far" in sentence
    assert "standard models of its clean accuracy, by testbed (linear), fall further" in sentence


def test_contamination_is_pointed_at() -> None:
    """Its reason is among the notes."""
    flags = (ContaminationFlag(kind="same-generator", reason="the model was trained on its images"),)
    assert read_entry(make_entry(contamination=flags)).endswith("; possible contamination, see the notes.")


def test_unscored_reasons_do_not_lengthen_the_sentence() -> None:
    """They are among the notes."""
    reasons = (UnscoredReason(reason="truncated", n=3),)
    assert "truncated" not in read_entry(make_entry(n_unscored=3, unscored_reasons=reasons))


fractions = st.floats(-0.6, 0.6, allow_nan=False).map(lambda value: round(value, 5))
widths = st.tuples(st.floats(0, 0.4), st.floats(0, 0.4))


@given(value=fractions, width=widths, robustness=fractions, their_width=widths)
def test_the_sentence_never_contradicts_the_signs(
    value: float, width: tuple[float, float], robustness: float, their_width: tuple[float, float]
) -> None:
    """Of the gap, of its interval, of the effective robustness, and of where standard models end."""
    low, high = value - width[0], value + width[1]
    their_low, their_high = robustness - their_width[0], robustness + their_width[1]
    sentence = read(value, (low, high), robustness, (their_low, their_high))
    own, _, others = sentence.partition(";")
    assert own.startswith("falls") == (high < 0)
    assert own.startswith("rises") == (low > 0)
    assert ("no evidence either way" in others) == (their_low <= 0 <= their_high)
    assert ("more robust" in others) == (their_low > 0)
    assert ("less robust" in others) == (their_high < 0)
    theirs = value - robustness
    if re.search(r"fall (\d|further|about|less, by)", others):
        assert theirs < 0
    if re.search(r"rise (\d|further|about|less, by)", others):
        assert theirs > 0
    if "further" in others:
        assert abs(theirs) > abs(value)
    if re.search(r"(fall|rise) less", others):
        assert abs(theirs) < abs(value) or theirs * value < 0
    if "about as far" in others:
        assert abs(robustness) <= max(0.02, 0.1 * abs(value))
        assert (value - their_low) * value > 0
        assert (value - their_high) * value > 0
    assert ("do worse" in others or "do better (" in others) <= (low <= 0 <= high)
