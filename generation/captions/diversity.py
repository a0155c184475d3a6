"""Diversity of captions: pure functions over words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from imagenet_g.generation.captions.names import Words, split_words

MAX_ORDER = 4


def compute_distinct(captions: Sequence[str], order: int) -> float:
    """Share of n-grams that are distinct, in [0, 1]; 0 if there are no n-grams.

    Source: Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models",
    distinct-n. It falls with the number of captions: compare equal numbers only.

    Example:
        >>> compute_distinct(["a goose sleeps", "a goose swims"], order=2)
        0.75
    """
    grams = [gram for caption in captions for gram in list_grams(split_words(caption), order)]
    return len(set(grams)) / len(grams) if grams else 0.0


def compute_self_bleu(captions: Sequence[str]) -> float:
    """Mean BLEU-4 of each caption against all others, in [0, 1]: 1 if all are equal.

    Source: Zhu et al. 2018, "Texygen", self-BLEU; smoothing 1 of Chen and Cherry 2014 (0.1 for an order
    without a match). It grows with the number of captions: compare equal numbers only.

    Example:
        >>> compute_self_bleu(["A goose sleeps in rain."] * 3)
        1.0
        >>> compute_self_bleu(["A goose sleeps.", "Two wolves howl."])
        0.0
    """
    texts = [split_words(caption) for caption in captions]
    if len(texts) < 2:
        return 0.0
    return sum(compute_bleu(texts[:n] + texts[n + 1 :], text) for n, text in enumerate(texts)) / len(texts)


def compute_bleu(references: Sequence[Words], candidate: Words) -> float:
    """BLEU-4 of one text against several, uniform weights, smoothing 1, in [0, 1].

    Example:
        >>> text = ("a", "goose", "sleeps", "in", "rain")
        >>> compute_bleu([text], text), round(compute_bleu([text], text[:4]), 3)
        (1.0, 0.779)
    """
    if not candidate:
        return 0.0
    logs = []
    for order in range(1, MAX_ORDER + 1):
        counts = Counter(list_grams(candidate, order))
        best: Counter[Words] = Counter()
        for reference in references:
            # The union of counters keeps the largest count: a word counts as often as one reference has it,
            # not all.
            best |= Counter(list_grams(reference, order))
        matched = sum(min(count, best[gram]) for gram, count in counts.items())
        # As in nltk: smoothing must not lift a text that shares no word with its references.
        if order == 1 and not matched:
            return 0.0
        # A text shorter than the order has no run of it; nltk, the reference in the tests, divides by 1 then.
        logs.append(math.log((matched or 0.1) / max(1, sum(counts.values()))))
    # Of two references equally near in length the shorter one counts, as in nltk.
    closest = min((abs(len(r) - len(candidate)), len(r)) for r in references)[1]
    brevity = min(0.0, 1 - closest / len(candidate))
    return math.exp(brevity + sum(logs) / MAX_ORDER)


def list_grams(words: Words, order: int) -> list[Words]:
    """All runs of `order` words.

    Example:
        >>> list_grams(("a", "red", "fox"), 2)
        [('a', 'red'), ('red', 'fox')]
    """
    return [words[start : start + order] for start in range(len(words) - order + 1)]
