"""Random iterated function systems, after Anderson and Farrell (WACV 2022, arXiv 2110.03091).

A system is a few affine maps that contract. Points that follow maps drawn at random fill its attractor, the
fractal. Kataoka et al. (arXiv 2101.08515) draw the six numbers of each map evenly and drop most systems;
here the singular values of a map are drawn, so that every system contracts and most attractors are broad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.statistics.accuracy import FloatArray

_MAPS = (2, 8)
_SETTLING = 24
"""Steps that are thrown away: a start outside the attractor is then some thousandth of a pixel from it."""


@dataclass(frozen=True, slots=True)
class FunctionSystem:
    """An iterated function system: x becomes `matrices[k] @ x + shifts[k]` with probability `chances[k]`.

    Attributes:
        matrices: `(K, 2, 2)`.
        shifts: `(K, 2)`.
        chances: `(K,)`; they sum to 1.
    """

    matrices: FloatArray
    shifts: FloatArray
    chances: FloatArray


@dataclass(frozen=True, slots=True)
class Orbit:
    """Points of an attractor.

    Attributes:
        points: `(M, 2)`.
        hues: `(M,)` in 0 to 1: which maps led to each point, the last one counting half.
    """

    points: FloatArray
    hues: FloatArray


def draw_system(chance: np.random.Generator) -> FunctionSystem:
    """A random system of two to eight maps, each of which contracts.

    A matrix is a rotation, singular values, another rotation and mirrors; a map is drawn in proportion to the
    area that it leaves (arXiv 2110.03091, section 3).
    """
    number = int(chance.integers(_MAPS[0], _MAPS[1] + 1))
    values = draw_singular_values(number, chance)
    first, second = (make_rotations(chance.uniform(-math.pi, math.pi, number)) for _ in range(2))
    mirrors = chance.choice([-1.0, 1.0], (number, 1, 2))
    matrices = (first * values[:, None, :]) @ second * mirrors
    shifts = chance.uniform(-1, 1, (number, 2))
    areas = values.prod(axis=1)
    return FunctionSystem(matrices, shifts, areas / areas.sum())


def draw_singular_values(number: int, chance: np.random.Generator) -> FloatArray:
    """`(K, 2)` singular values below 1, the larger first, whose weighted sum makes a broad attractor.

    The sum over maps of larger + 2 x smaller lies between (5 + K) / 2 and (6 + K) / 2, where attractors were
    found to be neither dust nor a plain blot (arXiv 2110.03091, section 3.2).

    Args:
        number: K, 2 to 8.
        chance: Source of chance.

    Example:
        >>> values = draw_singular_values(4, np.random.default_rng(0))
        >>> bool(4.5 <= (values @ [1, 2]).sum() <= 5.0), bool(values.max() < 1)
        (True, True)
    """
    left = chance.uniform((5 + number) / 2, (6 + number) / 2)
    values = np.zeros((number, 2))
    for place in range(number):
        # A map can take 3 at most: what the later ones cannot take, this one must.
        least = max(0.0, left - 3 * (number - 1 - place))
        larger = chance.uniform(least / 3, min(1.0, left))
        last = place == number - 1
        if last:
            larger = chance.uniform(left / 3, min(1.0, left))
            smaller = (left - larger) / 2
        else:
            smaller = chance.uniform(max(0.0, (least - larger) / 2), min(larger, (left - larger) / 2))
        values[place] = larger, smaller
        left -= larger + 2 * smaller
    # All that is left went into the last pair, so the last maps would be the broadest of each system.
    return chance.permutation(values)


def make_rotations(angles: FloatArray) -> FloatArray:
    """`(K, 2, 2)` rotations by angles in radians.

    Example:
        >>> np.round(make_rotations(np.array([math.pi / 2]))[0]).tolist()
        [[0.0, -1.0], [1.0, 0.0]]
    """
    cosines, sines = np.cos(angles), np.sin(angles)
    return np.stack([np.stack([cosines, -sines], axis=-1), np.stack([sines, cosines], axis=-1)], axis=-2)


def follow_system(system: FunctionSystem, chance: np.random.Generator, *, orbits: int, steps: int) -> Orbit:
    """Points of the attractor by the chaos game: many orbits at once, each step by a map drawn at random.

    Args:
        system: A system that contracts.
        chance: Source of chance.
        orbits: Points that move at one time.
        steps: Of each, after it has settled.

    Returns:
        `orbits * steps` points.
    """
    # All maps at once, because a draw at each step costs more than the step itself.
    maps = chance.choice(len(system.chances), (_SETTLING + steps, orbits), p=system.chances)
    tones = np.linspace(0, 1, len(system.chances))
    places, hues = np.zeros((orbits, 2)), np.zeros(orbits)
    points, colours = np.empty((steps, orbits, 2)), np.empty((steps, orbits))
    for number, chosen in enumerate(maps):
        places = np.einsum("nij,nj->ni", system.matrices[chosen], places) + system.shifts[chosen]
        hues = (hues + tones[chosen]) / 2
        if number >= _SETTLING:
            points[number - _SETTLING], colours[number - _SETTLING] = places, hues
    return Orbit(points.reshape(-1, 2), colours.reshape(-1))
