"""The accuracy to expect of a model before it is run, from its clean accuracy alone."""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError, format_near_names
from imagenet_g.benchmark.records import PublishedAccuracy
from imagenet_g.benchmark.robustness.fits import LineFit, compute_band, fit_line, predict_top1
from imagenet_g.benchmark.robustness.links import LinkName
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.robustness.placements import Support, choose_line, describe_support
from imagenet_g.benchmark.robustness.points import BaselinePoints
from imagenet_g.benchmark.robustness.published_sets import BaselineSet, find_target


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanAccuracy:
    """A clean accuracy on a baseline's axis, where it is from, and the model's spec, empty where unknown."""

    top1: float
    source: str
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Expected accuracy on a split.

    Attributes:
        fit: The line.
        reference: Clean accuracy, a fraction.
        top1: Expected accuracy on the split, a fraction.
        low: Lower end of the band in which 95 % of standard models lie.
        high: Upper end.
        gap: Expected accuracy gap, negative for a drop.
        extrapolated: Whether the clean accuracy lies outside the baseline models'.
        support: Which models the line goes without, and how little it rests on there.
    """

    fit: LineFit
    reference: float
    top1: float
    low: float
    high: float
    gap: float
    extrapolated: bool
    support: Support


def compute_expectation(
    points: BaselinePoints, reference: float, link: LinkName, *, model: str = ""
) -> Expectation:
    """Expected accuracy and band at one clean accuracy.

    Args:
        points: The baseline.
        reference: The clean accuracy, a fraction.
        link: Name of the link.
        model: Spec or name of the model, which its own line goes without; empty where only its accuracy is
            known.

    Raises:
        InputError: The clean accuracy is not a fraction, or no line can be fitted.

    Example:
        >>> from imagenet_g.baselines.lines.baselines import load_points
        >>> expected = compute_expectation(load_points("testbed", "imagenet-sketch"), 0.76, "logit")
        >>> round(expected.top1, 3), expected.low < expected.top1 < expected.high, expected.extrapolated
        (0.243, True, False)
    """
    validate_clean_accuracy(reference)
    line = choose_line(points, reference, JudgedModel(spec=model))
    fit = fit_line(line.points, link)
    top1 = float(predict_top1(fit, reference)[0])
    low, high = compute_band(fit, reference)
    return Expectation(
        fit=fit,
        reference=reference,
        top1=top1,
        low=float(low[0]),
        high=float(high[0]),
        gap=top1 - reference,
        extrapolated=fit.is_extrapolated(reference),
        support=describe_support(line, fit, [reference]),
    )


def choose_clean_accuracy(
    baseline: BaselineSet, split: str, spec: str, published: tuple[PublishedAccuracy, ...]
) -> CleanAccuracy:
    """A model's clean accuracy on the very classes the baseline's line for a split uses.

    Args:
        baseline: The set.
        split: The shifted set.
        spec: The model's resolved spec, or its name in the set's table.
        published: Published clean accuracies of the model.

    Raises:
        InputError: No published figure covers those classes.
    """
    target = find_target(baseline, split)
    column = baseline.header.columns[target.reference]
    # The table has bare names, the resolved spec has the library in front.
    name = spec.removeprefix(f"{baseline.header.scheme}:")
    # The set's own figure first: the line was fitted on figures of that source, and another source may have
    # used another preprocessing.
    for record in baseline.records:
        figure = record.figures[target.reference]
        if record.model == name and figure is not None:
            return CleanAccuracy(top1=figure, source=column.source)
    for accuracy in published:
        if (accuracy.set, accuracy.class_set) == (column.set, column.class_set):
            return CleanAccuracy(top1=accuracy.top1, source=accuracy.source)
    images = column.set if column.class_set == "all" else f"{column.set}, classes of {column.class_set} only,"
    near = format_near_names(name, [record.model for record in baseline.records])
    raise InputError(
        f"No published accuracy of '{spec}' on {images} is known; the line for '{split}' starts from that."
        f"{near} If you have measured it, give it in place of --model: --accuracy 0.76 for 76 %."
    )


def validate_clean_accuracy(value: float) -> None:
    """Check a clean accuracy that a person typed.

    Raises:
        InputError: It is not a fraction in [0, 1].

    Example:
        >>> validate_clean_accuracy(0.76)
        >>> validate_clean_accuracy(76)
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: An accuracy of 76 looks like percent; write 0.76.
    """
    # Percent is the likeliest mistake, and its correction can be named.
    if 1 < value <= 100:
        raise InputError(f"An accuracy of {value:g} looks like percent; write {value / 100:g}.")
    if not 0 <= value <= 1:
        raise InputError(f"An accuracy of {value:g} is not a fraction in [0, 1], such as 0.76 for 76 %.")
