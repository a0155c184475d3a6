"""AG on valid images as a table of the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.audits.valid_accuracy import (
    ModelValidAccuracy,
    ValidAccuracy,
    ValidAccuracySection,
    ValidGap,
)
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.terminal.tables import NameTable, Shown, make_notes, stack

NOT_KNOWN = "–"
_NUMBERS = ("images", "accuracy", "AG", "AG, same classes")


def make_valid_table(section: ValidAccuracySection) -> Shown:
    """A row for all rated images of each model, and one for each way to count "cannot say"."""
    simulated = "SIMULATED ratings, " if section.simulated else ""
    table = NameTable(
        ("model", "rated images", *_NUMBERS),
        title=f"{simulated}{section.split}: accuracy on valid images in percent, with 95 % intervals",
        right=_NUMBERS,
    )
    for model in section.models:
        _add_model(table, model)
    return stack(table, *make_notes(tuple(_list_notes(section))))


def format_valid_gap(gap: ValidGap | None) -> str:
    """A gap in points with its interval.

    Example:
        >>> clean = Estimate(value=0.8, low=0.7, high=0.9, method="within-classes")
        >>> format_valid_gap(ValidGap(value=-0.25, low=-0.3, high=-0.2, reference=clean))
        '−25.0 (−30.0 to −20.0)'
        >>> format_valid_gap(None)
        '–'
    """
    if gap is None:
        return NOT_KNOWN
    value, low, high = (f"{100 * one:+.1f}".replace("-", "−") for one in (gap.value, gap.low, gap.high))
    return f"{value} ({low} to {high})"


def format_accuracy(found: Estimate | None) -> str:
    """An accuracy in percent with its interval.

    Example:
        >>> format_accuracy(Estimate(value=0.5, low=0.25, high=0.75, method="wilson"))
        '50.0 (25.0 to 75.0)'
    """
    if found is None:
        return NOT_KNOWN
    if found.low is None or found.high is None:
        return f"{100 * found.value:.1f}"
    return f"{100 * found.value:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _add_model(table: NameTable, model: ModelValidAccuracy) -> None:
    first = model.by_treatment[0]
    table.add_row(
        model.spec,
        "all",
        str(first.num_verdicts),
        format_accuracy(model.rated),
        format_valid_gap(model.gap),
        "",
    )
    for number, row in enumerate(model.by_treatment):
        table.add_row("", f"valid; {row.treatment}", *_format_valid(row))
        # Those that are not valid are counted once: with "cannot say" among them.
        if number == 0:
            size = str(row.num_verdicts - row.num_valid)
            table.add_row("", "not valid", size, format_accuracy(row.not_valid), "", "")


def _format_valid(row: ValidAccuracy) -> tuple[str, str, str, str]:
    return (
        str(row.num_valid),
        format_accuracy(row.accuracy),
        format_valid_gap(row.gap),
        format_valid_gap(row.gap_same_classes),
    )


def _list_notes(section: ValidAccuracySection) -> Iterator[str]:
    if section.reference is None:
        yield "No AG: the audit has no reference, or a model was not run on it."
    else:
        yield (
            f"AG is less the accuracy on {section.reference}; 'same classes' weights its classes as those of "
            "the valid images."
        )
        if section.view is not None:
            yield (
                f"The audit is of the view '{section.view}' and the reference is whole: where the view keeps "
                "images by a score, part of AG is the filter's."
            )
    yield (
        "The accuracy is counted over the valid images with the weights of the sample, never as accuracy "
        "over validity. Verdicts are those of the majority, errors of raters included."
    )
    if section.simulated:
        yield "The ratings are simulated: these numbers say nothing about the images."
