"""Links: scales on which accuracy against accuracy is close to a straight line.

`linear` is the paper's choice (Bansal and Grover 2023, Eq. 2), `logit` the field's (Taori et al. 2020,
whose plots and fits use it throughout), `probit` that of Miller et al. 2021. On logit and probit axes 0 and
1 lie at
infinity: inside a fit, and only there, k of n right becomes (k + 1/2) / (n + 1) when k is 0 or n.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.statistics.accuracy import FloatArray

LinkName: TypeAlias = Literal["linear", "logit", "probit"]


@dataclass(frozen=True, slots=True)
class Link:
    """A monotone map from fractions to the real line, and back.

    Attributes:
        apply: Fractions in [0, 1] to the link's scale; 0 and 1 may map to infinity.
        invert: The inverse; for `linear` the result may leave [0, 1].
        bounded: Whether 0 and 1 map to infinity.
    """

    apply: Callable[[FloatArray], FloatArray]
    invert: Callable[[FloatArray], FloatArray]
    bounded: bool


def _keep(values: FloatArray) -> FloatArray:
    return values


def _use_special(name: str) -> Callable[[FloatArray], FloatArray]:
    """A function of scipy.special, imported at the first call: its import takes a seventh of a second."""

    def call(values: FloatArray) -> FloatArray:
        return np.asarray(getattr(import_module("scipy.special"), name)(values))

    return call


# scipy's functions give infinity at 0 and 1 without a warning, numpy's logarithm warns.
LINKS: dict[str, Link] = {
    "linear": Link(_keep, _keep, bounded=False),
    "logit": Link(_use_special("logit"), _use_special("expit"), bounded=True),
    "probit": Link(_use_special("ndtri"), _use_special("ndtr"), bounded=True),
}


def parse_link(name: str) -> LinkName:
    """A link's name, checked.

    Raises:
        UnknownNameError: It is not one of `LINKS`.

    Example:
        >>> parse_link("probit")
        'probit'
    """
    if name not in LINKS:
        raise UnknownNameError("link", name, LINKS)
    return cast(LinkName, name)


def apply_link(values: npt.ArrayLike, link: str) -> FloatArray:
    """Fractions to the link's scale; 0 and 1 become -inf and inf for logit and probit.

    Example:
        >>> apply_link([0.5, 1.0], "logit").tolist()
        [0.0, inf]
    """
    return LINKS[parse_link(link)].apply(np.asarray(values, dtype=np.float64))


def invert_link(values: npt.ArrayLike, link: str) -> FloatArray:
    """The link's scale to fractions; kept inside [0, 1] on linear axes, where a line may leave it.

    Example:
        >>> invert_link([0.0], "probit").tolist(), invert_link([-0.2, 1.2], "linear").tolist()
        ([0.5], [0.0, 1.0])
    """
    inverted = LINKS[parse_link(link)].invert(np.asarray(values, dtype=np.float64))
    return np.asarray(np.clip(inverted, 0.0, 1.0))


def apply_fit_link(values: npt.ArrayLike, num_images: npt.ArrayLike, link: str) -> FloatArray:
    """Fractions to the link's scale for a fit, finite everywhere.

    Args:
        values: Fractions k / n in [0, 1], any shape.
        num_images: n, broadcast against `values`.
        link: Name of the link.

    Returns:
        Finite values. Clipping to [1/2, n + 1/2] / (n + 1) is (k + 1/2) / (n + 1) at k = 0 and k = n, and
        leaves every other count alone, so that published fits are reproduced digit for digit.

    Example:
        >>> apply_fit_link([0.0, 0.5], 100, "linear").tolist()
        [0.0, 0.5]
        >>> zero = apply_fit_link(0.0, 100, "logit")  # half an answer of 101
        >>> bool(zero == apply_link(0.5 / 101, "logit"))
        True
    """
    fractions = np.asarray(values, dtype=np.float64)
    if not LINKS[parse_link(link)].bounded:
        return fractions
    images = np.asarray(num_images, dtype=np.float64)
    return apply_link(np.clip(fractions, 0.5 / (images + 1), (images + 0.5) / (images + 1)), link)
