"""A panel of raters with known errors, for examples and for tests of the arithmetic.

Whatever it answers says nothing about the images. Its rater codes begin with "simulated-", and its files say
`simulated` in their headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.audits.files import LoadedSample
from imagenet_g.benchmark.audits.records import ANSWERS, MAX_RATERS, SIMULATED, Rating, RatingsHeader
from imagenet_g.benchmark.audits.verdicts import CANNOT_SAY, NO, YES, BoolArray, IntArray
from imagenet_g.benchmark.errors import InputError

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """Simulated raters, all with the same errors.

    Attributes:
        num_raters: At least 1.
        sensitivity: Chance of yes on a valid image of average hardness, given that the rater can say.
        specificity: Chance of no on an image that is not valid, likewise.
        cannot_say: Chance of "cannot say" on any image.
        hardness: Standard deviation of the images' hardness on the logit scale; all raters err more often on
            a hard image, so that their errors go together.
    """

    num_raters: int = 3
    sensitivity: float = 0.92
    specificity: float = 0.95
    cannot_say: float = 0.04
    hardness: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.num_raters <= MAX_RATERS:
            raise InputError(f"{self.num_raters} raters cannot be simulated; 1 to {MAX_RATERS} can.")
        for name in ("sensitivity", "specificity", "cannot_say"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} {getattr(self, name):g} is no share; give a number from 0 to 1.")
        if not 0 <= self.hardness <= 10:
            raise InputError(f"hardness {self.hardness:g} is out of range; give a number from 0 to 10.")


def draw_class_validity(
    num_classes: int, validity: float, spread: float, rng: np.random.Generator
) -> FloatArray:
    """`(C,)` shares of valid images by class, from a beta distribution.

    Args:
        num_classes: C.
        validity: Mean, in [0, 1].
        spread: From 0, all classes alike, to 1, every class wholly valid or not at all: the correlation of
            the validity of two images of one class.
        rng: Source of randomness.

    Example:
        >>> draw_class_validity(2, 0.5, 0.0, np.random.default_rng(0)).tolist()
        [0.5, 0.5]
    """
    if not (0 <= validity <= 1 and 0 <= spread <= 1):
        raise InputError(f"validity {validity:g} and spread {spread:g} must be numbers from 0 to 1.")
    # The ends have no beta distribution.
    if spread == 0 or validity in (0, 1):
        return np.full(num_classes, validity)
    if spread == 1:
        return (rng.random(num_classes) < validity).astype(np.float64)
    # Two draws that share a chance from beta(a, b) have the correlation 1 / (a + b + 1).
    size = 1 / spread - 1
    return rng.beta(validity * size, (1 - validity) * size, size=num_classes)


def draw_answers(truth: BoolArray, spec: PanelSpec, rng: np.random.Generator) -> IntArray:
    """`(N, R)` answers of R raters to N images, as places in `ANSWERS`.

    Args:
        truth: `(N,)` whether each image shows the class.
        spec: The panel.
        rng: Source of randomness.
    """
    shape = (len(truth), spec.num_raters)
    right = np.where(truth, spec.sensitivity, spec.specificity)
    # A rater without error has a logit of infinity, from which hardness takes nothing: as it ought to be.
    with np.errstate(divide="ignore"):
        logits = np.log(right) - np.log1p(-right) - spec.hardness * rng.standard_normal(len(truth))
        chance = 1 / (1 + np.exp(-logits))
    agrees = rng.random(shape) < chance[:, None]
    answers = np.where(agrees == truth[:, None], YES, NO)
    return np.where(rng.random(shape) < spec.cannot_say, CANNOT_SAY, answers)


def count_panel(answers: IntArray) -> IntArray:
    """`(N, 3)` numbers of answers yes, no and cannot say, from `(N, R)` answers."""
    return np.stack([(answers == place).sum(axis=1) for place in range(len(ANSWERS))], axis=1)


def simulate_panel(
    sample: LoadedSample, spec: PanelSpec, *, validity: float, spread: float, seed: int
) -> Iterator[tuple[RatingsHeader, tuple[Rating, ...]]]:
    """Rating files of a simulated panel, one a rater, with an answer to every item.

    Args:
        sample: What was drawn.
        spec: The panel.
        validity: Share of generated images that are valid in the simulation.
        spread: How far classes differ, see `draw_class_validity`.
        seed: The same seed gives the same answers.
    """
    items = sample.sample.items
    rng = np.random.default_rng(seed)
    wnids = sorted(sample.sample.strata)
    shares = dict(zip(wnids, draw_class_validity(len(wnids), validity, spread, rng), strict=True))
    chance = {"generated": shares, "right control": dict.fromkeys(shares, 1.0)}
    truth = np.array(
        [rng.random() < chance.get(item.role, {}).get(item.own_wnid, 0.0) for item in items], dtype=np.bool_
    )
    answers = draw_answers(truth, spec, rng)
    # A part for each image, or raters would agree on quality through validity alone.
    noise = rng.normal(0, 0.7, size=answers.shape) + rng.normal(0, 0.5, size=(len(items), 1))
    quality = np.clip(np.rint(2.4 + 1.6 * truth[:, None] + noise), 1, 5).astype(int)
    for rater in range(spec.num_raters):
        header = RatingsHeader(sample_sha256=sample.sha256, rater=f"{SIMULATED}-{rater + 1}", simulated=True)
        yield (
            header,
            tuple(
                Rating(
                    item=item.item,
                    answer=ANSWERS[answers[row, rater]],
                    quality=int(quality[row, rater]),
                    time=None,
                )
                for row, item in enumerate(items)
            ),
        )
