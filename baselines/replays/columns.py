"""Columns of an experiment: one split, or the mean over several that hold the same images.

Kinds of corruption are such splits: each holds every source image once. With y_irk whether run r is right on
source image i as kind k shows it, n source images and K kinds, the number of a run is

    a_r = 1 / n * sum over i of m_ir,   m_ir = 1 / K * sum over k of y_irk,

so each kind weighs the same. Images, and with them classes, are a sample; kinds are not, as little as models:
they are those of the column. The counts of a class are therefore the sums of m_ir over its images, and its
images are counted once and not K times. All K answers on a source image then stay together wherever a class
is left out, and what they have in common stays in the variance. An interval that goes by the number of
images, such as Wilson's, takes m_ir to have the variance of one answer, a_r (1 - a_r). That is the most it
can have, so such an interval is at most too wide; with K n images it would be too narrow by up to root K.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import model_validator

from imagenet_g.baselines.replays.cells.specs import Measure
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.records import FileModel


class ColumnSpec(FileModel):
    """What rows are measured on."""

    column: str
    ref: str | None = None
    """A split or one of its views."""
    refs: tuple[str, ...] = ()
    """In its place several, of which the column is the mean: the same images, as each of them shows them."""
    measures: tuple[Measure, ...] = ()
    """Of the experiment, those that are taken on it; empty for all. The clean set, say, has no gap."""

    @property
    def splits(self) -> tuple[str, ...]:
        """All of them.

        Example:
            >>> ColumnSpec(column="Two kinds", refs=("my-c/fog", "my-c/snow")).splits
            ('my-c/fog', 'my-c/snow')
        """
        return self.refs if self.ref is None else (self.ref,)

    @model_validator(mode="after")
    def _validate_refs(self) -> Self:
        if (self.ref is None) == (not self.refs):
            raise ValueError(f"column '{self.column}' needs ref = a split, or refs = several of them")
        if len(set(self.refs)) < len(self.refs):
            raise ValueError(f"column '{self.column}' names a split twice, which would weigh twice")
        return self


def average_splits(parts: Sequence[RunCounts], column: str) -> RunCounts:
    """Counts of the mean over splits of the same images, as the module's docstring has them.

    Args:
        parts: Of each split: `(R, C)` right answers and `(C,)` images.
        column: Its name.

    Raises:
        DataError: A split has other numbers of images, so they are not the same ones.

    Example:
        >>> total = np.array([10.0, 10])
        >>> fog, snow = (RunCounts(right=np.array([right]), total=total) for right in ([4.0, 8], [2.0, 7]))
        >>> found = average_splits([fog, snow], "Two kinds")
        >>> found.right.tolist(), found.total.tolist()
        ([[3.0, 7.5]], [10.0, 10.0])
    """
    if any(not np.array_equal(part.total, parts[0].total) for part in parts):
        raise DataError(
            f"Column '{column}' is a mean over splits of the same images, and its splits have other numbers "
            "of images by class. Make them again from one source."
        )
    return RunCounts(right=np.mean([part.right for part in parts], axis=0), total=parts[0].total)
