"""Which models of a sweep are done, failed and left, and how long the rest may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from imagenet_g.benchmark.sweeps.choosing import ChosenModel, is_known
from imagenet_g.benchmark.sweeps.journal import DoneRecord, Journal, is_done


@dataclass(frozen=True, slots=True)
class SweepState:
    """The models of a sweep, each in one of three lists.

    Attributes:
        done: With a result.
        failed: Without one, and why.
        left: Still to run, in the order in which they will.
        interrupted: Those among the left ones that were at work when an earlier process died.
        seconds_left: Estimate for the left ones in one process; None before anything was measured.
    """

    done: tuple[ChosenModel, ...]
    failed: tuple[tuple[ChosenModel, str], ...]
    left: tuple[ChosenModel, ...]
    interrupted: frozenset[str]
    seconds_left: float | None


def find_state(
    models: Sequence[ChosenModel], journal: Journal, asked: str, out: Path, *, retry: bool = False
) -> SweepState:
    """Sort the models of a sweep.

    Args:
        models: The chosen models.
        journal: What became of them so far.
        asked: Hash of what is asked of each.
        out: The folder of results.
        retry: Whether failed models are left, too.
    """
    done, failed, left = [], [], []
    for model in models:
        failure = journal.failed.get(model.spec)
        if is_done(journal, model.spec, asked, out):
            done.append(model)
        elif failure is not None and failure.asked == asked and not retry:
            failed.append((model, failure.error))
        else:
            left.append(model)
    # Last, each alone: one that ends the process must not keep the others from their turn.
    left.sort(key=lambda model: model.spec in journal.running)
    measured = [(model, journal.done[model.spec]) for model in done]
    interrupted = frozenset(journal.running)
    return SweepState(tuple(done), tuple(failed), tuple(left), interrupted, estimate_seconds(left, measured))


def estimate_seconds(
    left: Sequence[ChosenModel], measured: Sequence[tuple[ChosenModel, DoneRecord]]
) -> float | None:
    """Time that models may take, from the speed of those that are done.

    The time of an image is taken to grow with the parameters times the pixels of the input, at the median
    rate of what was measured, and never to be shorter than the shortest measured one, which images need to be
    read. Where size or input is unknown, the median time of an image counts.

    Args:
        left: The models.
        measured: Models that are done, with their records.

    Returns:
        Seconds in one process; None where nothing was measured.
    """
    known = [
        (model, record.seconds_per_image, record.num_images)
        for model, record in measured
        if record.seconds_per_image
    ]
    if not known:
        return None if left else 0.0
    times = [seconds for _, seconds, _ in known]
    rates = [seconds / work for model, seconds, _ in known if (work := measure_work(model)) is not None]
    images = max(number for _, _, number in known)
    return images * sum(_estimate_image(model, times, rates) for model in left)


def measure_work(model: ChosenModel) -> float | None:
    """Parameters times pixels of the input; None where one of them is unknown."""
    if not is_known(model.facts):
        return None
    return (sum(model.facts.num_parameters) / 2) * model.facts.input_size[0] ** 2


def _estimate_image(model: ChosenModel, times: Sequence[float], rates: Sequence[float]) -> float:
    work = measure_work(model)
    if work is None or not rates:
        return median(times)
    return max(median(rates) * work, min(times))


def format_duration(seconds: float | None) -> str:
    """A duration in the two largest units.

    >>> [format_duration(time) for time in (None, 12.4, 3900, 200_000)]
    ['unknown', '12 s', '1 h 5 min', '2 d 7 h']
    """
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{number} {unit}" for number, unit in
             ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")) if number]  # fmt: skip
    return " ".join(parts[:2]) or "0 s"
