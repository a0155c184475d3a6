"""Effective robustness of a table of figures as CSV and as Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from imagenet_g.baselines.lines.table import RobustnessTableRow
from imagenet_g.benchmark.results import EffectiveRobustness
from imagenet_g.benchmark.robustness.placements import make_record
from imagenet_g.benchmark.robustness.wording import is_high_leverage, list_cautions, state_verdict
from imagenet_g.benchmark.terminal.markdown import format_name
from imagenet_g.benchmark.terminal.spreadsheets import neutralise

CSV_FIELDS = (
    "model", "split", "axis", "same_classes", "link", "reference", "top1", "expected_top1",
    "effective_robustness", "low", "high", "verdict", "extrapolated", "weak", "left_out", "kin_left_out",
    "leverage", "cautions", "no_robustness", "baseline", "baseline_sha256",
)  # fmt: skip
NOT_FITTED = {
    "expected_top1": "", "effective_robustness": "", "low": "", "high": "", "verdict": "", "extrapolated": "",
    "weak": "", "left_out": "", "kin_left_out": "", "leverage": "", "cautions": "",
}  # fmt: skip


def format_csv(rows: Sequence[RobustnessTableRow]) -> str:
    """All rows as CSV, fractions with six digits; without a line, the reason stands for the numbers."""
    stream = io.StringIO()
    # The module ends lines with a carriage return unless another end is given, and diffs would show it.
    writer = csv.DictWriter(stream, CSV_FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_make_csv_row(row) for row in rows)
    return stream.getvalue()


def _make_csv_row(row: RobustnessTableRow) -> dict[str, str]:
    return {
        "model": neutralise(row.model),
        "split": neutralise(row.split),
        "axis": row.axis,
        "same_classes": _yes(row.same_classes),
        "link": row.link,
        "reference": f"{row.reference:.6g}",
        "top1": f"{row.top1:.6g}",
        "no_robustness": row.reason,
        "baseline": row.baseline,
        "baseline_sha256": row.baseline_sha256,
        **(
            NOT_FITTED if row.placement is None else _list_fitted(make_record(row.placement, clustered=False))
        ),
    }


def _list_fitted(record: EffectiveRobustness) -> dict[str, str]:
    return {
        "expected_top1": f"{record.expected_top1:.6f}",
        "effective_robustness": f"{record.value:.6f}",
        "low": _cell(record.low),
        "high": _cell(record.high),
        "verdict": state_verdict(record.low, record.high),
        "extrapolated": _yes(record.extrapolated),
        "weak": _yes(record.weak),
        # Names of models are others' text: a cell that starts with "=" would be a formula.
        "left_out": neutralise(" ".join(record.left_out or ())),
        "kin_left_out": neutralise(" ".join(record.kin_left_out or ())),
        "leverage": "" if record.leverage is None else f"{record.leverage:.3f}",
        "cautions": "; ".join(list_cautions(record)),
    }


def format_markdown(rows: Sequence[RobustnessTableRow]) -> str:
    """One line a model, one column a set, in percentage points with the interval."""
    splits = list(dict.fromkeys(row.split for row in rows))
    by_model: dict[str, dict[str, RobustnessTableRow]] = {}
    for row in rows:
        by_model.setdefault(row.model, {})[row.split] = row
    other = {row.split for row in rows if not row.same_classes}
    head = ["model", "clean", *(format_name(split) + (" *" if split in other else "") for split in splits)]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for model, cells in by_model.items():
        # Of the first set; the sets that are marked share this full axis, the others may have an axis of
        # their own.
        clean = f"{100 * next(iter(cells.values())).reference:.2f}"
        values = [_format_cell(cells[split]) if split in cells else "" for split in splits]
        lines.append("| " + " | ".join([format_name(model), clean, *values]) + " |")
    return "\n".join(lines) + "\n"


def _format_cell(row: RobustnessTableRow) -> str:
    if row.placement is None:
        return f"no ER: {row.reason.rstrip('.')}"
    record = make_record(row.placement, clustered=False)
    marks = "".join(
        mark
        for mark, flagged in (
            ("†", record.extrapolated),
            ("‡", record.weak),
            ("§", bool(record.left_out)),
            ("¶", is_high_leverage(record)),
            ("‖", record.hole is not None),
        )
        if flagged
    )
    if record.low is None or record.high is None:
        return f"{100 * record.value:+.1f}{marks}"
    verdict = state_verdict(record.low, record.high)
    bounds = f"{100 * record.low:+.1f} to {100 * record.high:+.1f}"
    return f"{100 * record.value:+.1f}{marks} ({bounds}{verdict and f'; {verdict}'})"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
