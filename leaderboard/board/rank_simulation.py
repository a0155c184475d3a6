"""Do the rank ranges hold? Simulated boards whose true order is known.

Each model has an ability, and classes and images have difficulties that all models share. A model also has
easy and hard classes of its own (`own_sd`): models of one ability then differ on any finite set of classes,
and images of one class are not independent evidence. Every board calls `ranks.rank_right`, as the board does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.accuracy import BoolArray
from imagenet_g.leaderboard.board.ranks import RankRange, rank_right

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RankWorld:
    """What is simulated; spreads are standard deviations on the logit scale.

    Attributes:
        num_classes: Classes of the split.
        images_per_class: Images of each class.
        own_sd: Of a class's difficulty for one model only.
        ability_sd: Of the models' ability; 0 for equal models.
        class_sd: Of a class's difficulty for all models.
        image_sd: Of an image's difficulty for all models.
        ability: Mean ability: 1 is an accuracy of about 70 %.
        num_models: Models on the board.
    """

    num_classes: int = 1000
    images_per_class: int = 50
    own_sd: float = 0.5
    ability_sd: float = 0.0
    class_sd: float = 1.0
    image_sd: float = 1.0
    ability: float = 1.0
    num_models: int = 20


WORLDS = {
    "20 equal models, 1000 classes x 50": RankWorld(),
    "20 equal models, 1000 classes x 50, no interaction": RankWorld(own_sd=0.0),
    "20 equal models, 20 classes x 10": RankWorld(num_classes=20, images_per_class=10),
    "20 equal models, 20 classes x 10, no interaction": RankWorld(
        num_classes=20, images_per_class=10, own_sd=0.0
    ),
    "20 unequal models (sd .3), 1000 classes x 50": RankWorld(ability_sd=0.3),
    "20 unequal models (sd .05), 1000 classes x 50": RankWorld(ability_sd=0.05),
    "20 unequal models (sd .3), 1000 classes x 50, no interaction": RankWorld(ability_sd=0.3, own_sd=0.0),
    "20 unequal models (sd .3), 20 classes x 10": RankWorld(
        num_classes=20, images_per_class=10, ability_sd=0.3
    ),
}
"""A class x model interaction of 0.5 logit unless the name says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankCoverage:
    """How the rank ranges of many boards did; shares of boards unless said otherwise.

    Attributes:
        separated: Some pair of models is separated.
        held: Every model's true rank lies in its range; equal models have no order that could be wrong, so
            this is the share that separates nothing.
        pairs: Share of pairs that are separated.
        width: Mean number of ranks in a range, 1 to the number of models.
        num_boards: Boards simulated.
    """

    separated: float
    held: float
    pairs: float
    width: float
    num_boards: int


def simulate_ranks(world: RankWorld, *, num_boards: int, seed: int) -> RankCoverage:
    """Simulate boards and rank them.

    Raises:
        InputError: There is no board to simulate.
    """
    if num_boards < 1:
        raise InputError(f"{num_boards} boards show nothing; simulate at least 1.")
    rng = np.random.default_rng(seed)
    classes = np.repeat(np.arange(world.num_classes), world.images_per_class)
    found = np.array([_simulate_board(world, classes, rng) for _ in range(num_boards)])
    separated, held, pairs, width = (float(column) for column in found.mean(axis=0))
    return RankCoverage(separated=separated, held=held, pairs=pairs, width=width, num_boards=num_boards)


def _simulate_board(
    world: RankWorld, classes: npt.NDArray[np.int64], rng: np.random.Generator
) -> tuple[float, float, float, float]:
    ability = (
        rng.normal(0.0, world.ability_sd, world.num_models)
        if world.ability_sd
        else np.zeros(world.num_models)
    )
    ranges = rank_right(draw_answers(world, ability, classes, rng), classes)
    best, worst = np.array([(one.best, one.worst) for one in ranges]).T
    # A model better than k others has a worst rank of M - k: the separated pairs, summed over models.
    separated = float((world.num_models - worst).sum())
    return (
        float(separated > 0),
        float(covers_truth(ranges, ability)),
        separated / (world.num_models * (world.num_models - 1) / 2),
        float((worst - best + 1).mean()),
    )


def covers_truth(ranges: list[RankRange], ability: npt.NDArray[np.floating]) -> bool:
    """Whether every true rank lies in its range; models of equal ability must not be separated.

    Example:
        >>> ranges = [RankRange(1, 2), RankRange(1, 2), RankRange(3, 3)]
        >>> covers_truth(ranges, np.array([0.4, 0.5, 0.1])), covers_truth(ranges, np.array([0.4, 0.1, 0.5]))
        (True, False)
        >>> covers_truth(ranges, np.zeros(3))  # the third is not worse than the others
        False
    """
    better = (ability[:, None] > ability).sum(axis=0)
    equal = (ability[:, None] == ability).sum(axis=0)
    # Equal models share all the places that they fill together.
    return all(
        one.best <= 1 + above and one.worst >= above + same
        for one, above, same in zip(ranges, better.tolist(), equal.tolist(), strict=True)
    )


def draw_answers(
    world: RankWorld,
    ability: npt.NDArray[np.floating],
    classes: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> BoolArray:
    """`(M, N)` whether each model is right on each image of one board."""
    own = rng.normal(0.0, 1.0, (world.num_models, world.num_classes)) * world.own_sd
    shared = world.ability + rng.normal(0.0, 1.0, world.num_classes) * world.class_sd
    odds: Floats = np.exp(ability[:, None] + own + shared).astype(np.float32)[:, classes]
    odds *= np.exp(rng.normal(0.0, 1.0, len(classes)) * world.image_sd).astype(np.float32)
    # u / (1 - u) < odds is u < p without an exponential for each answer.
    drawn = rng.random(odds.shape, dtype=np.float32)
    return np.asarray(drawn < odds * (1 - drawn))
