"""Simulated panels with a known shift: models and classes are drawn, accuracies have true values."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit

from imagenet_g.benchmark.equating.shifts import Panel
from imagenet_g.benchmark.robustness.points import ClassCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray


@dataclass(frozen=True)
class World:
    """What is drawn: sizes, the true shift in logits, and the spread of models around it."""

    families: tuple[int, ...] = (1,) * 8
    num_classes: int = 50
    per_class: int = 10
    shift: float = -0.5
    spread: float = 0.15
    class_sd: float = 1.0
    own_sd: float = 0.5


@cache
def make_table(spread: float) -> tuple[FloatArray, FloatArray]:
    """Ability on the logit scale, and the accuracy over the whole population of classes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    ability = np.linspace(-9.0, 9.0, 1801)
    return ability, expit(ability[:, None] + spread * nodes) @ (weights / weights.sum())


def draw_panel(world: World, rng: np.random.Generator) -> tuple[Panel, FloatArray, float]:
    """A panel, the right answers of one more model on the new version, and its true score on the old one."""
    num_models = sum(world.families) + 1
    table = make_table(float(np.hypot(world.class_sd, world.own_sd)))
    old = rng.uniform(-0.8, 1.5, num_models)
    sizes = (*world.families, 1)
    kin = np.concatenate([np.repeat(rng.normal(size=1), size) for size in sizes])
    own = rng.normal(size=num_models)
    gain = world.shift + world.spread * (kin + own) / np.sqrt(2)
    difficulty = rng.normal(size=(2, world.num_classes)) * world.class_sd
    # Most of a class's difficulty is the class's own, whatever the version.
    difficulty[1] = 0.7 * difficulty[0] + np.sqrt(1 - 0.7**2) * difficulty[1]
    counts = []
    for logits, hard in ((old, difficulty[0]), (old + gain, difficulty[1])):
        ability = np.interp(expit(logits), table[1], table[0])
        apart = rng.normal(size=(num_models, world.num_classes)) * world.own_sd
        chance = expit(ability[:, None] + hard + apart)
        counts.append(rng.binomial(world.per_class, chance).astype(np.float64))
    total = np.full(world.num_classes, float(world.per_class))
    panel = Panel(
        models=tuple(f"model-{number}" for number in range(num_models - 1)),
        families=tuple(f"family-{number}" for number, size in enumerate(world.families) for _ in range(size)),
        weights=(),
        before=ClassCounts(right=counts[0][:-1], total=total),
        after=ClassCounts(right=counts[1][:-1], total=total),
    )
    return panel, counts[1][-1], float(expit(old[-1] + gain[-1] - world.shift))
