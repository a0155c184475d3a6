"""`imagenet-g plan-sample`: the sample size for a given difference."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.comparing.sample_size import SamplePlan, Sizes

DEFAULT_ACCURACY = 0.6


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--difference",
        type=float,
        required=True,
        metavar="FRACTION",
        help="difference to resolve, such as 0.01 for one percentage point",
    )
    parser.add_argument(
        "--between",
        choices=("models", "sets"),
        default="models",
        help="two models on the same images, or one on a clean and a shifted set (default: %(default)s)",
    )
    _add_accuracies(parser)
    _add_sizes(parser)
    parser.add_argument("--power", type=float, default=0.8, metavar="P", help="default: %(default)s")
    parser.add_argument("--alpha", type=float, default=0.05, metavar="P", help="default: %(default)s")


def _add_accuracies(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--accuracy",
        type=float,
        metavar="FRACTION",
        help="models: accuracy of one of them (default: 0.6); sets: accuracy on the shifted set (default: "
        "the clean accuracy less the difference)",
    )
    parser.add_argument(
        "--discordant",
        type=float,
        metavar="FRACTION",
        help="models: share of images that only one model gets right "
        "(default: that of independent errors, which is higher than in real models)",
    )
    parser.add_argument(
        "--reference",
        type=float,
        default=0.76,
        metavar="FRACTION",
        help="sets: clean accuracy (default: %(default)s)",
    )
    parser.add_argument(
        "--reference-n",
        type=int,
        metavar="N",
        help="sets: clean images of these classes (default: 50 a class)",
    )


def _add_sizes(parser: ArgumentParser) -> None:
    parser.add_argument("--classes", type=int, metavar="C", help="number of classes (default: 1000)")
    parser.add_argument(
        "--images-per-class",
        type=int,
        metavar="M",
        help="find the number of classes for so many images of each, in place of --classes",
    )
    parser.add_argument(
        "--class-sd",
        type=float,
        default=0.5,
        metavar="LOGIT",
        help="how much a class is harder or easier for one model alone (sets: on one set alone), as a "
        "standard deviation in logits; 0 for independent images (default: %(default)s)",
    )


def run(arguments: Namespace) -> int:
    """Compute and print."""
    print_line(describe_plan(arguments))
    return 0


def describe_plan(arguments: Namespace) -> str:
    """One sentence: the plan and everything that it rests on."""
    sizes = _read_sizes(arguments)
    plan, setting = (_plan_models if arguments.between == "models" else _plan_gap)(arguments, sizes)
    alone = "for one model alone" if arguments.between == "models" else "on one set alone"
    return (
        f"{plan.num_images} images, {plan.num_classes} classes of {plan.images_per_class}, resolve "
        f"{100 * abs(arguments.difference):g} points at {100 * sizes.power:g} % power and level "
        f"{sizes.alpha:g}: {setting}; classes harder or easier {alone} by {arguments.class_sd:g} logit, "
        f"design effect {plan.design_effect:.2f}."
    )


def _read_sizes(arguments: Namespace) -> Sizes:
    from imagenet_g.baselines.comparing.sample_size import NUM_CLASSES, Sizes
    from imagenet_g.benchmark.errors import InputError

    classes, images = arguments.classes, arguments.images_per_class
    if classes is not None and images is not None:
        raise InputError(
            "Give --classes or --images-per-class, not both: the other one is what is looked for."
        )
    if classes is None and images is None:
        classes = NUM_CLASSES
    return Sizes(num_classes=classes, images_per_class=images, power=arguments.power, alpha=arguments.alpha)


def _plan_models(arguments: Namespace, sizes: Sizes) -> tuple[SamplePlan, str]:
    from imagenet_g.baselines.comparing.sample_size import compute_independent_discordance, plan_for_models

    accuracy = DEFAULT_ACCURACY if arguments.accuracy is None else arguments.accuracy
    difference, share = arguments.difference, arguments.discordant
    plan = plan_for_models(
        difference, accuracy, sizes, discordant=arguments.discordant, class_sd=arguments.class_sd
    )
    if share is None:
        # The careful assumption: real models share many errors, so the plan asks for too many images rather
        # than too few.
        share = compute_independent_discordance(accuracy, difference)
    return plan, f"two models on the same images, of which {100 * share:.1f} % are right for only one model"


def _plan_gap(arguments: Namespace, sizes: Sizes) -> tuple[SamplePlan, str]:
    from imagenet_g.baselines.comparing.sample_size import CLEAN_IMAGES_PER_CLASS, plan_for_gap

    reference, reference_n = arguments.reference, arguments.reference_n
    plan = plan_for_gap(
        arguments.difference,
        reference,
        sizes,
        accuracy=arguments.accuracy,
        reference_n=reference_n,
        class_sd=arguments.class_sd,
    )
    clean = CLEAN_IMAGES_PER_CLASS * plan.num_classes if reference_n is None else reference_n
    shifted = reference - abs(arguments.difference) if arguments.accuracy is None else arguments.accuracy
    setting = f"one model, {100 * reference:.1f} % on {clean} clean images and {100 * shifted:.1f} % on these"
    return plan, setting
