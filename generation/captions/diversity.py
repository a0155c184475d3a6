"""How much captions differ from each other: pure functions over words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from imagenet_g.generation.captions.names import Words, split_words

MAX_ORDER = 4


def compute_distinct(captions: Sequence[str], order: int) -> float:
    """Share of n-grams that are distinct, in [0, 1]; 0 where there are none.

    Source: Li et al. 2016, "A Diversity-Promoting Objective Function for Neural Conversation Models",
    distinct-n. It falls with the number of captions: compare equal numbers only.
    """
    grams = [gram for caption in captions for gram in list_grams(split_words(caption), order)]
    return len(set(grams)) / len(grams) if grams else 0.0


def compute_self_bleu(captions: Sequence[str]) -> float:
    """Mean BLEU-4 of each caption against all others, in [0, 1]: 1 where all are alike.

    Source: Zhu et al. 2018, "Texygen", self-BLEU; smoothing 1 of Chen and Cherry 2014 (0.1 for an order
    without a match). It grows with the number of captions: compare equal numbers only.
    """
    texts = [split_words(caption) for caption in captions]
    if len(texts) < 2:
        return 0.0
    return sum(compute_bleu(texts[:n] + texts[n + 1 :], text) for n, text in enumerate(texts)) / len(texts)


def compute_bleu(references: Sequence[Words], candidate: Words) -> float:
    """BLEU-4 of one text against several, uniform weights, smoothing 1, in [0, 1]."""
    if not candidate:
        return 0.0
    logs = []
    for order in range(1, MAX_ORDER + 1):
        counts = Counter(list_grams(candidate, order))
        best: Counter[Words] = Counter()
        for reference in references:
            best |= Counter(list_grams(reference, order))
        matched = sum(min(count, best[gram]) for gram, count in counts.items())
        if order == 1 and not matched:
            return 0.0
        logs.append(math.log((matched or 0.1) / max(1, sum(counts.values()))))
    closest = min((abs(len(r) - len(candidate)), len(r)) for r in references)[1]
    brevity = min(0.0, 1 - closest / len(candidate))
    return math.exp(brevity + sum(logs) / MAX_ORDER)


def list_grams(words: Words, order: int) -> list[Words]:
    """All runs of `order` words."""
    return [words[start : start + order] for start in range(len(words) - order + 1)]
