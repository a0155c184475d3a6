"""`imagenet-g score`: numbers from stored predictions or from answers, without the model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import add_cache_option, add_twin_option
from imagenet_g.benchmark.outside_answers.options import PUBLISHED, add_answer_options
from imagenet_g.benchmark.scoring.options import ScoreOptions, read_options
from imagenet_g.benchmark.terminal.text import print_line, print_message

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from imagenet_g.benchmark.upgrading.stored import StoredResult


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "predictions",
        nargs="*",
        type=Path,
        metavar="PREDICTIONS",
        help="predictions parquet files of one model, or answers of any system as .csv, .tsv or .jsonl with "
        "--split",
    )
    parser.add_argument(
        "--reference",
        default=PUBLISHED,
        metavar="FILE",
        help="the same model's predictions on the clean set, or 'published' (default)",
    )
    add_twin_option(parser)
    parser.add_argument(
        "--view", metavar="NAME", help="score only the rows of this view, such as imagenet-100"
    )
    parser.add_argument(
        "--data",
        action="append",
        metavar="NAME=PATH",
        default=[],
        help="a local copy of the split, needed for views by a column",
    )
    add_counting_options(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="also write result.json into this folder")
    add_cache_option(parser)
    add_answer_options(parser)
    add_real_labels(parser)
    add_upgrade_arguments(parser)


def add_counting_options(parser: ArgumentParser) -> None:
    """Declare what counts as a right answer, and what is counted."""
    parser.add_argument(
        "--skip-unreadable",
        "--skip-unanswered",
        action="store_true",
        help="leave images out that could not be read or were not answered, instead of counting them as "
        "wrong",
    )
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="accept either label of classes of one name (missile, sunglasses); such a result says so and "
        "cannot be submitted",
    )


def add_real_labels(parser: ArgumentParser) -> None:
    """Declare the option of other labels."""
    parser.add_argument(
        "--real-labels",
        metavar="FILE",
        help="score imagenet-val by ReaL labels (images without one left out, any of several right): a "
        "real.json, or 'fetch' for the authors'",
    )


def add_upgrade_arguments(parser: ArgumentParser) -> None:
    """Declare what brings stored results up."""
    parser.add_argument(
        "--upgrade",
        nargs="+",
        type=Path,
        metavar="RESULT",
        help="bring results of earlier statistics up to the rules of today, in place: a result.json, a "
        "submission, or a folder of them, the predictions beside each",
    )
    parser.add_argument(
        "--baseline",
        action="append",
        type=Path,
        metavar="FILE",
        default=[],
        help="with --upgrade: a measured baseline behind its effective robustness; repeatable",
    )


def run(arguments: Namespace) -> int:
    """Recompute, print, and write with `--out`; or bring results up with `--upgrade`."""
    options = read_options(vars(arguments))
    check_arguments(arguments)
    return upgrade(arguments) if arguments.upgrade else score(options)


def check_arguments(arguments: Namespace) -> None:
    """Refuse options of scoring beside `--upgrade`, and those of upgrading without it.

    Raises:
        InputError: An option belongs to the other.
    """
    from imagenet_g.benchmark.errors import InputError

    if not arguments.upgrade:
        if arguments.baseline and arguments.predictions:
            raise InputError("--baseline goes with --upgrade; see also 'imagenet-g baselines apply'.")
        return
    given = {
        "PREDICTIONS": arguments.predictions,
        "--reference": arguments.reference != PUBLISHED,
        "--unfiltered-reference": arguments.unfiltered_reference,
        "--view": arguments.view,
        "--real-labels": arguments.real_labels,
        "--skip-unreadable": arguments.skip_unreadable,
        "--pairs": arguments.pairs,
        "--out": arguments.out,
        "--split": arguments.split,
    }
    if named := [name for name, value in given.items() if value]:
        raise InputError(f"--upgrade takes these from the result itself; leave out {', '.join(named)}.")


def score(options: ScoreOptions) -> int:
    """Score, print, and write with `--out`."""
    from imagenet_g.benchmark.predictions.result_files import write_result
    from imagenet_g.benchmark.reports.report import make_report
    from imagenet_g.benchmark.scoring.scoring import score_files
    from imagenet_g.benchmark.terminal.tables import print_shown

    with TemporaryDirectory() as temporary:
        # Without --out nothing is kept of answers that were made predictions.
        result = score_files(options, options.out or Path(temporary))
    print_shown(make_report([result]))
    if options.out is not None:
        print_line(f"wrote {write_result(options.out, result)}")
    return 0


def upgrade(arguments: Namespace) -> int:
    """Every result that is named, or lies below a folder that is; one that fails does not stop the others.

    Returns:
        0 when all are of today's statistics now, 1 when some failed, 2 when all did.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.errors import ImagenetGError
    from imagenet_g.benchmark.upgrading.stored import (
        list_openers,
        list_result_files,
        make_unknown,
        open_stored,
    )

    openers, data, failures, done = list_openers(), parse_data_pairs(arguments.data), 0, 0
    for path in list_result_files(arguments.upgrade):
        try:
            stored = open_stored(path, openers)
            if stored is not None:
                print_line(upgrade_file(stored, data, arguments.baseline))
                done += 1
        except ImagenetGError as error:
            print_message(f"imagenet-g: '{path}' is left as it was: {error}")
            failures += 1
    if not done and not failures:
        raise make_unknown(arguments.upgrade)
    if not failures:
        return 0
    return 1 if done else 2


def upgrade_file(stored: StoredResult, data: Mapping[str, Path], baselines: Sequence[Path]) -> str:
    """Bring one file up, and say what was done."""
    from imagenet_g.benchmark.results import STATISTICS_VERSION
    from imagenet_g.benchmark.robustness.measured_sets import load_measured_baseline
    from imagenet_g.benchmark.upgrading.upgrade import UpgradeRequest, find_published, upgrade_result

    before = stored.result.statistics
    if before == STATISTICS_VERSION:
        return f"{stored.path}: has statistics {before} already"
    upgraded = upgrade_result(
        UpgradeRequest(
            result=stored.result,
            folder=stored.path.parent,
            data=data,
            baselines=tuple(map(load_measured_baseline, (*baselines, *stored.baselines))),
            find_published=find_published,
        )
    )
    stored.write(upgraded)
    return f"{stored.path}: statistics {before} -> {STATISTICS_VERSION}. {stored.advice}".rstrip()
