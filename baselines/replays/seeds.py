"""Numbers of several trainings, with intervals over seeds and images: both are drawn at random. Pure.

Run r is a training with a seed, class c a cluster of images, and d_r the number of run r: a sum of
accuracies, each times +1 or -1. With u_rc what class c adds to d_r (its influence; the sum over c is 0),
w_r the weight of a run, M models of S_m seeds each and C classes,

    v_c = C / (C - 1) * sum over c of (sum over r of w_r u_rc)^2,
    v_s = 1 / M^2 * sum over m of var_m(d_r) / S_m,
    v_rc = C / (C - 1) * sum over r and c of w_r^2 * S_m / (S_m - 1) * (u_rc - mean over the seeds)^2.

What is particular to a run and a class is in both v_c and v_s, so it is taken out of one of them (two-way
clustering: Cameron, Gelbach and Miller 2011): v = v_c + v_s', v_s' = max(0, v_s - v_rc). Models are no sample
of anything: they are those of the experiment, and all of its rows have the same ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagenet_g.benchmark.predictions.class_counts import SetCounts
from imagenet_g.benchmark.robustness.jackknife import Variances, find_reach
from imagenet_g.benchmark.statistics.accuracy import BoolArray, FloatArray, IntArray
from imagenet_g.benchmark.statistics.gaps import compute_gap_interval
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval, find_student_quantile
from imagenet_g.benchmark.statistics.observations import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """Right answers of R runs on one set of images.

    Attributes:
        right: `(R, C)` right answers by run and class.
        total: `(C,)` images by class; 0 for a class without any.
    """

    right: FloatArray
    total: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SeededNumber:
    """A number of several runs.

    Attributes:
        value: The mean over models of the means over seeds.
        interval: 95 %; None where nothing shows how classes differ.
        freedom: Its degrees of freedom.
        seeds: The fewest seeds of a model. With fewer than 2 the interval is over images alone.
    """

    value: float
    interval: tuple[float, float] | None
    freedom: float
    seeds: int

    @property
    def has_seeds(self) -> bool:
        """Whether the interval holds what differs from training to training."""
        return self.seeds > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSpread:
    """What seeds alone do to a number.

    Attributes:
        variance: v_s or v_s' of the module's docstring; 0 with fewer than 2 seeds.
        freedom: S_1 - 1 + S_2 - 1 ..., for unequal variances (Satterthwaite 1946).
        seeds: The fewest seeds of a model.
    """

    variance: float
    freedom: float
    seeds: int

    @property
    def reach(self) -> float:
        """Half the width of the 95 % interval from seeds alone."""
        return find_student_quantile(self.freedom) * math.sqrt(self.variance) if self.variance else 0.0


def weigh_runs(models: IntArray) -> FloatArray:
    """`(R,)` weights of runs: models count alike, and the seeds of a model.

    Args:
        models: `(R,)` number of the model of each run.

    Example:
        >>> weigh_runs(np.array([0, 0, 1])).tolist()
        [0.25, 0.25, 0.5]
    """
    names, place, count = np.unique(models, return_inverse=True, return_counts=True)
    return np.asarray(1 / (len(names) * count[place]))


def count_seeds(models: IntArray) -> int:
    """The fewest seeds of a model."""
    return int(np.unique(models, return_counts=True)[1].min())


def measure_seeds(values: FloatArray, models: IntArray) -> SeedSpread:
    """How far the mean of runs could be off for want of more seeds.

    Args:
        values: `(R,)` the number of each run.
        models: `(R,)` number of the model of each run.

    Example:
        >>> spread = measure_seeds(np.array([0.1, 0.2, 0.3]), np.zeros(3, int))
        >>> round(spread.variance, 6), spread.freedom  # 0.1^2 / 3
        (0.003333, 2.0)
    """
    seeds = count_seeds(models)
    # One model with one seed shows no variance of its own, and that of the others must not stand for it.
    if seeds < 2:
        return SeedSpread(variance=0.0, freedom=math.inf, seeds=seeds)
    names = np.unique(models)
    # Model by model: models that differ in accuracy would else count as variance of seeds.
    parts = (
        np.array([np.var(values[models == name], ddof=1) / (models == name).sum() for name in names])
        / len(names) ** 2
    )
    freedoms = np.array([(models == name).sum() - 1 for name in names])
    pieces = float((parts**2 / freedoms).sum())
    freedom = float(parts.sum()) ** 2 / pieces if pieces else float(freedoms.sum())
    return SeedSpread(variance=float(parts.sum()), freedom=freedom, seeds=seeds)


def estimate_accuracy(counts: RunCounts, models: IntArray) -> SeededNumber:
    """Top-1 accuracy: Wilson's interval of the mean run, and what seeds add to it.

    Args:
        counts: Of the runs.
        models: `(R,)` number of the model of each run.
    """
    mean = _average(counts, models)
    images = compute_wilson_interval(float(mean.right.sum()), int(mean.total.sum()))
    value, variances, seeds = _spread([(1.0, counts)], models)
    return _make_number(value, images, variances, seeds, bounds=(0.0, 1.0))


def estimate_gap(shifted: RunCounts, clean: RunCounts, models: IntArray) -> SeededNumber:
    """Accuracy on one set less that on another, on the classes both have: the project's interval of a gap.

    Args:
        shifted: Of the runs.
        clean: Of the same runs, on other images.
        models: `(R,)` number of the model of each run.
    """
    # Before both sums, so that value, influence and interval are of the same classes.
    shifted, clean = _share_classes([shifted, clean])
    value, variances, seeds = _spread([(1.0, shifted), (-1.0, clean)], models)
    first, second = (_observe(_average(one, models)) for one in (shifted, clean))
    return _make_number(value, compute_gap_interval(first, second), variances, seeds)


def estimate_sum(parts: Sequence[tuple[float, RunCounts]], models: IntArray) -> SeededNumber:
    """A sum of accuracies of runs paired by model and seed: rows on the same images, or their gaps.

    Args:
        parts: Weight, such as 1 and -1, and counts; run r of each part has the same model and seed.
        models: `(R,)` number of the model of each run.

    Example:
        >>> total = np.full(4, 10.0)
        >>> ours = RunCounts(right=np.array([[9.0, 8, 7, 9], [9, 9, 8, 8]]), total=total)
        >>> theirs = RunCounts(right=np.array([[7.0, 7, 7, 7], [7, 8, 6, 7]]), total=total)
        >>> found = estimate_sum([(1, ours), (-1, theirs)], np.zeros(2, int))
        >>> round(found.value, 4), found.seeds
        (0.1375, 2)
    """
    shared = _share_classes([counts for _, counts in parts])
    weighted = [(weight, counts) for (weight, _), counts in zip(parts, shared, strict=True)]
    value, variances, seeds = _spread(weighted, models)
    if variances.class_freedom < 1:
        return SeededNumber(value=value, interval=None, freedom=1.0, seeds=seeds.seeds)
    reach = find_reach(variances)
    interval = max(-2.0, value - reach), min(2.0, value + reach)
    return SeededNumber(value=value, interval=interval, freedom=variances.freedom, seeds=seeds.seeds)


def add_seeds(
    value: float, images: tuple[float, float] | None, seeds: SeedSpread, freedom: float
) -> SeededNumber:
    """An interval over images with what seeds add to both of its arms (Zou and Donner 2008).

    Args:
        value: The number.
        images: Its interval over images.
        seeds: What seeds do to it.
        freedom: Degrees of freedom of `images`.
    """
    if images is None:
        return SeededNumber(value=value, interval=None, freedom=1.0, seeds=seeds.seeds)
    low, high = (
        value + sign * math.hypot(max(0.0, sign * (bound - value)), seeds.reach)
        for sign, bound in zip((-1, 1), images, strict=True)
    )
    # Few seeds decide the freedom where they decide the width.
    arm = (images[1] - images[0]) / 2 / find_student_quantile(freedom)
    pieces = arm**4 / freedom + (seeds.variance**2 / seeds.freedom if seeds.variance else 0.0)
    mixed = (arm**2 + seeds.variance) ** 2 / pieces if pieces else freedom
    return SeededNumber(value=value, interval=(low, high), freedom=mixed, seeds=seeds.seeds)


def _make_number(
    value: float,
    images: tuple[float, float] | None,
    variances: Variances,
    seeds: SeedSpread,
    *,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> SeededNumber:
    found = add_seeds(value, images, seeds, max(1.0, variances.class_freedom))
    if found.interval is None:
        return found
    interval = max(bounds[0], found.interval[0]), min(bounds[1], found.interval[1])
    return SeededNumber(value=value, interval=interval, freedom=found.freedom, seeds=found.seeds)


def _spread(
    parts: Sequence[tuple[float, RunCounts]], models: IntArray
) -> tuple[float, Variances, SeedSpread]:
    """Value, v_c with v_s', and v_s' alone."""
    used = np.any([counts.total > 0 for _, counts in parts], axis=0)
    influence, values = _find_influence(parts, used)
    weights, num_classes = weigh_runs(models), int(used.sum())
    value = float(weights @ values)
    # Classes are a sample: the sum of squares about their own mean is too small by this.
    few = num_classes / max(1, num_classes - 1)
    images = few * float(((weights @ influence) ** 2).sum())
    seeds = measure_seeds(values, models)
    more = max(0.0, seeds.variance - few * _measure_both(influence, weights, models))
    seeds = SeedSpread(variance=more, freedom=seeds.freedom, seeds=seeds.seeds)
    variances = Variances(
        classes=images,
        families=more,
        class_freedom=num_classes - 1,
        # Without seeds their variance is 0, and so is its part in the freedom of the sum.
        family_freedom=max(1, num_classes - 1) if math.isinf(seeds.freedom) else seeds.freedom,
    )
    return value, variances, seeds


def _find_influence(
    parts: Sequence[tuple[float, RunCounts]], used: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """`(R, C)` what each class adds to the number of each run, and `(R,)` those numbers."""
    influence: FloatArray = np.zeros(1)
    values: FloatArray = np.zeros(1)
    for weight, counts in parts:
        right, total = counts.right[:, used], counts.total[used]
        accuracy = right.sum(axis=1) / total.sum()
        influence = influence + weight * (right - accuracy[:, None] * total) / total.sum()
        values = values + weight * accuracy
    return influence, values


def _measure_both(influence: FloatArray, weights: FloatArray, models: IntArray) -> float:
    """v_rc of the module's docstring, without C / (C - 1); 0 with fewer than 2 seeds."""
    found = 0.0
    for name in np.unique(models):
        own = influence[models == name]
        # A single run has no other of its kind to differ from.
        if len(own) > 1:
            off = own - own.mean(axis=0)
            stretch = len(own) / (len(own) - 1)
            found += stretch * float((weights[models == name][:, None] ** 2 * off**2).sum())
    return found


def _share_classes(counts: Sequence[RunCounts]) -> list[RunCounts]:
    # On unlike classes a difference would measure the classes.
    shared = np.all([one.total > 0 for one in counts], axis=0)
    return [RunCounts(right=one.right * shared, total=one.total * shared) for one in counts]


def _average(counts: RunCounts, models: IntArray) -> SetCounts:
    return SetCounts(right=weigh_runs(models) @ counts.right, total=counts.total)


def _observe(counts: SetCounts) -> Observation:
    n = int(counts.total.sum())
    top1 = float(counts.right.sum()) / max(1, n)
    return Observation(top1=top1, n=n, right=counts.right, total=counts.total)
