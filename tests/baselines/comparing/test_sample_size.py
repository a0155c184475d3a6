"""The planned number of images gives the planned power: the shipped tests, on simulated answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from noisy_models import run_command
from scipy.special import expit

from imagenet_g.baselines.comparing.sample_size import (
    SamplePlan,
    Sizes,
    compute_class_variance,
    plan_for_gap,
    plan_for_models,
)
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.statistics.gaps import compute_gap_interval
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.benchmark.statistics.paired import compute_paired_difference

REPEATS = 150
# Three standard deviations of a share of 150 about 0.8.
NEAR = 0.098


def draw_rates(
    top1: float, class_sd: float, num_classes: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Accuracies of classes whose mean over the population of classes is `top1`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    levels = np.linspace(-10, 10, 2001)
    level = np.interp(top1, expit(levels[:, None] + class_sd * nodes) @ (weights / weights.sum()), levels)
    return np.asarray(expit(level + class_sd * rng.normal(size=num_classes)))


def find_power(plan: SamplePlan, difference: float, class_sd: float, *, accuracy: float = 0.6) -> float:
    """Share of simulated pairs of models that `compare` separates."""
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(plan.num_classes), plan.images_per_class)
    found = 0
    for _ in range(REPEATS):
        first, second = (
            rng.random(plan.num_images, dtype=np.float32)
            < draw_rates(top1, class_sd, plan.num_classes, rng)[classes]
            for top1 in (accuracy + difference, accuracy)
        )
        found += compute_paired_difference(first, second, classes).verdict == "better"
    return found / REPEATS


@pytest.mark.parametrize(
    ("sizes", "class_sd"),
    [
        (Sizes(num_classes=None, images_per_class=50), 0.5),
        (Sizes(num_classes=None, images_per_class=10), 1.0),
        (Sizes(num_classes=20), 0.2),
        (Sizes(num_classes=100), 0.0),
    ],
)
def test_models_are_separated_as_often_as_planned(sizes: Sizes, class_sd: float) -> None:
    """Eight times in ten, whether classes or images a class were looked for."""
    plan = plan_for_models(0.05, 0.6, sizes, class_sd=class_sd)
    assert find_power(plan, 0.05, class_sd) == pytest.approx(0.8, abs=NEAR)


def test_as_many_images_as_if_they_were_independent_are_far_too_few() -> None:
    """633 classes of 50 images, the earlier plan for a point: a power of 0.3 at half a logit, not of 0.8."""
    assert find_power(
        SamplePlan(num_classes=633, images_per_class=50, design_effect=1.0), 0.01, 0.5
    ) == pytest.approx(0.3, abs=NEAR)


@pytest.mark.parametrize(
    ("sizes", "class_sd", "reference_n"),
    [
        (Sizes(num_classes=None, images_per_class=20), 0.5, None),
        (Sizes(num_classes=300), 0.5, 900),
        (Sizes(num_classes=100), 0.0, 5000),
    ],
)
def test_a_gap_is_found_as_often_as_planned(sizes: Sizes, class_sd: float, reference_n: int | None) -> None:
    """The interval of `compute_gap_interval` leaves out 0 eight times in ten; the clean images count too."""
    plan = plan_for_gap(0.06, 0.66, sizes, reference_n=reference_n, class_sd=class_sd)
    each = (50 * plan.num_classes if reference_n is None else reference_n) // plan.num_classes
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(REPEATS):
        sets = []
        for top1, images in ((0.60, plan.images_per_class), (0.66, each)):
            right = rng.binomial(images, draw_rates(top1, class_sd, plan.num_classes, rng)).astype(float)
            total = np.full(plan.num_classes, float(images))
            sets.append(
                Observation(top1=right.sum() / total.sum(), n=int(total.sum()), right=right, total=total)
            )
        bounds = compute_gap_interval(*sets)
        assert bounds is not None
        found += bounds[1] < 0
    assert found / REPEATS == pytest.approx(0.8, abs=NEAR)


def test_the_variance_of_classes_is_that_of_drawn_ones() -> None:
    """Near the ceiling too, where half a logit is little."""
    for top1 in (0.6, 0.97):
        rates = draw_rates(top1, 0.8, 200_000, np.random.default_rng(2))
        assert compute_class_variance(top1, 0.8) == pytest.approx(float(rates.var()), rel=0.02)


def test_more_classes_are_better_than_more_images_of_each() -> None:
    """The same number of images in twice as many classes has the smaller design effect."""
    few, many = (plan_for_models(0.02, 0.6, Sizes(num_classes=number)) for number in (1000, 4000))
    assert many.num_images < few.num_images
    assert 1 < many.design_effect < few.design_effect


def test_defaults_of_a_gap_cohere(capsys: pytest.CaptureFixture[str]) -> None:
    """The accuracy on the shifted set follows from the clean one and the gap; 50 clean images a class."""
    run_command("plan-sample", "--between", "sets", "--difference", "0.05", "--classes", "200")
    printed = capsys.readouterr().out
    assert "76.0 % on 10000 clean images and 71.0 % on these" in printed


def test_the_command_prints_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With everything that the plan rests on."""
    run_command("plan-sample", "--difference", "0.01", "--images-per-class", "50")
    plan = plan_for_models(0.01, 0.6, Sizes(num_classes=None, images_per_class=50))
    printed = capsys.readouterr().out
    assert printed.startswith(f"{plan.num_images} images, {plan.num_classes} classes of 50, resolve 1 points")
    assert f"design effect {plan.design_effect:.2f}" in printed


@pytest.mark.parametrize("difference", [0.0, 1.5])
def test_impossible_differences_are_refused(difference: float) -> None:
    """Zero cannot be resolved; 1.5 is percent."""
    with pytest.raises(InputError, match="difference of"):
        plan_for_models(difference, 0.3, Sizes())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--difference", "nan"), "difference of nan is not a number"),
        (("--difference", "inf"), "difference of inf is not a number"),
        (("--difference", "0.01", "--accuracy", "nan"), "An accuracy of nan"),
        (("--difference", "0.3", "--accuracy", "0.9"), "differs by 0.3 must both be fractions"),
        (("--difference", "0.01", "--discordant", "nan"), "share of nan discordant"),
        (("--difference", "0.01", "--power", "nan"), "power of nan"),
        (("--difference", "0.01", "--images-per-class", "0"), "0 images a class"),
        (("--difference", "0.01", "--classes", "1"), "1 classes do not show"),
        (("--difference", "0.01", "--class-sd", "nan"), "spread of nan logit"),
        (("--difference", "0.01", "--classes", "9", "--images-per-class", "9"), "not both"),
        (("--difference", "0.01", "--classes", "100"), "resolve 0.045.* at best"),
        (("--difference", "0.01", "--discordant", "0.02"), "give a smaller --class-sd"),
        (
            ("--between", "sets", "--difference", "0.01", "--accuracy", "0.6"),
            "are a gap of 0.16 and not of 0.01",
        ),
        (
            (
                "--between",
                "sets",
                "--difference",
                "0.01",
                "--reference-n",
                "1000",
                "--images-per-class",
                "50",
            ),
            "use a larger clean set",
        ),
        (("--between", "sets", "--difference", "nan"), "difference of nan is not a number"),
        (("--between", "sets", "--difference", "0.01", "--reference", "nan"), "accuracy of nan"),
    ],
)
def test_plan_sample_refuses_what_is_no_number(words: tuple[str, ...], message: str) -> None:
    """By the name of the value that was given."""
    with pytest.raises(InputError, match=message):
        run_command("plan-sample", *words)
