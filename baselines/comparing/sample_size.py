"""The number of classes and images for a given difference.

Images of one class are not independent. With C classes of m images, the variance of a measured difference is

    b / C + w / (C m) + f / R,

with b how much the difference varies from class to class, w the variance of one image within its class, and,
for a gap, f and R the same variance of a clean image and the number of clean images. A class is easier or
harder for one model alone (for a gap: on one set alone) by sigma on the logit scale, so that b is the sum
over both accuracies of the variance of logit^-1(a + sigma u), u standard normal. What is hard for both
models, or on both sets, cancels. The difference d is found with the chance `power` where the variance is at
most (d / (t(1 - alpha / 2) + t(power)))^2, with Student's t of C - 1 degrees of freedom, as in the tests of
`statistics.paired` and `statistics.gaps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.errors import InputError

NUM_CLASSES = 1000
CLASS_SD = 0.5
CLEAN_IMAGES_PER_CLASS = 50
"""Of ImageNet's validation set."""
_MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """What is asked: one of the two numbers is given and the other one is looked for.

    Attributes:
        num_classes: C; None to find it.
        images_per_class: m; None to find it.
        power: Chance of finding the difference, in (0, 1).
        alpha: Two-sided level, in (0, 1).
    """

    num_classes: int | None = NUM_CLASSES
    images_per_class: int | None = None
    power: float = 0.8
    alpha: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePlan:
    """The answer.

    Attributes:
        num_classes: C.
        images_per_class: m.
        design_effect: Variance of the difference over that of as many independent images.
    """

    num_classes: int
    images_per_class: int
    design_effect: float

    @property
    def num_images(self) -> int:
        """C m."""
        return self.num_classes * self.images_per_class


def plan_for_models(
    difference: float,
    accuracy: float,
    sizes: Sizes,
    *,
    discordant: float | None = None,
    class_sd: float = CLASS_SD,
) -> SamplePlan:
    """Images on which two models that differ so much are separated by `compare`.

    Args:
        difference: Difference in accuracy, a fraction, not 0.
        accuracy: Of one model, in [0, 1].
        sizes: What is given and asked.
        discordant: Share of images that only one of the models gets right, at least |difference|; None for
            that of independent errors, which is higher than in real models.
        class_sd: Spread of a class's difficulty for one model alone, on the logit scale.

    Raises:
        InputError: A value is out of range, or no number of images is enough.

    Example:
        >>> plan_for_models(0.01, 0.6, Sizes(), class_sd=0.0)
        SamplePlan(num_classes=1000, images_per_class=38, design_effect=1.0)
        >>> plan_for_models(0.01, 0.6, Sizes(num_classes=None, images_per_class=50)).num_classes
        2730
    """
    _validate(difference, sizes, class_sd)
    independent = compute_independent_discordance(accuracy, difference)
    share = independent if discordant is None else discordant
    if not abs(difference) <= share <= 1:
        raise InputError(
            f"A share of {share:g} discordant images is impossible for a difference of {difference:g}: "
            f"it must lie in [{abs(difference):g}, 1]."
        )
    between = sum(compute_class_variance(one, class_sd) for one in (accuracy, accuracy + difference))
    within = share - difference**2 - between
    if within <= 0:
        raise InputError(
            f"Models that differ on {100 * share:g} % of the images cannot have classes of their own by "
            f"{class_sd:g} logit; give a smaller --class-sd, or a larger --discordant."
        )
    return _find_plan(
        difference, sizes, lambda classes, images: (between + within / images) / classes, between, within
    )


def plan_for_gap(
    difference: float,
    reference: float,
    sizes: Sizes,
    *,
    accuracy: float | None = None,
    reference_n: int | None = None,
    class_sd: float = CLASS_SD,
) -> SamplePlan:
    """Images of a shifted set on which a gap of this size differs from 0.

    Args:
        difference: Size of the gap, a fraction, not 0; a drop from `reference`, of either sign.
        reference: Clean accuracy, in [0, 1].
        sizes: What is given and asked.
        accuracy: On the shifted set; None for what follows from the other two.
        reference_n: Clean images, >= 1, of the same classes; None for 50 a class.
        class_sd: Spread of a class's difficulty on one set alone, on the logit scale.

    Raises:
        InputError: A value is out of range, the accuracies do not differ by the difference, or no number of
            images is enough.

    Example:
        >>> plan_for_gap(0.04, 0.76, Sizes(num_classes=200))
        SamplePlan(num_classes=200, images_per_class=10, design_effect=1.74)
    """
    _validate(difference, sizes, class_sd)
    shifted = reference - abs(difference) if accuracy is None else accuracy
    for name, value in (("accuracy", shifted), ("reference accuracy", reference)):
        if not 0 <= value <= 1:
            raise InputError(f"An {name} of {value:g} is not a fraction in [0, 1]; divide percent by 100.")
    if not math.isclose(abs(reference - shifted), abs(difference), abs_tol=1e-9):
        raise InputError(
            f"Accuracies of {reference:g} and {shifted:g} are a gap of {abs(reference - shifted):g} and not "
            f"of {abs(difference):g}; leave out --accuracy, or give the gap that is meant."
        )
    if reference_n is not None and reference_n < 1:
        raise InputError(f"{reference_n} clean images are too few; give at least 1.")
    ours, theirs = (compute_class_variance(one, class_sd) for one in (shifted, reference))
    within, clean = shifted * (1 - shifted) - ours, reference * (1 - reference) - theirs

    def compute_variance(classes: int, images: int) -> float:
        known = CLEAN_IMAGES_PER_CLASS * classes if reference_n is None else reference_n
        return (ours + theirs + within / images) / classes + clean / known

    return _find_plan(difference, sizes, compute_variance, ours + theirs, within)


def _find_plan(
    difference: float,
    sizes: Sizes,
    compute_variance: Callable[[int, int], float],
    between: float,
    within: float,
) -> SamplePlan:
    def is_enough(classes: int, images: int) -> bool:
        reach = _find_reach(classes - 1, sizes)
        return compute_variance(classes, images) <= (difference / reach) ** 2

    classes, images = sizes.num_classes, sizes.images_per_class
    if classes is not None and images is None:
        known = classes
        images = _find_least(lambda number: is_enough(known, number), 1)
        if images is None:
            raise InputError(
                f"No number of images of {classes} classes resolves a difference of {difference:g}: they "
                f"resolve {_find_reach(classes - 1, sizes) * compute_variance(classes, _MOST) ** 0.5:.3g} at "
                "best, because classes differ. Take more classes (--images-per-class finds how many), more "
                "clean images, or a larger difference."
            )
        # One image a class may be more than enough: then fewer classes are.
        classes = known if images > 1 else None
    if classes is None and images is not None:
        each = images
        classes = _find_least(lambda number: is_enough(number, each), 2)
        if classes is None:
            raise InputError(
                f"No number of classes of {images} images resolves a difference of {difference:g}; the clean "
                "set is too small: use a larger clean set."
            )
    if classes is None or images is None:
        raise InputError("Give the number of classes, or that of images a class, and not neither.")
    effect = (between + within / images) / ((between + within) / images)
    return SamplePlan(num_classes=classes, images_per_class=images, design_effect=round(effect, 2))


def _find_least(is_enough: Callable[[int], bool], start: int) -> int | None:
    """The least number that is enough, where every larger one is too; None where none up to a billion is."""
    high = start
    while not is_enough(high):
        if high >= _MOST:
            return None
        high *= 2
    low = max(start, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle + 1, high)
    return high


def _find_reach(freedom: int, sizes: Sizes) -> float:
    # Not scipy.stats, whose import takes longer than the whole computation.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - sizes.alpha / 2)) + float(stdtrit(freedom, sizes.power))


def compute_class_variance(accuracy: float, class_sd: float) -> float:
    """How much a model's accuracy varies over classes whose difficulty has this spread on the logit scale.

    Example:
        >>> round(compute_class_variance(0.6, 0.5), 4), compute_class_variance(0.6, 0.0)
        (0.013, 0.0)
    """
    if class_sd == 0 or accuracy in (0.0, 1.0):
        return 0.0
    from scipy.special import expit

    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    share = weights / weights.sum()
    levels = np.linspace(-16.0, 16.0, 3201)
    rates = expit(levels[:, None] + class_sd * nodes)
    level = np.interp(accuracy, rates @ share, levels)
    at_level = expit(level + class_sd * nodes)
    return float(share @ at_level**2 - (share @ at_level) ** 2)


def compute_independent_discordance(accuracy: float, difference: float) -> float:
    """Share of images that only one of two models gets right, if their errors were independent.

    Args:
        accuracy: Of one model, in [0, 1].
        difference: Of the other model's accuracy from it.

    Raises:
        InputError: An accuracy lies outside [0, 1].

    Example:
        >>> round(compute_independent_discordance(0.6, 0.1), 2)  # 0.6 * 0.3 + 0.7 * 0.4
        0.46
    """
    other = accuracy + difference
    if not (0 <= accuracy <= 1 and 0 <= other <= 1):
        raise InputError(
            f"An accuracy of {accuracy:g} and one that differs by {difference:g} must both be fractions in "
            "[0, 1]. Change --accuracy or --difference."
        )
    return accuracy * (1 - other) + other * (1 - accuracy)


def _validate(difference: float, sizes: Sizes, class_sd: float) -> None:
    if not math.isfinite(difference):
        raise InputError(f"A difference of {difference:g} is not a number; give a fraction, such as 0.01.")
    if abs(difference) > 1:
        raise InputError(f"A difference of {difference:g} looks like percent; write {difference / 100:g}.")
    if difference == 0:
        raise InputError("No number of images resolves a difference of 0.")
    for name, value in (("power", sizes.power), ("alpha", sizes.alpha)):
        if not 0 < value < 1:
            raise InputError(f"A {name} of {value:g} must lie in (0, 1).")
    if not 0 <= class_sd <= 10:
        raise InputError(f"A spread of {class_sd:g} logit between classes must lie in [0, 10]; 0.5 is usual.")
    if sizes.num_classes is not None and sizes.num_classes < 2:
        raise InputError(f"{sizes.num_classes} classes do not show how classes differ; give at least 2.")
    if sizes.images_per_class is not None and sizes.images_per_class < 1:
        raise InputError(f"{sizes.images_per_class} images a class are too few; give at least 1.")
