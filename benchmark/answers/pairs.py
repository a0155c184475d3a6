"""Two labels for what is one class under two numbers: the rule of `score --pairs`.

ImageNet has missile and sunglasses twice, under one name each: no prompt says which of the two is meant, and
people who are shown a picture cannot say either. Releases built today hold both labels. A frozen release and
ImageNet itself keep theirs; whoever wants both to count scores their predictions with this rule.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS


@cache
def load_pairs() -> tuple[tuple[int, ...], ...]:
    """Classes of one name, each group ascending.

    Example:
        >>> [[load_classes()[index].wnid for index in group] for group in load_pairs()]
        [['n03773504', 'n04008634'], ['n04355933', 'n04356056']]
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for info in load_classes():
        groups[info.name.casefold()].append(info.index)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def format_pairs() -> str:
    """What the rule did, in one sentence."""
    classes = load_classes()
    named = (
        f"{classes[group[0]].name} ({' and '.join(classes[index].wnid for index in group)})"
        for group in load_pairs()
    )
    return f"Scored with --pairs: either label is right for {', '.join(named)}."


def add_pairs(labels: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """Labels with those of the same name behind them, where they are not there already.

    Args:
        labels: `(N, L)` int16 acceptable class indices, padded with -1.

    Returns:
        `(N, M)`, M >= L; the first column is unchanged, so an image stays in its own class.

    Example:
        >>> add_pairs(np.array([[744], [3]], dtype=np.int16)).tolist()
        [[744, 657], [3, -1]]
    """
    columns = [labels]
    for group in load_pairs():
        for index in group:
            others = [other for other in group if other != index]
            wanted = (labels == index).any(axis=1)
            for other in others:
                missing = wanted & ~(labels == other).any(axis=1)
                if missing.any():
                    columns.append(np.where(missing, other, NO_CLASS).astype(np.int16)[:, None])
    joined = np.concatenate(columns, axis=1)
    # Padding to the right, as everywhere; the sort is stable, so labels stay in their order.
    order = np.argsort(joined == NO_CLASS, axis=1, kind="stable")
    packed = np.take_along_axis(joined, order, axis=1)
    width = max(labels.shape[1], int((packed != NO_CLASS).sum(axis=1).max(initial=1)))
    return np.asarray(packed[:, :width])
