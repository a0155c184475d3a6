"""`imagenet-g compare`: models on the same images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import add_sets_option
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.comparing.comparison import Answers, ModelComparison
    from imagenet_g.benchmark.splits.splits import Split


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "models", nargs="+", type=Path, metavar="MODEL", help="result.json, its folder, or a predictions file"
    )
    parser.add_argument("--split", metavar="REF", help="split of the results to compare on")
    parser.add_argument(
        "--outputs", metavar="NAME", help="'all', or a stored class set (default: the split's usual one)"
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="COLUMN",
        help="also by a column, such as recipe; needs the split",
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a local copy of the split; repeatable",
    )
    add_sets_option(parser)
    parser.add_argument("--groups", type=int, default=15, metavar="N", help="rows of a group table")
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="PNG",
        help="write the images that only one of the two best models gets right",
    )
    parser.add_argument(
        "--sheet-images", type=int, default=12, metavar="N", help="images for each of the two models"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the choice of images on the sheet (default: %(default)s)"
    )


def run(arguments: Namespace) -> int:
    """Align the predictions, compare, print."""
    from imagenet_g.baselines.comparing.comparison import compare_models
    from imagenet_g.baselines.comparing.report import format_comparison
    from imagenet_g.baselines.comparing.stored_runs import load_answers
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.splits.real_set_files import load_sets

    sets = load_sets(arguments.sets)
    loaded = load_answers(
        arguments.models,
        arguments.split,
        outputs=arguments.outputs,
        by=arguments.by,
        data=parse_data_pairs(arguments.data, sets),
        sets=sets,
        needs_images=arguments.sheet is not None,
    )
    comparison = compare_models(loaded.answers)
    print_block(format_comparison(comparison, loaded.runs, max_groups=arguments.groups))
    if arguments.sheet is not None and loaded.split is not None:
        write_sheet(loaded.answers, comparison, loaded.split, arguments)
    return 0


def write_sheet(answers: Answers, comparison: ModelComparison, split: Split, arguments: Namespace) -> None:
    """The contact sheet of the two most accurate models."""
    from imagenet_g.baselines.comparing.contact_sheet import build_sheet, choose_tiles
    from imagenet_g.benchmark.splits.readable import load_image
    from imagenet_g.benchmark.storage import replace_file

    first, second = (answers.models.index(standing.model) for standing in comparison.standings[:2])
    tiles = choose_tiles(answers, first, second, limit=arguments.sheet_images, seed=arguments.seed)
    rows = {image_id: row for row, image_id in enumerate(split.rows.image_ids)}
    sheet = build_sheet(tiles, lambda image_id: load_image(split, rows[image_id]))
    with replace_file(arguments.sheet) as temporary:
        sheet.save(temporary, format="PNG")
    print_line(f"wrote {arguments.sheet}: {len(tiles)} images")
