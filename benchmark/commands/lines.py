"""Effective robustness added to what was evaluated.

Baselines stand above this folder, so they are found through entry points, as commands are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_message

if TYPE_CHECKING:
    from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome


def load_robustness(name: str) -> Callable[..., Any]:
    """What states effective robustness: "check" a baseline, "apply" it, or find the "line" of a split."""
    loaded: Callable[..., Any] = entry_points(group="imagenet_g.robustness")[name].load()
    return loaded


def load_line_finder(data: Mapping[str, Path], cache: Path) -> Callable[..., tuple[str | None, str]]:
    """What finds the line of a split and its clean set among the versions that are available."""
    return partial(load_robustness("line"), data=data, cache=cache)


def apply_baselines(
    outcomes: Sequence[EvaluationOutcome], baselines: Sequence[str], data: Mapping[str, Path]
) -> tuple[EvaluationOutcome, ...]:
    """Outcomes with effective robustness in their results; where there is no line, a note is printed."""
    if not baselines:
        return tuple(outcomes)
    apply = load_robustness("apply")
    return tuple(_apply_all(outcome, baselines, apply, data) for outcome in outcomes)


def _apply_all(
    outcome: EvaluationOutcome, baselines: Sequence[str], apply: Callable[..., Any], data: Mapping[str, Path]
) -> EvaluationOutcome:
    if outcome.path is None:
        return outcome
    for baseline in baselines:
        try:
            outcome = replace(outcome, result=apply(outcome.path, baseline=baseline, data=data))
        except InputError as error:
            print_message(f"note: {outcome.requested}: {error}")
    return outcome
