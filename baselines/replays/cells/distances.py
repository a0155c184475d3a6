"""Rows that are splits: how far the images of each class lie from those of a reference, by CLIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagenet_g.baselines.replays.cells.specs import DistanceName, Measure, SplitDistancesSpec
from imagenet_g.baselines.replays.evaluating import ReplayPlace
from imagenet_g.benchmark.distances.results import ClassDistance, DistanceReport
from imagenet_g.benchmark.distances.run import DistanceRequest, run_distance
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.references import parse_split_ref

_FIELDS: dict[DistanceName, tuple[str, str]] = {
    "CLIP similarity": ("cosine_split", "cosine_reference"),
    "Mahalanobis distance": ("mahalanobis_split", "mahalanobis_reference"),
}
"""Fields of a class's distances: of the split, and of the reference's own images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCells:
    """A split, measured.

    Attributes:
        name: Of the row.
        classes: Number of each class by its wnid, by measure and column.
        line: What was measured from what, in words.
    """

    name: str
    classes: Mapping[tuple[Measure, str], Mapping[str, float]]
    line: str


def measure_distances(
    place: ReplayPlace, spec: SplitDistancesSpec, measures: Sequence[Measure]
) -> list[SplitCells]:
    """Distances of every row by every CLIP; the reference's own come with those of the first split.

    Raises:
        InputError: A class has too few images of the reference for a measure.
        ImagenetGError: As `run_distance`.
    """
    reports = [_measure(place, spec, row.ref) for row in spec.rows]
    names = [name for name in _FIELDS if name in measures]
    rows = [(spec.reference_row, reports[0], 1)]
    rows += [(row.row, report, 0) for row, report in zip(spec.rows, reports, strict=True)]
    return [
        SplitCells(
            name=row,
            classes={
                (name, column.column): _choose_values(row, name, _FIELDS[name][side], found.classes)
                for name in names
                for column, found in zip(spec.clips, report.measures, strict=True)
            },
            line=_describe(report, side),
        )
        for row, report, side in rows
    ]


def _measure(place: ReplayPlace, spec: SplitDistancesSpec, ref: str) -> DistanceReport:
    request = DistanceRequest(
        split=parse_split_ref(ref),
        reference=parse_split_ref(spec.reference),
        clips=tuple(one.clip for one in spec.clips),
        data=place.data,
        cache=place.cache.folder,
        settings=place.settings,
        per_class=spec.per_class,
        num_components=spec.components,
        protocol=spec.protocol,
    )
    return run_distance(request, place.listener)[0]


def _choose_values(
    row: str, name: DistanceName, field: str, classes: Sequence[ClassDistance]
) -> dict[str, float]:
    found = {one.wnid: getattr(one, field) for one in classes}
    lacking = [wnid for wnid, value in found.items() if value is None]
    # A mean over the classes that happen to have a number would be one of other classes.
    if lacking:
        raise InputError(
            f"'{row}' has no {name} for {len(lacking)} classes, such as {lacking[0]}: the reference has too "
            "few images of them. Name another reference, more images a class, or fewer components."
        )
    return found


def _describe(report: DistanceReport, side: int) -> str:
    num_classes = len(report.measures[0].classes)
    reference = report.reference
    if side:
        images = f"{reference.n} images of {num_classes} classes of {reference.split.ref}"
        return f"{images}, measured from themselves"
    circular = [found.clip.spec for found in report.measures if not found.independent]
    # A view that a CLIP chose is near by that CLIP whatever its images are.
    caution = f"; filtered or optimised by {', '.join(circular)}" if circular else ""
    return (
        f"{report.split.n} images of {num_classes} classes of {report.split.split.ref}, measured from "
        f"{reference.split.ref}{caution}"
    )
