"""`imagenet-g features`: sparsity, distance within a class, redundancy and coding length of features."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import (
    add_cache_option,
    add_data_option,
    add_inference_options,
    add_sets_option,
)
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.feature_analysis.records import FeatureReport
    from imagenet_g.baselines.feature_analysis.run import FeatureRequest


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options, in the groups that `--help` shows."""
    group = parser.add_argument_group("models and images")
    group.add_argument(
        "--model", action="append", required=True, metavar="SPEC",
        help="any model that 'evaluate' takes; repeatable",
    )  # fmt: skip
    group.add_argument(
        "--split",
        action="append",
        required=True,
        metavar="REF",
        help="a split or view, such as imagenet-val; repeatable",
    )
    add_data_option(group)
    add_sets_option(group)
    group = parser.add_argument_group("what is measured")
    group.add_argument(
        "--eps-squared", type=float, default=0.5, metavar="E",
        help="squared precision of the coding length (default: %(default)s, as in the paper)",
    )  # fmt: skip
    group.add_argument(
        "--per-class",
        type=parse_positive,
        metavar="N",
        help="at most N images a class, spread evenly over it",
    )
    add_inference_options(parser.add_argument_group("inference"))
    group = parser.add_argument_group("files")
    group.add_argument(
        "--out", type=Path, default=Path("features"), metavar="DIR",
        help="folder for features.json and features.csv (default: %(default)s)",
    )  # fmt: skip
    group.add_argument("--plots", action="store_true", help="also figures (needs imagenet-g[plots])")
    group.add_argument(
        "--plot-format", choices=("png", "pdf", "svg"), default="png", help="(default: %(default)s)"
    )
    add_cache_option(group)


def run(arguments: Namespace) -> int:
    """Measure, print, write."""
    from imagenet_g.baselines.feature_analysis.figures import draw_features
    from imagenet_g.baselines.feature_analysis.report import format_feature_csv
    from imagenet_g.baselines.feature_analysis.run import run_features
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    request = make_request(arguments)
    with ProgressListener() as listener:
        report = run_features(request, listener)
    print_report(report)
    written = [arguments.out / "features.json", arguments.out / "features.csv"]
    write_text(written[0], report.model_dump_json(indent=2) + "\n")
    write_text(written[1], format_feature_csv(report))
    if arguments.plots:
        written += draw_features(report, arguments.out, kind=arguments.plot_format)
    for path in written:
        print_line(f"wrote {path}")
    return 0


def make_request(arguments: Namespace) -> FeatureRequest:
    """The request of the command line; what can be checked without a model is checked here.

    Raises:
        InputError: A malformed option, or the extra for figures is missing.
    """
    from importlib.util import find_spec

    from imagenet_g.baselines.feature_analysis.run import FeatureRequest
    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.benchmark.storage import validate_writable

    # Before features are computed, which may take hours.
    if arguments.plots and find_spec("matplotlib") is None:
        raise InputError("--plots needs matplotlib. Install it: pip install 'imagenet-g[plots]'")
    validate_writable(arguments.out)
    sets = load_sets(arguments.sets)
    return FeatureRequest(
        models=tuple(dict.fromkeys(arguments.model)),
        splits=tuple(parse_split_ref(ref, sets) for ref in dict.fromkeys(arguments.split)),
        data=parse_data_pairs(arguments.data, sets),
        cache=choose_cache_folder(arguments.cache),
        settings=RunSettings(
            device=arguments.device, batch_size=arguments.batch_size, workers=arguments.workers
        ),
        per_class=arguments.per_class,
        eps_squared=arguments.eps_squared,
    )


def print_report(report: FeatureReport) -> None:
    """Print the numbers of each model and split, and what to consider."""
    from imagenet_g.baselines.feature_analysis.report import format_measure, name_measure
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    # Measures down and not across: six columns with intervals do not fit 80 letters.
    for analysis in report.analyses:
        print_line(
            f"{analysis.encoder.spec} on {analysis.split.ref}: {analysis.n} images, "
            f"{analysis.encoder.num_dimensions} dimensions"
        )
        shown = NameTable(("measure", "value (95 % interval)", "stated in the paper's"), framed=False)
        for measure in analysis.measures:
            shown.add_row(name_measure(measure), format_measure(measure), measure.stated)
        print_shown(shown)
        if analysis.unreadable:
            print_line(f"{len(analysis.unreadable)} images have no features and are left out.")
    for caution in report.warnings:
        print_line(f"note: {caution}")
