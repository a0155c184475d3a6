"""A result as what a tracker takes: numbers by name, and facts about the run. Pure."""

from __future__ import annotations

from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Gap, Result


def list_values(result: Result) -> dict[str, float]:
    """Every number of a result by `split/number`; fractions as in the file, unknown ones left out.

    Of a split: each metric of its headline score with `_low` and `_high`, `ag` against its clean accuracy and
    `er` against each baseline and link, and `n`, the number of images.

    Args:
        result: A model's result.
    """
    found: dict[str, float | None] = {}
    for entry in result.entries:
        for name, value in _list_numbers(entry).items():
            found[f"{entry.split.ref}/{name}"] = value
    return {name: value for name, value in found.items() if value is not None}


def _list_numbers(entry: Entry) -> dict[str, float | None]:
    numbers: dict[str, float | None] = {"n": float(entry.n)}
    for name, metric in choose_headline(entry).metrics.items():
        numbers |= _bound(name, metric.value, metric.low, metric.high)
    for gap in entry.gaps[:1]:
        numbers |= _bound_difference("ag", gap)
    for record in entry.effective_robustness:
        # One line has the short name; of several each needs its own.
        alone = len(entry.effective_robustness) == 1
        name = "er" if alone else f"er-{record.baseline}-{record.link}"
        numbers |= _bound_difference(name, record)
    return numbers


def _bound_difference(name: str, found: Gap | EffectiveRobustness) -> dict[str, float | None]:
    return _bound(name, found.value, found.low, found.high)


def _bound(name: str, value: float, low: float | None, high: float | None) -> dict[str, float | None]:
    """A number and its interval.

    Example:
        >>> _bound("top1", 0.5, 0.25, None)
        {'top1': 0.5, 'top1_low': 0.25, 'top1_high': None}
    """
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def list_facts(result: Result) -> dict[str, object]:
    """What was run, as a tracker's configuration: plain values by name, and no path of this machine.

    Args:
        result: A model's result.
    """
    model, first = result.model, result.entries[0].predictions.run
    return {
        "model": model.spec,
        "weights_sha256": model.weights_sha256,
        "revision": model.revision,
        "num_parameters": model.num_parameters,
        "input_size_px": list(model.preprocessing.input_size_px),
        "interpolation": model.preprocessing.interpolation,
        "training_data": model.training_data,
        "splits": [entry.split.ref for entry in result.entries],
        "content_sha256": [entry.split.content_sha256 for entry in result.entries],
        "device": first.device_name or first.device,
        "dtype": first.dtype,
        "backend": first.backend,
        "imagenet_g": result.environment.imagenet_g,
        "created_utc": result.environment.created_utc,
    }
