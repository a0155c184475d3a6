"""`imagenet-g plan-sample`: the sample size for a given difference."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from imagenet_g.benchmark.terminal.text import print_line


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
    parser.add_argument(
        "--accuracy",
        type=float,
        default=0.6,
        metavar="FRACTION",
        help="accuracy on the shifted set (default: %(default)s)",
    )
    parser.add_argument(
        "--discordant",
        type=float,
        metavar="FRACTION",
        help="models: share of images that only one model gets right "
        "(default: that of independent errors, which is higher than in real models)",
    )
    parser.add_argument(
        "--reference", type=float, default=0.76, metavar="FRACTION", help="sets: clean accuracy"
    )
    parser.add_argument("--reference-n", type=int, default=50_000, metavar="N", help="sets: clean images")
    parser.add_argument("--power", type=float, default=0.8, metavar="P", help="default: %(default)s")
    parser.add_argument("--alpha", type=float, default=0.05, metavar="P", help="default: %(default)s")
    parser.add_argument(
        "--images-per-class", type=float, default=1, metavar="M", help="for the design effect of classes"
    )
    parser.add_argument(
        "--intraclass", type=float, default=0.0, metavar="RHO", help="correlation of answers within a class"
    )


def run(arguments: Namespace) -> int:
    """Compute and print."""
    import math

    from imagenet_g.baselines.comparing.sample_size import (
        compute_design_effect,
        compute_gap_sample_size,
        compute_independent_discordance,
        compute_paired_sample_size,
    )

    effect = compute_design_effect(arguments.images_per_class, arguments.intraclass)
    if arguments.between == "models":
        discordant = arguments.discordant
        if discordant is None:
            # The careful assumption: real models share many errors, so the plan asks for too many images
            # rather than too few.
            discordant = compute_independent_discordance(arguments.accuracy, arguments.difference)
        plain = compute_paired_sample_size(
            arguments.difference, discordant, power=arguments.power, alpha=arguments.alpha
        )
        setting = (
            f"two models on the same images, of which {100 * discordant:.1f} % are right for only one model"
        )
    else:
        plain = compute_gap_sample_size(
            arguments.difference,
            arguments.accuracy,
            reference=arguments.reference,
            reference_n=arguments.reference_n,
            power=arguments.power,
            alpha=arguments.alpha,
        )
        setting = f"one model, {100 * arguments.reference:.1f} % on {arguments.reference_n} clean images"
    print_line(
        # Rounded up a second time: the design effect makes a whole number a fraction again.
        f"{math.ceil(plain * effect)} images resolve {100 * abs(arguments.difference):g} points at "
        f"{100 * arguments.power:g} % power and level {arguments.alpha:g}: {setting}; "
        f"design effect {effect:.2f}."
    )
    return 0
