"""A fractal as a picture: how often each pixel is visited, coloured, before a soft background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from imagenet_g.baselines.fractals.systems import Orbit, draw_system, follow_system
from imagenet_g.benchmark.statistics.accuracy import FloatArray

Pixels = npt.NDArray[np.uint8]
_STREAM = 4
"""First word of the seeds of fractals; mixing, orders and views have the ones before it."""
_POINTS = 4
"""Points a pixel: with fewer the broad attractors are grainy."""
_FILLED = 0.2
"""Share of pixels that must be visited (Kataoka et al., arXiv 2101.08515, section 3.1)."""
_TRIES = 50
_TRIAL_PX = 32


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the plane that a picture shows.

    Attributes:
        low: Left and lower edge.
        high: Right and upper edge.
    """

    low: tuple[float, float]
    high: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Visits:
    """What an orbit did to each pixel.

    Attributes:
        counts: `(S, S)` visits.
        hues: `(S, S)` mean hue of the visits, 0 where it was not visited.
    """

    counts: FloatArray
    hues: FloatArray


def draw_fractal(seed: int, number: int, size_px: int) -> Image.Image:
    """One fractal, RGB; the same for the same seed, number and size.

    Args:
        seed: Of a set.
        number: In the set, from 0.
        size_px: Side.
    """
    chance = np.random.default_rng([_STREAM, seed, number])
    for _ in range(_TRIES):
        system = draw_system(chance)
        trial = follow_system(system, chance, orbits=256, steps=_POINTS * _TRIAL_PX**2 // 256)
        frame = find_frame(trial.points)
        if (count_visits(trial, frame, _TRIAL_PX).counts > 0).mean() >= _FILLED:
            break
    orbits = max(64, 8 * size_px)
    orbit = follow_system(system, chance, orbits=orbits, steps=-(-_POINTS * size_px**2 // orbits))
    visits = count_visits(orbit, frame, size_px)
    return Image.fromarray(colour_visits(visits, draw_background(size_px, chance), draw_colours(chance)))


def find_frame(points: FloatArray) -> Frame:
    """The smallest frame around nearly all points.

    Each axis has its own scale: a long, thin attractor would leave most of the picture to the background.

    Example:
        >>> find_frame(np.array([[0.0, 0.0], [2.0, 1.0]])).high
        (2.0, 1.0)
    """
    low, high = np.quantile(points, [0.002, 0.998], axis=0, method="nearest")
    # A system may collapse to a line or a point; a frame without width has no pixels.
    high = np.maximum(high, low + 1e-9)
    return Frame((float(low[0]), float(low[1])), (float(high[0]), float(high[1])))


def count_visits(orbit: Orbit, frame: Frame, size_px: int) -> Visits:
    """How often each pixel is visited; points outside the frame are left out.

    A frame has its lower edges and not its upper ones, so that neighbouring frames share no point.

    Example:
        >>> orbit = Orbit(np.array([[0.1, 0.1], [0.6, 0.1], [0.7, 0.2]]), np.array([0.5, 0.0, 1.0]))
        >>> visits = count_visits(orbit, Frame((0.0, 0.0), (1.0, 1.0)), 2)
        >>> visits.counts.tolist(), visits.hues.tolist()
        ([[1.0, 2.0], [0.0, 0.0]], [[0.5, 0.5], [0.0, 0.0]])
    """
    low, high = np.array(frame.low), np.array(frame.high)
    cells = np.floor((orbit.points - low) / (high - low) * size_px).astype(np.int64)
    inside = ((cells >= 0) & (cells < size_px)).all(axis=1)
    flat = cells[inside, 1] * size_px + cells[inside, 0]
    counts = np.bincount(flat, minlength=size_px**2).astype(np.float64)
    sums = np.bincount(flat, weights=orbit.hues[inside], minlength=size_px**2)
    hues = sums / np.maximum(counts, 1)
    return Visits(counts.reshape(size_px, size_px), hues.reshape(size_px, size_px))


def draw_colours(chance: np.random.Generator) -> FloatArray:
    """`(256, 3)` a colour map through five random colours, in 0 to 1."""
    anchors = chance.uniform(0, 1, (5, 3))
    # Stretched: five colours drawn evenly are mostly grey, and grey maps look alike.
    anchors = np.clip((anchors - 0.5) * 1.6 + 0.5, 0, 1)
    places = np.linspace(0, 4, 256)
    return np.stack([np.interp(places, np.arange(5), anchors[:, channel]) for channel in range(3)], axis=-1)


def draw_background(size_px: int, chance: np.random.Generator) -> FloatArray:
    """`(S, S, 3)` soft noise of several scales in two random colours, in 0 to 1."""
    total = np.zeros((size_px, size_px))
    for octave in range(5):
        # Finer noise is weaker by half at each scale, as in clouds: it has no scale of its own.
        coarse = chance.normal(0, 0.5**octave, (2 ** (octave + 1) + 1,) * 2).astype(np.float32)
        fine = Image.fromarray(coarse).resize((size_px, size_px), Image.Resampling.BICUBIC)
        total += np.asarray(fine, np.float64)
    share = 1 / (1 + np.exp(-2 * total))[..., None]
    first, second = chance.uniform(0, 1, (2, 3))
    return np.asarray(share * first + (1 - share) * second)


def colour_visits(visits: Visits, background: FloatArray, colours: FloatArray) -> Pixels:
    """The picture: a pixel's colour by the maps that led to it, brighter the more often it was visited.

    Args:
        visits: `(S, S)`.
        background: `(S, S, 3)` in 0 to 1, shown where nothing was visited.
        colours: `(256, 3)` in 0 to 1.

    Returns:
        `(S, S, 3)`.
    """
    # By the logarithm: a few pixels have most of the visits, and all others would be dark.
    tone = np.log1p(visits.counts) / max(float(np.log1p(visits.counts.max())), 1e-12)
    shown = colours[(visits.hues * 255).astype(np.int64)] * (0.25 + 0.75 * tone[..., None])
    picture = np.where(visits.counts[..., None] > 0, shown, background)
    return np.round(picture * 255).astype(np.uint8)
