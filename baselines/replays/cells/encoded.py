"""Probes and features of models: each is loaded once, and so are the images that all of them encode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.baselines.feature_analysis.run import (
    FeatureRequest,
    analyse_model,
    choose_feature_settings,
    open_feature_side,
)
from imagenet_g.baselines.probing.images import ProbeImages, load_probe_images
from imagenet_g.baselines.probing.layouts.split import find_copy
from imagenet_g.baselines.probing.run import probe_model
from imagenet_g.baselines.probing.scoring import ProbeAnswers
from imagenet_g.baselines.probing.seeds import ProbeOptions
from imagenet_g.baselines.probing.specs import load_probe_set
from imagenet_g.baselines.probing.storing import load_answers, load_result
from imagenet_g.baselines.replays.cells.specs import FEATURES, Measure
from imagenet_g.baselines.replays.evaluating import ReplayPlace
from imagenet_g.baselines.replays.experiments import ExperimentSpec
from imagenet_g.baselines.replays.seeds import RunCounts
from imagenet_g.benchmark.distances.encoders import RawEncoder, load_raw_encoder
from imagenet_g.benchmark.distances.sides import Side
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.statistics.accuracy import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedCells:
    """What the features of the runs of a row give.

    Attributes:
        values: `(R,)` number of each run by measure and column.
        probes: Right answers of the runs' probes, by column.
    """

    values: Mapping[tuple[Measure, str], FloatArray]
    probes: Mapping[str, RunCounts]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImages:
    """What every row of an experiment encodes.

    Attributes:
        sets: Data sets of its probes, by column.
        sides: Splits whose features are measured, by column; several where it is their mean.
    """

    sets: Mapping[str, ProbeImages]
    sides: Mapping[str, Sequence[Side]]


def open_encoded(place: ReplayPlace, experiment: ExperimentSpec) -> EncodedImages:
    """Open what the rows of an experiment encode; nothing where it has neither probes nor features.

    Once for all rows: each image is read to see whether it can be.

    Raises:
        ImagenetGError: A set is not here or not whole, or a split cannot be opened.
    """
    request = _make_request(place)
    columns = experiment.columns if {*FEATURES} & {*experiment.measures} else ()
    return EncodedImages(
        sets=open_probe_sets(place, experiment),
        sides={
            column.column: [
                open_feature_side(parse_split_ref(ref), request, place.listener) for ref in column.splits
            ]
            for column in columns
        },
    )


def measure_encoded(
    place: ReplayPlace,
    experiment: ExperimentSpec,
    images: EncodedImages,
    models: Sequence[str],
    seeds: Sequence[int],
) -> EncodedCells:
    """Probes and features of the runs of a row; no model is loaded where the experiment has neither.

    Args:
        place: Where.
        experiment: Which measures, and how a probe is searched for.
        images: Of `open_encoded`.
        models: Spec of each run.
        seeds: Of the probe of each run: runs of two rows that have one seed draw the same images to judge on.

    Raises:
        ImagenetGError: As probing and measuring features.
    """
    if not (images.sets or images.sides):
        return EncodedCells(values={}, probes={})
    probes: dict[str, list[ProbeAnswers]] = {column: [] for column in images.sets}
    values: dict[tuple[Measure, str], list[float]] = {}
    for model, seed in zip(models, seeds, strict=True):
        encoder = load_raw_encoder(model)
        for column, answers in _probe(place, experiment, encoder, images.sets, seed).items():
            probes[column].append(answers)
        for cell, value in _analyse(place, encoder, images.sides).items():
            values.setdefault(cell, []).append(value)
    return EncodedCells(
        values={cell: np.array(numbers) for cell, numbers in values.items()},
        probes={
            column: count_answers_by_class(probes[column], len(found.class_names))
            for column, found in images.sets.items()
        },
    )


def open_probe_sets(place: ReplayPlace, experiment: ExperimentSpec) -> dict[str, ProbeImages]:
    """The data sets of an experiment's probes, by column.

    Raises:
        InputError: One is not here or not whole.
    """
    found = {}
    for probe in experiment.probes if "probe" in experiment.measures else ():
        spec = load_probe_set(probe.set)
        folder = find_copy(spec, place.data)
        found[probe.column] = load_probe_images(spec, folder, cache=place.cache.folder, allow_partial=False)
    return found


def count_answers_by_class(answers: Sequence[ProbeAnswers], num_classes: int) -> RunCounts:
    """Right answers of probes by run and class.

    Args:
        answers: Of one seed for each run, to the same test images.
        num_classes: Classes of the set.

    Raises:
        DataError: Two of them are answers to other images.

    Example:
        >>> labels = np.array([0, 0, 1])
        >>> one = ProbeAnswers(("a", "b", "c"), labels, np.array([[0, 1, 1]]), np.zeros(3, bool))
        >>> counts = count_answers_by_class([one], 2)
        >>> counts.right.tolist(), counts.total.tolist()
        ([[1.0, 1.0]], [2.0, 1.0])
    """
    labels = answers[0].labels
    if any(one.image_ids != answers[0].image_ids for one in answers):
        raise DataError("Two probes of one set were tested on other images; delete them, and run again.")
    right = [np.bincount(labels[one.right[0]], minlength=num_classes) for one in answers]
    total = np.bincount(labels, minlength=num_classes)
    return RunCounts(right=np.stack(right).astype(np.float64), total=total.astype(np.float64))


def _probe(
    place: ReplayPlace,
    experiment: ExperimentSpec,
    encoder: RawEncoder,
    sets: Mapping[str, ProbeImages],
    seed: int,
) -> dict[str, ProbeAnswers]:
    if not sets:
        return {}
    options = ProbeOptions(
        protocol="printed",
        num_trials=experiment.trials,
        seeds=(seed,),
        scaling=None,
        input="printed",
        out=place.cache.folder / "probes",
        cache=place.cache.folder,
        settings=choose_feature_settings(place.settings),
    )
    folder = options.out / _name_probes(encoder, options)
    probe_model(encoder, list(sets.values()), options, place.listener, folder=folder)
    return {column: _read_answers(folder, images.spec.name) for column, images in sets.items()}


def _name_probes(encoder: RawEncoder, options: ProbeOptions) -> str:
    # By what is probed and not by where it lies: a moved output finds its probes again, and other weights in
    # the same place are never met.
    record = encoder.record
    parts = [record.weights_sha256, record.preprocessing.model_dump(mode="json"), record.num_dimensions]
    return hash_json([*parts, list(options.seeds), options.num_trials])[:16]


def _read_answers(folder: Path, name: str) -> ProbeAnswers:
    result = load_result(folder)
    for entry in () if result is None else result.entries:
        if entry.set == name:
            return load_answers(folder / entry.predictions, num_seeds=1)
    raise DataError(f"'{folder}' has no probe on '{name}'. Delete it and run the same command again.")


def _analyse(
    place: ReplayPlace, encoder: RawEncoder, sides: Mapping[str, Sequence[Side]]
) -> dict[tuple[Measure, str], float]:
    request = _make_request(place)
    found: dict[tuple[Measure, str], float] = {}
    for column, parts in sides.items():
        # A mean over splits of the same images: each weighs the same.
        reports = [analyse_model(encoder, side, request, place.listener).measures for side in parts]
        for name, key in FEATURES.items():
            values = [one.value for report in reports for one in report if (one.name, one.normalised) == key]
            found[name, column] = float(np.mean(values))
    return found


def _make_request(place: ReplayPlace) -> FeatureRequest:
    return FeatureRequest(
        models=(), splits=(), data=place.data, cache=place.cache.folder, settings=place.settings
    )
