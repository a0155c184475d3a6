"""What differs between a stored result and a new run of it: facts of the run, numbers, answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.predictions import Predictions, load_predictions
from imagenet_g.benchmark.predictions.result_files import has_predictions
from imagenet_g.benchmark.records import DECLARED_FIELDS, MetricEstimate
from imagenet_g.benchmark.results import Entry, Result

TOLERANCE = 1e-6
"""Of a fraction: sums of floats in another order differ by less than 1e-9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChange:
    """The answers of two runs to the same images.

    Attributes:
        n: Images that both runs have.
        other: Images whose best class differs.
        missing: Images that only one run has.
        probability: Greatest difference of the probability of the best class.
    """

    n: int
    other: int
    missing: int
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitChange:
    """One split of two runs.

    Attributes:
        split: Its reference.
        is_view: Whether it is a view: predictions, and so `answers`, are of the whole split.
        facts: What differs about images, software and device: "WHAT: OLD became NEW".
        numbers: Scores, gaps and effective robustness that differ, in the same words.
        answers: The answers image by image; None where the stored predictions are not there.
    """

    split: str
    is_view: bool
    facts: tuple[str, ...]
    numbers: tuple[str, ...]
    answers: AnswerChange | None

    @property
    def same(self) -> bool:
        """Whether every number and answer is the same."""
        answers = self.answers
        return not self.numbers and (answers is None or not (answers.other or answers.missing))


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunReport:
    """A stored result against a new run of it.

    Attributes:
        model: The model.
        facts: What differs about the model and about what computed the numbers.
        splits: One a split of the stored result.
        missing: Splits that the new run lacks.
    """

    model: str
    facts: tuple[str, ...]
    splits: tuple[SplitChange, ...]
    missing: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether every number and answer is the same."""
        return not self.missing and all(split.same for split in self.splits)

    def list_lines(self) -> list[str]:
        """The report in words."""
        lines = [f"{self.model}: {'the same numbers' if self.same else 'other numbers'}"]
        lines += [f"  {fact}" for fact in self.facts]
        for split in self.splits:
            whole = " of the whole split" if split.is_view and split.answers is not None else ""
            lines.append(f"{split.split}: {describe_answers(split.answers, whole=whole)}")
            lines += [f"  {line}" for line in (*split.numbers, *split.facts)]
        return lines + [f"{ref}: not in the new run" for ref in self.missing]


def describe_answers(answers: AnswerChange | None, *, whole: str = "") -> str:
    """The answers of two runs in a sentence without its full stop.

    Args:
        answers: What differs; None where it is not known.
        whole: Put behind the number of images, where they are more than those of the split.

    Example:
        >>> describe_answers(AnswerChange(n=1040, other=0, missing=0, probability=0.0))
        'the same answer to each of 1,040 images'
        >>> describe_answers(AnswerChange(n=1040, other=3, missing=0, probability=0.02))
        'another answer to 3 of 1,040 images; probabilities differ by at most 0.02'
    """
    if answers is None:
        return "the stored predictions are not there, so that only numbers are compared"
    first = f"another answer to {answers.other:,}" if answers.other else "the same answer to each"
    found = f"{first} of {answers.n:,} images{whole}"
    if answers.missing:
        found += f"; {answers.missing:,} images are of one run only"
    return found + (
        f"; probabilities differ by at most {answers.probability:.2g}" if answers.probability else ""
    )


def compare_results(old: Result, folder: Path, new: Result, new_folder: Path) -> RerunReport:
    """What differs between a stored result and a new run of it.

    Args:
        old: The stored result.
        folder: Where it lies, with its predictions.
        new: The new one.
        new_folder: Where that lies.

    Raises:
        DataError: The new predictions are damaged.
    """
    entries = {entry.split.ref: entry for entry in new.entries}
    pairs = [(entry, entries[entry.split.ref]) for entry in old.entries if entry.split.ref in entries]
    compare = _FileComparison(folder, new_folder)
    return RerunReport(
        model=old.model.spec,
        facts=tuple(_list_model_facts(old, new)),
        splits=tuple(
            SplitChange(
                split=one.split.ref,
                is_view=one.split.view is not None,
                facts=tuple(_list_run_facts(one, other)),
                numbers=tuple(list_number_changes(one, other)),
                answers=compare(one, other),
            )
            for one, other in pairs
        ),
        missing=tuple(entry.split.ref for entry in old.entries if entry.split.ref not in entries),
    )


def _list_model_facts(old: Result, new: Result) -> Iterator[str]:
    before, after = (
        result.model.model_dump(mode="json", exclude={*DECLARED_FIELDS}) for result in (old, new)
    )
    # Null is unknown: a fact that an older file does not hold is no difference.
    known = [name for name, value in before.items() if value is not None]
    yield from list_differences({name: before[name] for name in known}, {name: after[name] for name in known})
    yield from list_differences(old.environment.imagenet_g, new.environment.imagenet_g, "imagenet-g")
    yield from list_differences(old.statistics, new.statistics, "statistics")
    yield from list_differences(dict(old.environment.versions), dict(new.environment.versions))


def _list_run_facts(old: Entry, new: Entry) -> Iterator[str]:
    yield from list_differences(old.split.content_sha256, new.split.content_sha256, "images and labels")
    one, other = old.predictions.run, new.predictions.run
    for name in ("device", "device_name", "dtype", "backend", "batch_size"):
        yield from list_differences(getattr(one, name), getattr(other, name), name)
    yield from list_differences(dict(one.versions), dict(other.versions))


def list_number_changes(old: Entry, new: Entry) -> Iterator[str]:
    """Numbers of an entry that differ by more than the order of a sum can make them."""
    for name in ("n", "n_unscored"):
        yield from list_differences(getattr(old, name), getattr(new, name), name)
    before, after = _list_numbers(old), _list_numbers(new)
    for name in before:
        one, other = before[name], after.get(name)
        if one is None or other is None:
            yield from list_differences(one, other, name)
        elif not math.isclose(one, other, rel_tol=0, abs_tol=TOLERANCE):
            yield f"{name}: {one:.6g} became {other:.6g}"


def _list_numbers(entry: Entry) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for score in entry.scores:
        for metric, estimate in score.metrics.items():
            found |= _name_bounds(f"{metric} ({score.outputs})", estimate)
    for gap in entry.gaps:
        name = f"gap to {gap.reference.set} ({gap.reference.outputs})"
        found |= {name: gap.value, f"{name}, low": gap.low, f"{name}, high": gap.high}
    for er in entry.effective_robustness:
        name = f"effective robustness against {er.baseline} ({er.link})"
        found |= {name: er.value, f"{name}, low": er.low, f"{name}, high": er.high}
    return found


def _name_bounds(name: str, estimate: MetricEstimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}, low": estimate.low, f"{name}, high": estimate.high}


class _FileComparison:
    """Compares stored predictions, those of a split and its views once: they are of one file."""

    def __init__(self, folder: Path, new_folder: Path) -> None:
        self._folders = folder, new_folder
        self._found: dict[tuple[str, ...], AnswerChange | None] = {}

    def __call__(self, old: Entry, new: Entry) -> AnswerChange | None:
        one, other = old.predictions, new.predictions
        key = (one.file, one.sha256, other.file, other.sha256)
        if key not in self._found:
            self._found[key] = _compare_stored(old, self._folders[0], new, self._folders[1])
        return self._found[key]


def _compare_stored(old: Entry, folder: Path, new: Entry, new_folder: Path) -> AnswerChange | None:
    # Other predictions than those of a result say nothing of it.
    if not (has_predictions(folder, old) and has_predictions(new_folder, new)):
        return None
    try:
        before = load_predictions(folder / old.predictions.file)[0]
    except DataError:
        return None
    return compare_answers(before, load_predictions(new_folder / new.predictions.file)[0])


def compare_answers(old: Predictions, new: Predictions) -> AnswerChange:
    """The best answers of two runs, image by image."""
    rows = {image_id: row for row, image_id in enumerate(new.image_ids)}
    shared = [row for row, image_id in enumerate(old.image_ids) if image_id in rows]
    one = old.take(np.array(shared, dtype=np.intp)).top5
    other = new.take(np.array([rows[old.image_ids[row]] for row in shared], dtype=np.intp)).top5
    apart = np.abs(one.probabilities[:, 0] - other.probabilities[:, 0])
    return AnswerChange(
        n=len(shared),
        other=int((one.indices[:, 0] != other.indices[:, 0]).sum()),
        missing=len(old) + len(new) - 2 * len(shared),
        probability=float(apart.max(initial=0)),
    )
