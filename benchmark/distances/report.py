"""Distances as text and CSV. Percent appears here and nowhere below."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.distances.protocols import expect_fitted, expect_unshifted
from imagenet_g.benchmark.distances.results import (
    ClassDistance,
    ClipDistances,
    DistanceReport,
    EqualSizes,
    Mean,
)
from imagenet_g.benchmark.predictions.metric import MINUS
from imagenet_g.benchmark.terminal.tables import NameTable, Shown, make_notes, make_text, stack

UNKNOWN = "unknown"
_COLUMNS = (
    "n_split", "n_reference", "cosine_split", "cosine_reference", "reduction", "mahalanobis_split",
    "mahalanobis_reference", "shrinkage", "mahalanobis_unshifted", "spread_split", "spread_reference",
)  # fmt: skip


def make_report(report: DistanceReport, *, num_shown: int) -> Shown:
    """One table over the CLIPs, the classes that moved most under each, and every warning.

    Args:
        report: The report.
        num_shown: How many of the farthest and of the nearest classes to list for each CLIP; 0 for none.
    """
    heading = make_text(
        f"{report.split.split.ref} ({report.split.n} images) from {report.reference.split.ref} "
        f"({report.reference.n} images), {len(report.measures[0].classes)} classes",
        style="bold",
    )
    tables = [_make_class_table(measure, num_shown) for measure in report.measures] if num_shown else []
    summaries = (_make_summary(report.measures), _make_spread_table(report.measures))
    return stack(heading, *summaries, *tables, *_make_notes(report))


def format_csv(report: DistanceReport) -> str:
    """A row for every CLIP and class, fractions as in the report, empty where a number is unknown."""
    buffer = io.StringIO()
    # The csv module ends lines with a carriage return too, on every system.
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("clip", "wnid", "class", *_COLUMNS))
    for measure in report.measures:
        for row in measure.classes:
            values = ("" if (value := getattr(row, name)) is None else value for name in _COLUMNS)
            writer.writerow((measure.clip.spec, row.wnid, _name_class(row), *values))
    return buffer.getvalue()


def _make_summary(measures: Sequence[ClipDistances]) -> NameTable:
    figures = ["cosine", "of the reference", "reduction %", "Mahalanobis", "of the reference "]
    figures += ["of unshifted images"] if _is_paper(measures) else []
    table = NameTable(("CLIP", *figures), right=figures)
    for measure in measures:
        table.add_row(
            measure.clip.spec + ("" if measure.independent else " *"),
            *(
                format_mean(mean, digits, scale=scale, num_all=len(measure.classes))
                for mean, digits, scale in _list_means(measure)
            ),
        )
    return table


def _list_means(measure: ClipDistances) -> list[tuple[Mean | None, int, float]]:
    """Mean, digits and scale of each column."""
    found: list[tuple[Mean | None, int, float]] = [
        (measure.cosine_split, 3, 1.0),
        (measure.cosine_reference, 3, 1.0),
        (measure.reduction, 1, 100.0),
        (measure.mahalanobis_split, 2, 1.0),
        (measure.mahalanobis_reference, 2, 1.0),
    ]
    return [*found, (measure.mahalanobis_unshifted, 2, 1.0)] if measure.protocol == "paper" else found


def _is_paper(measures: Sequence[ClipDistances]) -> bool:
    return any(measure.protocol == "paper" for measure in measures)


def _make_spread_table(measures: Sequence[ClipDistances]) -> NameTable:
    figures = ("spread", "of the reference", "images a class", "Mahalanobis ratio")
    table = NameTable(("CLIP", *figures), right=figures)
    for measure in measures:
        equal = measure.equal_sizes
        table.add_row(
            measure.clip.spec,
            *(
                format_mean(mean, 3, scale=1.0, num_all=len(measure.classes))
                for mean in (measure.spread_split, measure.spread_reference)
            ),
            UNKNOWN if equal is None else str(equal.num_images),
            UNKNOWN if equal is None else format_ratio(equal),
        )
    return table


def format_ratio(equal: EqualSizes) -> str:
    """The ratio at equal sizes with its interval.

    Example:
        >>> format_ratio(EqualSizes(num_images=5, num_classes=2, num_draws=1, seed=0, split=3, held_out=2,
        ...                         ratio=1.5, low=1.25, high=1.75))
        '1.50 (1.25 to 1.75)'
    """
    if equal.low is None or equal.high is None:
        return _format(equal.ratio, 2)
    return f"{_format(equal.ratio, 2)} ({_format(equal.low, 2)} to {_format(equal.high, 2)})"


def _make_class_table(measure: ClipDistances, num_shown: int) -> NameTable:
    known = sorted(
        (row for row in measure.classes if row.reduction is not None),
        key=lambda row: -(row.reduction or 0.0),
    )
    shown = known if len(known) <= 2 * num_shown else [*known[:num_shown], *known[-num_shown:]]
    figures = ("n", "cosine", "of the reference", "reduction %", "Mahalanobis", "of the reference ")
    title = f"farthest and nearest classes by {measure.clip.spec}"
    table = NameTable(("class", *figures), title=title, right=figures)
    for number, row in enumerate(shown):
        table.add_row(
            f"{_name_class(row)} ({row.wnid})",
            f"{row.n_split} / {row.n_reference}",
            _format(row.cosine_split, 3),
            _format(row.cosine_reference, 3),
            _format(row.reduction, 1, scale=100),
            _format(row.mahalanobis_split, 2),
            _format(row.mahalanobis_reference, 2),
            end_section=len(known) > 2 * num_shown and number == num_shown - 1,
        )
    return table


def _make_notes(report: DistanceReport) -> list[Shown]:
    lines = [f"! {warning}" for warning in report.warnings]
    lines += [
        f"{first} and {second} agree on which classes moved by {_format(agreement.spearman, 2)} (Spearman, "
        f"{agreement.num_classes} classes)."
        for agreement in report.agreements
        for first, second in [agreement.clips]
    ]
    if not all(measure.independent for measure in report.measures):
        lines.append("* this CLIP filtered or optimised the images it measures.")
    lines += [
        f"{measure.clip.spec}: {said}" for measure in report.measures for said in measure.assumptions or ()
    ]
    lines.append(
        "Cosine to the mean of the class's reference images; reduction of it against reference images left "
        f"out of that mean. {_explain_protocol(report.measures)} Means over classes, 95 % intervals from "
        "drawing classes."
    )
    lines.append(
        "Spread: trace of the covariance of a class's embeddings. Mahalanobis ratio: the split's distance "
        "over that of held-out reference images, both measured from as many other reference images a class "
        "as are named; about 1 without a shift, whatever the number."
    )
    return make_notes(lines)


def _explain_protocol(measures: Sequence[ClipDistances]) -> str:
    first = measures[0]
    if not _is_paper(measures) or first.pca is None:
        return (
            "Mahalanobis distance to the class after a PCA of the reference, in standard deviations, the "
            "covariance shrunk and reference images held out (--protocol paper: neither)."
        )
    size, count = first.pca.num_components, _find_median(row.n_reference for row in first.classes)
    fitted, unshifted = expect_fitted(size, count), expect_unshifted(size, count)
    new = "farther" if unshifted is None else f"at about {unshifted:.2f}"
    return (
        "Mahalanobis distance by the paper's protocol: not shrunk, reference images measured from the fit "
        f"that they made. With {count} of them a class in {size} dimensions their figure follows from "
        f"arithmetic, about {fitted:.2f} (the paper prints 7.90 for 128 in 64) whatever the images are, and "
        f"unshifted new images lie {new}: compare the split with these. Our protocol holds images out and "
        "shrinks, so its figures differ."
    )


def _find_median(values: Iterable[int]) -> int:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def format_mean(mean: Mean | None, digits: int, *, scale: float, num_all: int) -> str:
    """A mean with its interval, such as "0.612 (0.601 to 0.623)", and of how many classes if not of all.

    Example:
        >>> format_mean(Mean(value=0.125, low=0.1, high=0.15, num_classes=3), 1, scale=100, num_all=4)
        '12.5 (10.0 to 15.0) of 3 classes'
        >>> format_mean(None, 1, scale=1, num_all=4)
        'unknown'
    """
    if mean is None:
        return UNKNOWN
    text = _format(mean.value, digits, scale=scale)
    if mean.low is not None and mean.high is not None:
        low, high = (_format(bound, digits, scale=scale) for bound in (mean.low, mean.high))
        text += f" ({low} to {high})"
    return text if mean.num_classes == num_all else f"{text} of {mean.num_classes} classes"


def _format(value: float | None, digits: int, *, scale: float = 1.0) -> str:
    if value is None:
        return UNKNOWN
    text = f"{abs(scale * value):.{digits}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) else text


def _name_class(row: ClassDistance) -> str:
    return load_classes()[load_index_by_wnid()[row.wnid]].name
