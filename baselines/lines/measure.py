"""Results of a set's models on one split, gathered into a measured baseline."""

from __future__ import annotations

from collections.abc import Mapping

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.predictions.class_counts import PairCounts, SetCounts
from imagenet_g.benchmark.results import Entry, Result
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline, MeasuredRecord
from imagenet_g.benchmark.robustness.published_sets import BaselineSet
from imagenet_g.benchmark.statistics.accuracy import FloatArray

Measurement = tuple[Result, Mapping[str, PairCounts]]
"""A model's result, and the counts behind its entries by split."""


def list_requests(baseline: BaselineSet) -> tuple[ModelRequest, ...]:
    """The models of a set that may be in a fit, to be run.

    Raises:
        InputError: The set's models cannot be loaded by name.
    """
    specs = [baseline.make_spec(record) for record in baseline.fitted]
    return tuple(ModelRequest(requested=spec, spec=parse_model_spec(spec)) for spec in specs)


def build_measured_baseline(
    baseline: BaselineSet, measured: Mapping[str, Measurement], target: str
) -> MeasuredBaseline:
    """Gather the results of a set's models on one split.

    Args:
        baseline: The set.
        measured: Result and counts of each model, by its name in the set.
        target: The split with its view.

    Raises:
        InputError: A model was not run on the split, has no measured clean twin, or saw other images.
    """
    entries = {model: _find_entry(result, target) for model, (result, _) in measured.items()}
    first = next(iter(entries.values()), None)
    if first is None:
        raise InputError(f"No result of the models of '{baseline.header.id}' was given.")
    for model, entry in entries.items():
        # A point measured on other images or outputs would look like scatter of the model.
        if _describe(entry) != _describe(first):
            raise InputError(
                f"'{model}' was run on other images, outputs or clean set of '{target}' than the first; "
                "run the whole set with one command."
            )
    # Counts and not accuracies are kept: the interval of a later model draws classes of the baseline too.
    counts = {model: pairs[target] for model, (_, pairs) in measured.items()}
    indices = next(iter(counts.values())).class_indices
    some = next(iter(counts.values()))
    clean = first.gaps[0].reference
    return MeasuredBaseline(
        id=baseline.header.id,
        set_sha256=baseline.sha256,
        target=target,
        content_sha256=first.split.content_sha256,
        outputs=clean.outputs,
        reference_set=clean.set,
        reference_manifest_sha256=clean.manifest_sha256,
        class_indices=indices,
        reference_total=_select(_reference(some, target).total, indices),
        shifted_total=_select(some.shifted.total, indices),
        records=tuple(
            MeasuredRecord(
                model=model,
                family=baseline.find_record(model).family,
                # A name may point to other weights tomorrow; the hash ties the point to these.
                weights_sha256=measured[model][0].model.weights_sha256,
                reference_right=_select(_reference(pair, target).right, indices),
                shifted_right=_select(pair.shifted.right, indices),
            )
            for model, pair in counts.items()
        ),
    )


def _find_entry(result: Result, target: str) -> Entry:
    for entry in result.entries:
        if entry.split.ref == target and entry.gaps and entry.gaps[0].reference.kind == "measured":
            return entry
    raise InputError(
        f"'{result.model.spec}' has no entry on '{target}' with a measured clean reference; "
        "run it with --reference."
    )


def _describe(entry: Entry) -> tuple[object, ...]:
    clean = entry.gaps[0].reference
    return (entry.split.content_sha256, entry.limit, clean.set, clean.outputs, clean.manifest_sha256)


def _reference(pair: PairCounts, target: str) -> SetCounts:
    if pair.reference is None:
        raise InputError(f"The clean twin of '{target}' was published, not measured; run with --reference.")
    return pair.reference


def _select(values: FloatArray, indices: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(values[index]) for index in indices)
