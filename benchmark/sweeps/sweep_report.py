"""The state of a sweep as tables."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.errors import shorten
from imagenet_g.benchmark.naming.facts import UNKNOWN, Range
from imagenet_g.benchmark.sweeps.choosing import ChosenModel
from imagenet_g.benchmark.sweeps.states import SweepState, format_duration
from imagenet_g.benchmark.terminal.tables import NameTable, Shown, make_notes, stack

MAX_FAILURES = 20


def make_state_table(state: SweepState, *, processes: int = 1, all_failures: bool = False) -> Shown:
    """How many models are done, failed and left, an estimate, and why models failed.

    Args:
        state: The state.
        processes: How many work at a time.
        all_failures: Show every failure, however many there are.
    """
    counts = ("done", "failed", "left", "time left")
    table = NameTable(counts, right=counts)
    seconds = None if state.seconds_left is None else state.seconds_left / processes
    numbers = [str(len(models)) for models in (state.done, state.failed, state.left)]
    table.add_row(*numbers, format_duration(seconds))
    shown = state.failed if all_failures else state.failed[:MAX_FAILURES]
    lines = [f"{model.spec} failed: {shorten(error)}" for model, error in shown]
    if len(state.failed) > len(shown):
        lines.append(f"and {len(state.failed) - len(shown)} more; --list shows all.")
    if state.failed:
        lines.append("--retry-failed runs failed models again.")
    return stack(table, *make_notes(lines))


def make_model_table(models: Sequence[ChosenModel], state: SweepState) -> Shown:
    """The chosen models, one a row, with what is known of them and whether they are done."""
    figures = ("params (M)", "input (px)", "ImageNet-val top-1 (%)")
    table = NameTable(("model", *figures, "state"), right=figures, framed=False)
    done = {model.spec for model in state.done}
    failed = {model.spec for model, _ in state.failed}
    for model in models:
        facts = model.facts
        table.add_row(
            model.spec,
            _format_range(facts.num_parameters, 1e-6, 1),
            _format_range(facts.input_size, 1, 0),
            _format_range(facts.top1, 100, 2),
            "done" if model.spec in done else "failed" if model.spec in failed else "left",
        )
    return table


def _format_range(known: Range, scale: float, decimals: int) -> str:
    return "" if known == UNKNOWN else f"{scale * (known[0] + known[1]) / 2:.{decimals}f}"
