"""Diversity of captions against nltk and closed forms."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.generation.captions.diversity import compute_bleu, compute_distinct, compute_self_bleu

WORDS = st.sampled_from(["a", "goose", "wolf", "in", "the", "rain", "sleeps"])
TEXTS = st.lists(WORDS, min_size=1, max_size=9).map(tuple)


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_bleu_is_nltks(references: list[tuple[str, ...]], candidate: tuple[str, ...]) -> None:
    """sentence_bleu with uniform weights and smoothing method 1."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    with warnings.catch_warnings():
        # nltk warns where an order has no match.
        warnings.simplefilter("ignore")
        expected = sentence_bleu(references, candidate, smoothing_function=SmoothingFunction().method1)
    assert compute_bleu(references, candidate) == pytest.approx(float(expected), abs=1e-12)


def test_self_bleu_is_one_where_all_are_alike() -> None:
    """And small where nothing is shared."""
    assert compute_self_bleu(["A goose sleeps in the rain."] * 3) == pytest.approx(1.0)
    assert compute_self_bleu(["one two three four", "five six seven eight"]) == 0.0
    assert compute_self_bleu(["A goose sleeps."]) == 0.0


@given(st.lists(TEXTS.map(" ".join), min_size=2, max_size=6))
def test_self_bleu_is_the_mean_over_captions(captions: list[str]) -> None:
    """Each against the others."""
    texts = [tuple(caption.split()) for caption in captions]
    each = [compute_bleu(texts[:n] + texts[n + 1 :], text) for n, text in enumerate(texts)]
    assert compute_self_bleu(captions) == pytest.approx(sum(each) / len(each))


@pytest.mark.parametrize(
    ("captions", "order", "share"),
    [(["a b a b"], 1, 0.5), (["a b a b"], 2, 2 / 3), (["a b", "a b"], 2, 0.5), (["a"], 2, 0.0), ([], 1, 0.0)],
)
def test_distinct_n_counts_runs_once(captions: list[str], order: int, share: float) -> None:
    """Distinct over all."""
    assert compute_distinct(captions, order) == pytest.approx(share)


@given(st.lists(TEXTS.map(" ".join), min_size=1, max_size=6))
def test_saying_everything_twice_halves_distinct_n(captions: list[str]) -> None:
    """A repetition adds no new run."""
    assert compute_distinct(captions * 2, 2) == pytest.approx(compute_distinct(captions, 2) / 2)
