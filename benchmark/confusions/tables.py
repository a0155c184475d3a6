"""One row for each class, and one for each pair of a class and a wrong answer: pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.confusions.answers import AnsweredPair, count_confusions, count_images
from imagenet_g.benchmark.confusions.shares import Share, ShareChange, adjust_changes, compare_shares


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """The accuracy on one class.

    Attributes:
        index: The class.
        split: Right answers of its images on the split.
        reference: The same on the clean set; None where that has no image of the class.
        change: The first less the second.
        p_fdr: p-value of the change at a false discovery rate over the classes.
        mistaken_for: The commonest wrong answer on the split, and to how many images; None without one.
    """

    index: int
    split: Share
    reference: Share | None
    change: ShareChange | None
    p_fdr: float | None
    mistaken_for: tuple[int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionRow:
    """One wrong answer to one class.

    Attributes:
        index: The class.
        answer: The answer.
        split: The class's images on the split that got it.
        reference: The same on the clean set; None where that has no image of the class.
        change: The first less the second.
        p_fdr: p-value of the change at a false discovery rate over the pairs that occur.
    """

    index: int
    answer: int
    split: Share
    reference: Share | None
    change: ShareChange | None
    p_fdr: float | None

    @property
    def added(self) -> float:
        """Images of the split beyond those that the clean set's share would give."""
        return self.split.count - (self.reference.value * self.split.total if self.reference else 0.0)


def tabulate_classes(pair: AnsweredPair) -> tuple[ClassRow, ...]:
    """Rows of the split's classes, the greatest loss first.

    Without a clean set the least accurate class is first.
    """
    right, total = count_images(pair.shifted, NUM_CLASSES)
    clean_right, clean_total = (None, None) if pair.clean is None else count_images(pair.clean, NUM_CLASSES)
    common = _find_commonest(count_confusions(pair.shifted, NUM_CLASSES))
    found = []
    for index in total.nonzero()[0].tolist():
        ours = Share(int(right[index]), int(total[index]))
        theirs = None
        if clean_right is not None and clean_total is not None and clean_total[index]:
            theirs = Share(int(clean_right[index]), int(clean_total[index]))
        found.append((index, ours, theirs, _compare(ours, theirs)))
    adjusted = adjust_changes([change for *_, change in found])
    rows = [
        ClassRow(
            index=index,
            split=ours,
            reference=theirs,
            change=change,
            p_fdr=p_fdr,
            mistaken_for=common.get(index),
        )
        for (index, ours, theirs, change), p_fdr in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(rows, key=_order_class))


def _compare(split: Share, reference: Share | None) -> ShareChange | None:
    return None if reference is None else compare_shares(split, reference)


def _order_class(row: ClassRow) -> tuple[float, float, int]:
    return (0.0 if row.change is None else row.change.value, row.split.value, row.index)


def _find_commonest(confusions: dict[tuple[int, int], int]) -> dict[int, tuple[int, int]]:
    commonest: dict[int, tuple[int, int]] = {}
    for (index, answer), count in confusions.items():
        if index not in commonest or count > commonest[index][1]:
            commonest[index] = (answer, count)
    return commonest


def tabulate_confusions(pair: AnsweredPair) -> tuple[ConfusionRow, ...]:
    """Rows of the wrong answers to the split's classes, those first that the split adds most images to.

    A pair that occurs on neither set is no row and no comparison. That keeps the correction valid: Fisher's
    test is conditional on how many images got the answer on both sets together (Gilbert 2005).
    """
    ours, totals = count_confusions(pair.shifted, NUM_CLASSES), count_images(pair.shifted, NUM_CLASSES)[1]
    theirs = {} if pair.clean is None else count_confusions(pair.clean, NUM_CLASSES)
    clean_totals = None if pair.clean is None else count_images(pair.clean, NUM_CLASSES)[1]
    found = []
    for index, answer in sorted({*ours, *theirs}):
        if not totals[index]:
            continue
        split = Share(ours.get((index, answer), 0), int(totals[index]))
        clean = None
        if clean_totals is not None and clean_totals[index]:
            clean = Share(theirs.get((index, answer), 0), int(clean_totals[index]))
        found.append((index, answer, split, clean, _compare(split, clean)))
    adjusted = adjust_changes([change for *_, change in found])
    rows = [
        ConfusionRow(index=index, answer=answer, split=split, reference=clean, change=change, p_fdr=p_fdr)
        for (index, answer, split, clean, change), p_fdr in zip(found, adjusted, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.added, row.index, row.answer)))
