"""`imagenet-g compare`: models on the same images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import add_sets_option
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagenet_g.baselines.comparing.comparison import Answers, ModelComparison, PairComparison
    from imagenet_g.baselines.comparing.stored_runs import StoredRun
    from imagenet_g.benchmark.splits.splits import Split
    from imagenet_g.benchmark.statistics.groups import GroupTable

MAX_GROUPS = 15
"""Rows printed of a group table; `--groups` prints more."""


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
    parser.add_argument("--groups", type=int, default=MAX_GROUPS, metavar="N", help="rows of a group table")
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
    from imagenet_g.baselines.comparing.stored_runs import (
        align_answers,
        choose_outputs,
        load_group_column,
        load_runs,
    )
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.predictions.evidence import load_predicted_split
    from imagenet_g.benchmark.splits.real_set_files import load_sets

    runs = load_runs(arguments.models, arguments.split)
    # Predictions hold ids, labels and answers. Columns and pixels are in the split, which may be a download:
    # it is opened only for them.
    needs_split = arguments.by or arguments.sheet
    sets = load_sets(arguments.sets)
    data = parse_data_pairs(arguments.data, sets)
    split = load_predicted_split(runs[0].meta.split, data=data, sets=sets) if needs_split else None
    columns = {name: load_group_column(split, name) for name in arguments.by} if split else {}
    answers = align_answers(runs, outputs=arguments.outputs or choose_outputs(runs), columns=columns)
    comparison = compare_models(answers)
    print_block(format_comparison(comparison, runs, max_groups=arguments.groups))
    if arguments.sheet is not None and split is not None:
        write_sheet(answers, comparison, split, arguments)
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


def format_comparison(comparison: ModelComparison, runs: Sequence[StoredRun], *, max_groups: int) -> str:
    """Standings, pairs, groups; numbers in percent and percentage points."""
    # Files may cover different images; only the shared ones are compared, and the header states both numbers.
    sizes = {len(run.predictions) for run in runs}
    partly = f" ({max(sizes)} in the longest file)" if sizes != {comparison.num_images} else ""
    lines = [
        f"{runs[0].meta.split.ref}: {comparison.num_images} images{partly} of {comparison.num_classes} "
        f"classes, outputs: {_name_outputs(comparison.outputs)}",
        "",
    ]
    for standing in comparison.standings:
        rank = (
            f"rank {standing.best_rank}"
            if standing.best_rank == standing.worst_rank
            else f"rank {standing.best_rank} to {standing.worst_rank}"
        )
        lines.append(
            f"  {100 * standing.top1:6.2f} % ({100 * standing.low:.2f} to {100 * standing.high:.2f})  "
            f"{rank:12} {standing.model}"
        )
    for pair in comparison.pairs:
        lines += ["", *_format_pair(pair, max_groups)]
    return "\n".join(lines)


def _name_outputs(outputs: str) -> str:
    # A class set that has no name is stored under a hash of its classes.
    return "the split's own classes" if outputs.startswith("classes-") else outputs


def _format_pair(pair: PairComparison, max_groups: int) -> list[str]:
    from imagenet_g.benchmark.statistics.paired import describe_verdict, format_bounds

    test, difference = pair.mcnemar, pair.difference
    kappa = "undefined" if pair.kappa is None else f"{pair.kappa:.3f}"
    lines = [
        f"{pair.first} less {pair.second}: {describe_verdict(difference, pair.first, pair.second)}",
        f"  difference {100 * difference.value:+.2f} points, {100 * difference.confidence:.4g} % interval "
        f"{format_bounds(difference)}, clustered by class",
        f"  p = {pair.p_value:.3g}, after Holm's correction over all pairs {difference.p_value:.3g}",
        f"  only the first right {test.only_first}, only the second {test.only_second}; "
        f"McNemar, which takes images as independent: p = {test.p_value:.3g}",
        f"  both right {100 * pair.both_right:.2f} %, both wrong {100 * pair.both_wrong:.2f} %, "
        f"same answer {100 * pair.same_answer:.2f} %, error consistency {kappa}",
    ]
    for name, table in pair.by_group.items():
        lines += _format_groups(name, table, max_groups)
    return lines


def _format_groups(name: str, table: GroupTable, max_groups: int) -> list[str]:
    # All of a few recipes are of interest; of 1000 classes only those that differ at 5 % false discoveries.
    # Holm's correction over 1000 classes is too strict to find those.
    few = len(table.names) <= max_groups
    chosen = [row for row in range(len(table.names)) if (few and name != "class") or table.p_fdr[row] < 0.05]
    chosen = sorted(chosen, key=lambda row: table.p_values[row])[:max_groups]
    found_holm, found_fdr = int((table.p_holm < 0.05).sum()), int((table.p_fdr < 0.05).sum())
    lines = [
        f"  by {name}: {len(table.names)} groups, {found_holm} differ (Holm), "
        f"{found_fdr} differ (5 % false discoveries)"
    ]
    lines += [
        f"    {_name_group(name, table.names[row])}: {100 * table.differences[row]:+.1f} points of "
        f"{table.num_images[row]} images, p {table.p_values[row]:.2g}, Holm {table.p_holm[row]:.2g}, "
        f"false discovery {table.p_fdr[row]:.2g}"
        for row in chosen
    ]
    return lines


def _name_group(name: str, group: str) -> str:
    from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid

    if name != "class":
        return group or "unknown"
    return f"{group} {load_classes()[load_index_by_wnid()[group]].name}"
