"""Simulated benchmarks whose true gap and true effective robustness are known.

In a world, the chance that model m is right on an image of class c of set s is

    logit^-1(a_ms + sigma * (root(1/2) h_cs + root(1/2) u_mcs)),

with sigma the world's spread of classes, h_cs what is hard about the class for all models, evaluated and
baseline alike, and u_mcs what is hard for this model alone. h of a class on the clean and on the shifted set
are correlated by 0.7, u are independent; both are standard normal. a_ms is such that the model's accuracy
over all classes there are is its true accuracy. Every replication draws new classes, so that "true" means
over the population of classes, of which a benchmark is a sample.

The baseline's models have clean accuracies spread evenly within 0.75 logit about the evaluated model's. Their
shifted accuracies scatter about a straight line of slope 0.9 on the link's axes with an effect of the family
(standard deviation 0.1 logit) and one of the model (0.1 logit). The evaluated model has exactly the world's
clean and shifted accuracy; the line passes it at a distance drawn anew each time (0.3 logit), so that its
true effective robustness is known and not always zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.robustness.links import apply_link, invert_link
from imagenet_g.benchmark.robustness.points import BaselinePoints, ClassCounts, EvaluatedModel, PointCounts
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.observations import Observation

SLOPE = 0.9
REACH = 0.75
CORRELATION = 0.7
FAMILY_SD = MODEL_SD = 0.1
DISTANCE_SD = 0.3
_LINK_SCALES = {"logit": 1.0, "probit": 0.6, "linear": 0.2}
_BATCH_CELLS = 2_000_000
"""Models x classes drawn at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated.

    Attributes:
        num_classes: C >= 2.
        images_per_class: Images of each class, on either set.
        clean: True clean accuracy of the evaluated model, in (0, 1).
        shifted: Its true accuracy on the shifted set.
        class_sd: Spread of a class's difficulty for a model, sigma, on the logit scale.
        families: Models in each architecture family of the baseline, at least two families.
        link: Link on which the line is straight.
    """

    num_classes: int
    images_per_class: int
    clean: float
    shifted: float
    class_sd: float
    families: tuple[int, ...]
    link: str = "logit"

    @property
    def num_models(self) -> int:
        """Models of the baseline."""
        return sum(self.families)

    @property
    def fewest_expected(self) -> float:
        """Right or wrong answers of the evaluated model, on the set where fewest are expected."""
        images = self.num_classes * self.images_per_class
        return images * min(min(top1, 1 - top1) for top1 in (self.clean, self.shifted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replication:
    """One simulated benchmark.

    Attributes:
        points: The measured baseline.
        evaluated: The model.
        gap: Its true gap.
        robustness: Its true effective robustness.
    """

    points: BaselinePoints
    evaluated: EvaluatedModel
    gap: float
    robustness: float


FOUR_FAMILIES = (2, 1, 1, 1)
EIGHT_FAMILIES = (3, 2, 2, 1, 1, 1, 1, 1)
WORLDS = tuple(
    World(
        num_classes=num_classes,
        images_per_class=images,
        clean=clean,
        shifted=shifted,
        class_sd=class_sd,
        families=families,
    )
    for num_classes in (6, 10, 20, 200, 1000)
    for images in (5, 50)
    for clean, shifted in ((0.9, 0.1), (0.6, 0.4), (0.98, 0.95), (0.5, 0.02))
    for class_sd in (0.5, 1.0)
    for families in (FOUR_FAMILIES, EIGHT_FAMILIES)
)
"""The worlds of the coverage table, in its order."""


def draw_replications(world: World, number: int, *, seed: int) -> Iterator[Replication]:
    """`number` benchmarks of a world; the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH_CELLS // ((world.num_models + 1) * world.num_classes))
    for start in range(0, number, batch):
        yield from _draw_batch(world, min(batch, number - start), rng)


def _draw_batch(world: World, number: int, rng: np.random.Generator) -> Iterator[Replication]:
    clean, shifted, expected = _draw_accuracies(world, number, rng)
    counts = _draw_counts(world, clean, shifted, rng)
    for row in range(number):
        yield _make_replication(world, counts[0][row], counts[1][row], float(expected[row]))


def _draw_accuracies(
    world: World, number: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """True accuracies, the evaluated model's last: two `(R, M + 1)`, and what its line expects: `(R,)`."""
    family = np.repeat(np.arange(len(world.families)), world.families)
    scale = _LINK_SCALES[world.link]
    spread = rng.uniform(-REACH, REACH, size=(number, world.num_models))
    clean = invert_link(apply_link(world.clean, "logit") + spread, "logit")
    own = apply_link(world.clean, world.link)
    height = apply_link(world.shifted, world.link) - scale * DISTANCE_SD * rng.normal(size=number)
    scatter = FAMILY_SD * rng.normal(size=(number, len(world.families)))[:, family]
    scatter += MODEL_SD * rng.normal(size=(number, world.num_models))
    line = height[:, None] + SLOPE * (apply_link(clean, world.link) - own)
    shifted = np.clip(invert_link(line + scale * scatter, world.link), 0.001, 0.999)
    return (
        np.column_stack([clean, np.full(number, world.clean)]),
        np.column_stack([shifted, np.full(number, world.shifted)]),
        invert_link(height, world.link),
    )


def _draw_counts(
    world: World, clean: FloatArray, shifted: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """`(R, M + 1, C)` right answers on the clean and on the shifted set."""
    shared = rng.normal(size=(2, len(clean), 1, world.num_classes))
    shared[1] = CORRELATION * shared[0] + math.sqrt(1 - CORRELATION**2) * shared[1]
    ability, accuracy = _tabulate_accuracy(world.class_sd)
    sets = []
    for top1, hard in ((clean, shared[0]), (shifted, shared[1])):
        level = np.interp(top1, accuracy, ability)[..., None]
        difficulty = math.sqrt(0.5) * (hard + rng.normal(size=(*top1.shape, world.num_classes)))
        chance = invert_link(level + world.class_sd * difficulty, "logit")
        sets.append(rng.binomial(world.images_per_class, chance).astype(np.float64))
    return sets[0], sets[1]


@lru_cache
def _tabulate_accuracy(class_sd: float) -> tuple[FloatArray, FloatArray]:
    """Ability a on the logit scale, and the accuracy over the whole population of classes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    ability = np.linspace(-14.0, 14.0, 2801)
    return ability, invert_link(ability[:, None] + class_sd * nodes, "logit") @ (weights / weights.sum())


def _make_replication(world: World, clean: FloatArray, shifted: FloatArray, expected: float) -> Replication:
    total = np.full(world.num_classes, float(world.images_per_class))
    num_images = world.num_classes * world.images_per_class
    names = tuple(f"family-{number}" for number, size in enumerate(world.families) for _ in range(size))
    points = BaselinePoints(
        baseline="simulated",
        baseline_sha256="0" * 64,
        target="simulated",
        axes=("clean",),
        models=tuple(f"model-{number}" for number in range(len(names))),
        families=names,
        reference=clean[:-1].sum(axis=1, keepdims=True) / num_images,
        shifted=shifted[:-1].sum(axis=1) / num_images,
        reference_n=(num_images,),
        shifted_n=num_images,
        counts=PointCounts(
            reference=ClassCounts(right=clean[:-1], total=total),
            shifted=ClassCounts(right=shifted[:-1], total=total),
        ),
    )
    evaluated = EvaluatedModel(reference=(_observe(clean[-1], total),), shifted=_observe(shifted[-1], total))
    return Replication(
        points=points,
        evaluated=evaluated,
        gap=world.shifted - world.clean,
        robustness=world.shifted - expected,
    )


def _observe(right: npt.NDArray[np.float64], total: FloatArray) -> Observation:
    return Observation(top1=float(right.sum() / total.sum()), n=int(total.sum()), right=right, total=total)
