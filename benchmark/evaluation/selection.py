"""Which rows of a split are run, and which class sets its outputs are restricted to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from imagenet_g.benchmark.classes import CLASS_SET_NAMES, ClassSet, load_class_set, name_class_set
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.splits import Split


def choose_rows(num_rows: int, limit: int | None) -> range | list[int]:
    """Rows to run: all, or `limit` of them spread evenly, so that a small sample still covers many classes.

    Raises:
        InputError: The limit is not positive.

    Example:
        >>> choose_rows(10, None), choose_rows(10, 4)
        (range(0, 10), [0, 2, 5, 7])
    """
    if limit is None or limit >= num_rows:
        return range(num_rows)
    if limit < 1:
        raise InputError(f"--limit {limit} runs nothing; give a number of images of at least 1.")
    # No random draw: most splits list their images class by class, so even steps reach many classes, and the
    # sample needs no seed.
    return [number * num_rows // limit for number in range(limit)]


def clip_limit(split: Split, limit: int | None) -> int | None:
    """The limit where it leaves images out, else None: such a run is whole."""
    return limit if limit is not None and limit < len(split.rows) else None


def count_rows(split: Split, limit: int | None) -> int:
    """How many rows a run has."""
    return len(choose_rows(len(split.rows), limit))


def list_class_sets(refs: Iterable[SplitRef], splits: Mapping[str, Split]) -> dict[str, ClassSet]:
    """Class sets a score may be restricted to, by stored name: the registered ones and the splits' own."""
    found = {name: load_class_set(name) for name in CLASS_SET_NAMES}
    for ref in refs:
        own = splits[ref.base].class_set
        if not own.covers_all:
            found[name_class_set(own)] = own
    return found


def choose_class_sets(split: Split, class_sets: Mapping[str, ClassSet]) -> dict[str, ClassSet]:
    """Those class sets that some image of the split belongs to."""
    present = set(split.class_set.indices)
    return {
        name: class_set for name, class_set in sorted(class_sets.items()) if present & set(class_set.indices)
    }
