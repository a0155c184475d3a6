"""A report of features in words, as rows of a table, and as CSV."""

from __future__ import annotations

import csv
import io

from imagenet_g.baselines.feature_analysis.records import FeatureAnalysis, FeatureMeasure, FeatureReport

COLUMNS = (
    "model", "split", "n", "dimensions", "measure", "normalised", "stated", "eps_squared", "value", "low",
    "high", "wnid",
)  # fmt: skip


def name_measure(measure: FeatureMeasure) -> str:
    """A measure with what it was computed on.

    Example:
        >>> name_measure(FeatureMeasure(name="redundancy", normalised=False, stated="caption", value=0.1,
        ...     low=None, high=None, eps_squared=None, num_classes=None))
        'redundancy, features as given'
    """
    return f"{measure.name}, {'length 1' if measure.normalised else 'features as given'}"


def format_measure(measure: FeatureMeasure) -> str:
    """Its value, with its interval where it has one."""
    text = f"{measure.value:.4g}"
    if measure.low is None or measure.high is None:
        return text
    return f"{text} ({measure.low:.4g} to {measure.high:.4g})"


def format_feature_csv(report: FeatureReport) -> str:
    """All numbers, one a line: those of a set first, then two of each class."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for analysis in report.analyses:
        start = (
            analysis.encoder.spec,
            analysis.split.ref,
            analysis.n,
            analysis.encoder.num_dimensions,
        )
        for one in analysis.measures:
            eps = "" if one.eps_squared is None else one.eps_squared
            bounds = ["" if bound is None else bound for bound in (one.low, one.high)]
            writer.writerow([*start, one.name, one.normalised, one.stated, eps, one.value, *bounds, ""])
        _write_classes(writer, analysis)
    return stream.getvalue()


def _write_classes(writer: csv.Writer, analysis: FeatureAnalysis) -> None:  # type: ignore[name-defined]
    start = (analysis.encoder.spec, analysis.split.ref)
    for row in analysis.classes:
        pairs = (("sparsity", row.sparsity), ("intra-class distance", row.intra_class_distance))
        for name, value in pairs:
            # A class with one image has no pair: its cell stays empty.
            shown = "" if value is None else value
            numbers = (row.n, analysis.encoder.num_dimensions)
            writer.writerow([*start, *numbers, name, True, "caption and text", "", shown, "", "", row.wnid])
