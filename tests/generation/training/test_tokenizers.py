"""A small vocabulary in CLIP's tokenizer format."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from imagenet_g.generation.training.tokenizers import count_words, learn_merges, train_tokenizer

TEXTS = ["a photo of a lion.", "a photo of the lion.", "a blurry photo of a goose."] * 3


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    """Learnt from three texts."""
    return train_tokenizer(TEXTS, vocabulary_size=540, max_tokens=12)


def test_the_end_token_has_the_highest_number(tokenizer: CLIPTokenizer) -> None:
    """CLIP's text tower reads its answer where the highest number is."""
    assert tokenizer.eos_token_id == max(tokenizer.get_vocab().values()) == len(tokenizer) - 1


def test_a_text_is_padded_with_the_end_token(tokenizer: CLIPTokenizer) -> None:
    """So that the first highest number is the end."""
    numbers = tokenizer("a lion", padding="max_length").input_ids
    assert len(numbers) == 12
    assert numbers[0] == tokenizer.bos_token_id
    assert set(numbers[4:]) == {tokenizer.eos_token_id}


def test_a_frequent_word_is_one_token(tokenizer: CLIPTokenizer) -> None:
    """That is what the merges are for."""
    assert tokenizer.tokenize("photo") == ["photo</w>"]


def test_training_again_gives_the_same_vocabulary(tokenizer: CLIPTokenizer) -> None:
    """Ties are broken by the alphabet, not by chance."""
    again = train_tokenizer(TEXTS, vocabulary_size=540, max_tokens=12)
    assert again.get_vocab() == tokenizer.get_vocab()


def test_pairs_are_joined_as_in_the_worked_example_of_the_paper() -> None:
    """Sennrich et al. 2016, Algorithm 1: e s, es t, est </w> come first."""
    words = Counter({(*"low", "·"): 5, (*"lower", "·"): 2,
                     (*"newest", "·"): 6, (*"widest", "·"): 3})  # fmt: skip
    assert learn_merges(words, 3) == [("e", "s"), ("es", "t"), ("est", "·")]


def test_merging_stops_when_every_word_is_one_token() -> None:
    """However many pairs are allowed."""
    assert learn_merges(count_words(["ab"]), 10) == [("a", "b</w>")]


@given(st.text(max_size=40))
def test_any_text_can_be_written(text: str) -> None:
    """No token is unknown: every byte is in the vocabulary."""
    tokenizer = _trained()
    numbers = tokenizer(text, truncation=False, add_special_tokens=False).input_ids
    special = {tokenizer.bos_token_id, tokenizer.eos_token_id}
    assert not special & set(numbers) or "<|" in text


def _trained() -> CLIPTokenizer:
    if not _KEPT:
        _KEPT.append(train_tokenizer(TEXTS, vocabulary_size=540, max_tokens=12))
    return _KEPT[0]


_KEPT: list[CLIPTokenizer] = []
