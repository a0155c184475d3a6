"""Effective robustness added to what was evaluated.

Baselines stand above this folder, so they are found through entry points, as commands are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.plugins import find_points

if TYPE_CHECKING:
    from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome


def load_robustness(name: str) -> Callable[..., Any]:
    """What states effective robustness: "check", "apply" or "draw" a baseline, or find a split's "line"."""
    loaded: Callable[..., Any] = find_points("imagenet_g.robustness")[name].load()
    return loaded


def load_line_finder(data: Mapping[str, Path], cache: Path) -> Callable[..., tuple[str | None, str]]:
    """What finds the line of a split and its clean set among the versions that are available."""
    return partial(load_robustness("line"), data=data, cache=cache)


def apply_baselines(
    outcomes: Sequence[EvaluationOutcome],
    baselines: Sequence[str],
    data: Mapping[str, Path],
    *,
    say: Callable[[str], None],
) -> tuple[EvaluationOutcome, ...]:
    """Outcomes with effective robustness in their results.

    Args:
        outcomes: Those of an evaluation.
        baselines: The lines of all its splits.
        data: Local copies by name.
        say: Takes a note where a result has no line.
    """
    if not baselines:
        return tuple(outcomes)
    apply = partial(load_robustness("apply"), data=data)
    return tuple(_apply_all(outcome, baselines, apply, say) for outcome in outcomes)


def _apply_all(
    outcome: EvaluationOutcome,
    baselines: Sequence[str],
    apply: Callable[..., Any],
    say: Callable[[str], None],
) -> EvaluationOutcome:
    if outcome.path is None:
        return outcome
    for baseline in baselines:
        try:
            outcome = replace(outcome, result=apply(outcome.path, baseline=baseline))
        except InputError as error:
            say(f"note: {outcome.requested}: {error}")
    return outcome
