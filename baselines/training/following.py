"""A run's log on its way to an experiment tracker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.baselines.recipes.specs import RecipeRun
from imagenet_g.benchmark.tracking.following import follow_run
from imagenet_g.benchmark.tracking.trackers import Tracker

if TYPE_CHECKING:
    from pydantic import JsonValue


@contextmanager
def follow_training(
    tracker: Tracker | None, run: RecipeRun, folder: Path, steps: int, say: Callable[[str], None]
) -> Iterator[Callable[[Mapping[str, JsonValue]], None] | None]:
    """What hands lines of a run's log to a tracker; None without a tracker."""
    if tracker is None:
        yield None
        return
    facts: dict[str, object] = {
        "recipe": run.recipe.name,
        "model": run.model.architecture,
        "mix": run.mix.name,
        "seed": run.seed,
        "steps": steps,
        "batch_size": run.recipe.batch_size,
    }
    name = f"{run.recipe.name}/{run.name}"
    with follow_run(tracker, name, facts, folder, say=say) as log:
        yield lambda line: log(list_numbers(line), int(str(line["step"])))


def list_numbers(line: Mapping[str, JsonValue]) -> dict[str, float]:
    """The numbers of a line of the log.

    Example:
        >>> list_numbers({"step": 2, "loss": 0.5, "epochs": [{"epoch": 0}]})
        {'loss': 0.5}
    """
    return {
        name: float(value)
        for name, value in line.items()
        if name != "step" and isinstance(value, int | float) and not isinstance(value, bool)
    }
