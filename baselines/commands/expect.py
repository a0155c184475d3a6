"""`imagenet-g expect`: the accuracy to expect of a model, from its clean accuracy alone."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from imagenet_g.baselines.lines.expectation import CleanAccuracy, Expectation


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--model", metavar="SPEC", help="use the published clean accuracy of this model")
    parser.add_argument(
        "--accuracy", type=float, metavar="FRACTION", help="use this clean accuracy, in place of --model"
    )
    parser.add_argument("--split", metavar="REF", help="the shifted set, such as imagenet-sketch")
    parser.add_argument(
        "--baseline", default="testbed", metavar="ID", help="testbed, timm-in1k, a .toml or a measured .json"
    )
    parser.add_argument("--link", default="logit", metavar="NAME", help="logit, linear or probit")


def run(arguments: Namespace) -> int:
    """Look the clean accuracy up, fit, print."""
    from imagenet_g.baselines.lines.baselines import load_points
    from imagenet_g.baselines.lines.expectation import compute_expectation
    from imagenet_g.benchmark.robustness.links import parse_link

    # Before the tables are read: a misspelt link is the quicker error.
    link = parse_link(arguments.link)
    points = load_points(arguments.baseline, arguments.split)
    clean = find_clean_accuracy(arguments)
    expected = compute_expectation(points, clean.top1, link, model=clean.model)
    print_block(format_expectation(expected, clean))
    return 0


def find_clean_accuracy(arguments: Namespace) -> CleanAccuracy:
    """The accuracy given, or the model's published one on the line's own classes.

    Raises:
        InputError: Neither or both were given, or no figure covers those classes.
    """
    from dataclasses import replace

    from imagenet_g.baselines.lines.baselines import load_any_baseline
    from imagenet_g.baselines.lines.expectation import CleanAccuracy, choose_clean_accuracy
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.naming.published import load_published_accuracies
    from imagenet_g.benchmark.robustness.published_sets import BaselineSet

    if (arguments.accuracy is None) == (arguments.model is None):
        raise InputError(
            "Give one of --model SPEC, whose published clean accuracy is looked up, and --accuracy FRACTION."
        )
    if arguments.accuracy is not None:
        return CleanAccuracy(top1=arguments.accuracy, source="--accuracy")
    baseline = load_any_baseline(arguments.baseline)
    # Published accuracies are on ImageNet's own validation images, not on the clean images of this baseline.
    if not isinstance(baseline, BaselineSet):
        raise InputError("A measured baseline has its own clean images; give --accuracy on those.")
    spec = resolve_spec(arguments.model)
    found = choose_clean_accuracy(baseline, arguments.split, spec, load_published_accuracies(spec))
    return replace(found, model=spec)


def resolve_spec(text: str) -> str:
    """The spec that a short name resolves to; without a scheme, the name stays as in the baseline's table."""
    from imagenet_g.benchmark.naming.libraries import list_schemes
    from imagenet_g.benchmark.naming.resolve import resolve_model_spec
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    if text.partition(":")[0] not in list_schemes():
        return text
    resolved = resolve_model_spec(parse_model_spec(text))
    if resolved.reason:
        # A short name may resolve to one of several checkpoints, so the choice is printed above the numbers.
        print_block(resolved.format_choice(text))
    return str(resolved.spec)


def format_expectation(expected: Expectation, clean: CleanAccuracy) -> str:
    """The numbers in percent, with the line behind them."""
    from imagenet_g.benchmark.robustness.wording import list_cautions

    fit = expected.fit
    lines = [
        f"clean accuracy    {100 * expected.reference:.2f} % on {', '.join(fit.axes)} ({clean.source})",
        f"expected          {100 * expected.top1:.2f} % on {fit.target}, "
        f"a gap of {100 * expected.gap:+.2f} points",
        f"95 % band         {100 * expected.low:.2f} to {100 * expected.high:.2f} %, "
        "where standard models lie",
        f"baseline          {fit.baseline} ({fit.baseline_sha256[:12]}), {fit.num_models} models, "
        f"{fit.link} link, r2 {fit.r2:.3f}",
    ]
    if expected.extrapolated:
        lines.append(
            f"extrapolated: the baseline's models span {100 * fit.reference_low[0]:.2f} to "
            f"{100 * fit.reference_high[0]:.2f} %."
        )
    lines += [f"{caution}." for caution in list_cautions(expected.support)]
    if fit.weak:
        lines.append("weak: r2 below 0.8; the line predicts single models poorly.")
    return "\n".join(lines)
