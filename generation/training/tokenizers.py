"""A small vocabulary in CLIP's tokenizer format, learnt from the texts it will encode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
_WORD_END = "</w>"
Pair = tuple[str, str]


def train_tokenizer(texts: Iterable[str], *, vocabulary_size: int, max_tokens: int) -> CLIPTokenizer:
    """A byte-pair tokenizer that encodes any text, and the given ones in few tokens.

    The end token has the highest number, because CLIP's text tower takes its embedding at the highest number.

    Args:
        texts: Training texts.
        vocabulary_size: Largest number of tokens, start and end included.
        max_tokens: Tokens of a text, start and end included; longer ones are cut.
    """
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    # Sorted, because the library gives a set in no order, and the numbers of all tokens would follow it.
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    # Every byte, inside a word and at its end: any text can be written.
    alphabet = [*letters, *(f"{letter}{_WORD_END}" for letter in letters)]
    # Two places are for the start and the end token.
    merges = learn_merges(count_words(texts), vocabulary_size - len(alphabet) - 2)
    # Two pairs may join to the same token ("ab" + "c", "a" + "bc"), which has one number.
    tokens = dict.fromkeys([*alphabet, *("".join(pair) for pair in merges)])
    vocabulary = {token: number for number, token in enumerate([*tokens, START, END])}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_tokens)


def count_words(texts: Iterable[str]) -> Counter[tuple[str, ...]]:
    """Counts of words as CLIP's tokenizer splits texts, each word split into letters."""
    from transformers import CLIPTokenizer

    # The library's own rules for cutting text, taken from an empty tokenizer, so that both always agree.
    backend = CLIPTokenizer().backend_tokenizer
    counts: Counter[str] = Counter()
    for text in texts:
        cut = backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))
        counts.update(word for word, _ in cut)
    return Counter({(*word[:-1], f"{word[-1]}{_WORD_END}"): count for word, count in counts.items()})


def learn_merges(words: Counter[tuple[str, ...]], limit: int) -> list[Pair]:
    """The pairs to join, most frequent first; of equally frequent ones, the first in the alphabet.

    The library's own trainer breaks ties at random, so that two trainings would give two vocabularies.
    Source: Sennrich et al. 2016, Algorithm 1.

    Args:
        words: Words as tuples of letters, with their counts.
        limit: Largest number of pairs.

    Example:
        >>> words = Counter({("l", "o", "w</w>"): 3, ("l", "o", "t</w>"): 2})
        >>> learn_merges(words, limit=2)
        [('l', 'o'), ('lo', 'w</w>')]
    """
    merges: list[Pair] = []
    current = dict(words)
    while len(merges) < limit:
        counts: Counter[Pair] = Counter()
        for word, count in current.items():
            for pair in pairwise(word):
                counts[pair] += count
        if not counts:
            break
        # Among equals by the alphabet, so that the order of the counts does not matter.
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        current = _join_everywhere(current, best)
    return merges


def _join_everywhere(words: dict[tuple[str, ...], int], pair: Pair) -> dict[tuple[str, ...], int]:
    joined: Counter[tuple[str, ...]] = Counter()
    for word, count in words.items():
        # Most words do not hold the pair; looking for its first letter is far cheaper than joining.
        joined[tuple(_join(word, pair)) if pair[0] in word else word] += count
    return dict(joined)


def _join(word: tuple[str, ...], pair: Pair) -> Iterator[str]:
    letters = iter(range(len(word)))
    for at in letters:
        if word[at : at + 2] == pair:
            yield "".join(pair)
            next(letters)
        else:
            yield word[at]
