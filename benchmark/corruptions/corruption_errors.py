"""Mean corruption error: errors on all parts of a set of corruptions, relative to one model's.

Source: Hendrycks and Dietterich 2019. The corruption error of one corruption is the sum of the top-1 errors
over its severities, divided by AlexNet's; mCE is their mean. It is defined on all parts with all images:
there is no mCE of some of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field

from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.benchmark.results import Entry, Score


class CorruptionBaseline(FileModel):
    """What errors on one set are relative to: a table of `data/corruption_errors.toml`."""

    set: str
    model: str
    severities: Annotated[tuple[str, ...], Field(min_length=1)]
    num_images: Count
    """Images of each part."""
    errors: Annotated[dict[str, Annotated[Fraction, Field(gt=0)]], Field(min_length=1)]
    """Top-1 error by corruption, the mean over the severities."""

    def list_parts(self) -> Iterator[str]:
        """The references of all parts that count, corruption by corruption."""
        for corruption in self.errors:
            yield from (f"{self.set}/{corruption}/{severity}" for severity in self.severities)


@dataclass(frozen=True, slots=True, kw_only=True)
class CorruptionError:
    """A mean corruption error.

    Attributes:
        value: mCE; 1 is as many errors as the baseline's model.
        low: Lower bound: as if all parts were at the lower bound of their error at once. They have the same
            images, so this is at most too wide.
        high: Upper bound, likewise.
        by_corruption: Corruption error of each corruption.
    """

    value: float
    low: float
    high: float
    by_corruption: Mapping[str, float]


@cache
def load_corruption_baselines() -> dict[str, CorruptionBaseline]:
    """The baselines by set. Do not mutate: all callers share them.

    Example:
        >>> len(list(load_corruption_baselines()["imagenet-c"].list_parts()))
        75
    """
    text = (files("imagenet_g.benchmark.data") / "corruption_errors.toml").read_text(encoding="utf-8")
    tables = (CorruptionBaseline.model_validate(table) for table in tomllib.loads(text)["baseline"])
    return {table.set: table for table in tables}


def find_problems(entries: Iterable[Entry], baseline: CorruptionBaseline) -> dict[str, str]:
    """Why parts do not count, by part; empty where all do."""
    present = {entry.split.ref: entry for entry in entries}
    reasons = ((part, _explain_part(present.get(part), baseline)) for part in baseline.list_parts())
    return {part: reason for part, reason in reasons if reason is not None}


def compute_corruption_error(entries: Sequence[Entry], baseline: CorruptionBaseline) -> CorruptionError:
    """The mCE of a result's entries; `find_problems` must have found none."""
    errors = {entry.split.ref: _read_errors(entry) for entry in entries}
    ratios = {
        corruption: [
            sum(errors[f"{baseline.set}/{corruption}/{severity}"][bound] for severity in baseline.severities)
            / (len(baseline.severities) * expected)
            for bound in range(3)
        ]
        for corruption, expected in baseline.errors.items()
    }
    low, value, high = (sum(one[bound] for one in ratios.values()) / len(ratios) for bound in range(3))
    return CorruptionError(
        value=value, low=low, high=high, by_corruption={name: one[1] for name, one in ratios.items()}
    )


def _explain_part(entry: Entry | None, baseline: CorruptionBaseline) -> str | None:
    if entry is None:
        return "missing"
    if entry.label_rule is not None or entry.relabelled is not None:
        return "scored by other labels than AlexNet was"
    # AlexNet's errors are over all images, all 1000 classes and all outputs.
    if entry.limit is not None or entry.n != baseline.num_images:
        return f"{entry.n} of {baseline.num_images} images"
    return f"{entry.n_unscored} images without a prediction" if entry.n_unscored else None


def _find_score(entry: Entry) -> Score:
    return next(score for score in entry.scores if score.outputs == "all")


def _read_errors(entry: Entry) -> tuple[float, float, float]:
    """Lower bound, value and upper bound of the error; without an interval the value itself."""
    top1 = _find_score(entry).top1
    high = top1.value if top1.high is None else top1.high
    low = top1.value if top1.low is None else top1.low
    return 1 - high, 1 - top1.value, 1 - low
