"""Results as tables for a terminal. Percent appears here and nowhere below."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imagenet_g.benchmark.images.reasons import ReasonCount, format_reasons
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.metrics import MINUS, PERCENT, Metric, load_metrics
from imagenet_g.benchmark.records import Difference, Estimate, Fraction, MetricEstimate
from imagenet_g.benchmark.results import HEADLINE, STATISTICS_VERSION, EffectiveRobustness, Entry, Gap, Result
from imagenet_g.benchmark.robustness.wording import OUTSIDE, list_cautions, state_verdict
from imagenet_g.benchmark.terminal.tables import NameTable, Shown, make_notes, make_text, stack

LEFT_COLUMNS = ("model", "split", "reference")


def make_report(results: Sequence[Result]) -> Shown:
    """One table over all results, a second one of further metrics, with every warning below them."""
    prominent = [metric for metric in load_metrics().values() if metric.prominent and metric.name != HEADLINE]
    headings = ["model", "split", "n", load_metrics()[HEADLINE].title, "95 %"]
    headings += [*(metric.title for metric in prominent), "reference", "AG", "95 % "]
    table = _make_table(results, headings, lambda entry: _list_cells(entry, prominent))
    further = [name for name in _list_metric_names(results) if not _is_prominent(name)]
    tables = [table]
    if further:
        headings = ["model", "split", *map(_format_heading, further)]
        tables.append(_make_table(results, headings, lambda entry: _list_further_cells(entry, further)))
    robustness = [make_text(f"{r.model.spec} on {line}") for r in results for line in list_robustness(r)]
    others = [_format_heading(name) for name in _list_metric_names(results) if not _is_percent(name)]
    return stack(*tables, *robustness, *_make_notes(results, others))


def _make_table(
    results: Sequence[Result], headings: Sequence[str], list_cells: Callable[[Entry], Sequence[str]]
) -> NameTable:
    table = NameTable(headings, right=[name for name in headings if name not in LEFT_COLUMNS])
    for result in results:
        for number, entry in enumerate(result.entries):
            table.add_row("" if number else result.model.spec, *list_cells(entry))
        table.add_section()
    return table


def _list_metric_names(results: Sequence[Result]) -> list[str]:
    """Metrics of the shown scores, in the order of their rows; those of no installed package last."""
    scores = [choose_headline(entry) for result in results for entry in result.entries]
    found = dict.fromkeys(name for score in scores for name in score.metrics)
    return [*(name for name in load_metrics() if name in found), *sorted(set(found) - set(load_metrics()))]


def _is_prominent(name: str) -> bool:
    metric = load_metrics().get(name)
    return metric is not None and metric.prominent


def _is_percent(name: str) -> bool:
    metric = load_metrics().get(name)
    return metric is not None and metric.unit == PERCENT


def _format_heading(name: str) -> str:
    metric = load_metrics().get(name)
    return f"{name} (unknown metric)" if metric is None else metric.heading


def format_estimate(name: str, estimate: MetricEstimate | None) -> str:
    """A metric with its interval in its unit; as it stands in the file where no installed package has it.

    >>> format_estimate("top1", MetricEstimate(value=0.5, low=0.25, high=0.75, method="wilson", right=2))
    '50.00 (25.0 to 75.0)'
    >>> format_estimate("other", MetricEstimate(value=0.5, low=None, high=None, method="none", right=None))
    '0.5'
    """
    metric = load_metrics().get(name)
    if estimate is None:
        return "not stored"
    if metric is None:
        return f"{estimate.value:g}"
    if estimate.low is None or estimate.high is None:
        return metric.format_value(estimate.value)
    digits = max(metric.unit.digits - 1, 0)
    low, high = (metric.format_value(bound, digits) for bound in (estimate.low, estimate.high))
    return f"{metric.format_value(estimate.value)} ({low} to {high})"


def format_percent(value: Fraction, digits: int = 2) -> str:
    """A fraction as percent without the sign: 0.7483 is "74.83".

    Example:
        >>> format_percent(0.7483), format_percent(1, digits=0)
        ('74.83', '100')
    """
    return f"{100 * value:.{digits}f}"


def format_points(value: Difference, digits: int = 2) -> str:
    """A difference of fractions as signed percentage points: -0.2335 is "−23.35".

    Example:
        >>> format_points(-0.2335), format_points(0.01), format_points(-0.00001)
        ('−23.35', '+1.00', '+0.00')
    """
    # The sign is set after rounding: -0.00001 must not be shown as "−0.00".
    text = f"{100 * abs(value):.{digits}f}"
    return f"{MINUS if value < 0 and float(text) else '+'}{text}"


def format_interval(estimate: Estimate) -> str:
    """Bounds in percent, such as 72.1 to 77.4, or unknown.

    Example:
        >>> format_interval(Estimate(value=0.75, low=0.721, high=0.774, method="wilson"))
        '72.1 to 77.4'
        >>> format_interval(Estimate(value=0.75, low=None, high=None, method="none"))
        'unknown'
    """
    if estimate.low is None or estimate.high is None:
        return "unknown"
    return f"{format_percent(estimate.low, 1)} to {format_percent(estimate.high, 1)}"


def format_gap_interval(gap: Gap) -> str:
    """The interval of a gap in signed points, or "unknown"."""
    if gap.low is None or gap.high is None:
        return "unknown"
    return f"{format_points(gap.low, 1)} to {format_points(gap.high, 1)}"


def list_robustness(result: Result) -> list[str]:
    """One line for each effective robustness of a result, and one for each baseline that gives none, and why.

    Where the line is weak the gap comes first.
    """
    return [
        line
        for entry in result.entries
        for line in (
            *(_format_robustness(entry, record) for record in entry.effective_robustness),
            *(
                f"{entry.split.ref} against {refused.baseline}: no ER: {refused.reason}"
                for refused in entry.no_robustness
            ),
        )
    ]


def _format_robustness(entry: Entry, record: EffectiveRobustness) -> str:
    bounds = "interval unknown"
    if record.low is not None and record.high is not None:
        verdict = state_verdict(record.low, record.high)
        bounds = f"95 % {format_points(record.low, 1)} to {format_points(record.high, 1)}"
        bounds += f": {verdict}" if verdict else ""
    robustness = f"ER {format_points(record.value)} ({bounds})"
    gap = f"AG {format_points(entry.gaps[0].value)}"
    stated = f"{gap}, weak {robustness}" if record.weak else f"{robustness}, {gap}"
    flags = [*([OUTSIDE] if record.extrapolated else []), *list_cautions(record)]
    head = f"{entry.split.ref} against {record.baseline} ({record.link}, r2 {record.r2:.2f})"
    return f"{head}: {stated}" + "".join(f"; {flag}" for flag in flags)


def _format_split(entry: Entry) -> str:
    score = choose_headline(entry)
    outputs = "" if score.outputs == "all" else f" ({score.num_outputs} classes)"
    return entry.split.ref + outputs


def _list_further_cells(entry: Entry, names: Sequence[str]) -> tuple[str, ...]:
    metrics = choose_headline(entry).metrics
    return (_format_split(entry), *(format_estimate(name, metrics.get(name)) for name in names))


def _list_cells(entry: Entry, prominent: Sequence[Metric]) -> tuple[str, ...]:
    score = choose_headline(entry)
    count = str(entry.n) if not entry.n_unscored else f"{entry.n} ({entry.n_unscored} unscored)"
    others = [(metric, score.metrics.get(metric.name)) for metric in prominent]
    cells: list[str] = [
        _format_split(entry), count, format_percent(score.top1.value), format_interval(score.top1),
        *("not stored" if found is None else metric.format_value(found.value) for metric, found in others),
    ]  # fmt: skip
    if not entry.gaps:
        return (*cells, "", "", "")
    gap = entry.gaps[0]
    clean = gap.reference
    mark = " *" if _is_flagged(gap) else ""
    return (
        *cells,
        f"{format_percent(clean.top1.value)} {clean.kind}{mark}",
        format_points(gap.value),
        format_gap_interval(gap),
    )


def _make_notes(results: Sequence[Result], not_percent: Sequence[str]) -> list[Shown]:
    lines: dict[str, None] = {}
    for result in results:
        for entry in result.entries:
            said = (*entry.warnings, *explain_unscored(entry))
            lines |= {f"{entry.split.ref}: {warning}": None for warning in said}
    units = f"Values in percent{''.join(f', except {name}' for name in [', '.join(not_percent)] if name)}."
    lines[f"AG = top-1 on the split minus the clean reference: a drop is negative. {units}"] = None
    if any(_is_flagged(gap) for gap in _list_gaps(results)):
        lines[
            "* the reference is not the split's same-class, same-filter twin; the notes give the difference."
        ] = None
    lines |= {line: None for result in results for line in explain_old_statistics(result)}
    if any(gap.reference.kind == "published" for gap in _list_gaps(results)):
        lines["published: the clean accuracy was looked up, not measured; its source is in the result."] = (
            None
        )
    return make_notes(lines)


def explain_old_statistics(result: Result) -> list[str]:
    """What a reader of an older file needs to know of its intervals; empty for one of today."""
    if result.statistics == STATISTICS_VERSION:
        return []
    return [
        f"{result.model.spec}: statistics {result.statistics}: intervals, references and effective "
        f"robustness follow the rules of an earlier release; today's are version {STATISTICS_VERSION}. Run "
        "'imagenet-g score --upgrade RESULT' to bring them up from the stored predictions."
    ]


def explain_unscored(entry: Entry) -> list[str]:
    """Why images of an entry have no prediction, and what they count as; empty where all have one."""
    counts = [ReasonCount(found.reason, found.n) for found in entry.unscored_reasons or ()]
    if not counts:
        return []
    counted = (
        "They are left out."
        if entry.unscored_count_as == "left-out"
        else "They count as wrong; repair the files, or leave them out by --skip-unreadable."
    )
    return [f"{format_reasons(counts)} {counted}"]


def _is_flagged(gap: Gap) -> bool:
    return not (gap.reference.same_classes and gap.reference.filtered_alike)


def _list_gaps(results: Sequence[Result]) -> list[Gap]:
    return [gap for result in results for entry in result.entries for gap in entry.gaps]
