"""`imagenet-g show --per-class`: print the tables, write the CSV files and the pages."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import add_data_option
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.confusions.answers import AnsweredPair
    from imagenet_g.benchmark.confusions.tables import ClassRow, ConfusionRow
    from imagenet_g.benchmark.results import Entry, Result

NUM_SHOWN = 15
NUM_SECTIONS = 20


def add_class_options(parser: ArgumentParser) -> None:
    """Declare the options that ask for classes."""
    group = parser.add_argument_group("class by class, from the stored predictions")
    group.add_argument("--per-class", action="store_true",
                       help="print the classes that lose most, and the answers to blame")  # fmt: skip
    group.add_argument("--split", action="append", default=[], metavar="REF",
                       help="only this split; repeatable (default: all with a gap)")  # fmt: skip
    group.add_argument("--top", type=parse_positive, default=NUM_SHOWN, metavar="N",
                       help="rows of a printed table (default: %(default)s)")  # fmt: skip
    group.add_argument("--csv", type=Path, metavar="DIR",
                       help="write all classes and all wrong answers of each split here")  # fmt: skip
    group.add_argument("--page", type=Path, metavar="DIR",
                       help="write a page of the most confused pairs with their images here")  # fmt: skip
    add_data_option(group)


def asks_for_classes(arguments: Namespace) -> bool:
    """Whether the command line asks for classes; `--csv` and `--page` do, too."""
    return bool(arguments.per_class or arguments.csv or arguments.page)


def show_classes(arguments: Namespace, results: Iterable[tuple[Path, Result]]) -> None:
    """Print and write all that was asked for.

    Args:
        arguments: Of `add_class_options`.
        results: Each with its path.

    Raises:
        DataError: Stored predictions are missing, or are others than those of the result.
        UnknownNameError: A result has no such split.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.confusions.loading import load_pair
    from imagenet_g.benchmark.predictions.result_files import find_result_folder

    data = parse_data_pairs(arguments.data)
    for path, result in results:
        for entry in choose_entries(result, arguments.split):
            pair = load_pair(result, entry, find_result_folder(path), data=data)
            confusions = _show_pair(pair, arguments)
            if arguments.page is not None:
                _write_page(arguments.page, pair, confusions, result, data)


def choose_entries(result: Result, wanted: Iterable[str]) -> tuple[Entry, ...]:
    """The named entries; without a name those with a gap, or all where there is no gap.

    Raises:
        UnknownNameError: The result has no such split.
    """
    by_ref = {entry.split.ref: entry for entry in result.entries}
    names = list(wanted)
    for name in names:
        if name not in by_ref:
            raise UnknownNameError("split", name, by_ref, where=f"of the result of '{result.model.spec}'")
    if names:
        return tuple(by_ref[name] for name in names)
    return tuple(entry for entry in result.entries if entry.gaps) or result.entries


def _show_pair(pair: AnsweredPair, arguments: Namespace) -> tuple[ConfusionRow, ...]:
    from imagenet_g.benchmark.confusions.report import (
        list_class_notes,
        make_class_table,
        make_confusion_table,
    )
    from imagenet_g.benchmark.confusions.tables import tabulate_classes, tabulate_confusions
    from imagenet_g.benchmark.terminal.tables import make_notes, print_shown, stack

    classes, confusions = tabulate_classes(pair), tabulate_confusions(pair)
    print_shown(
        stack(
            make_class_table(pair, classes, top=arguments.top),
            make_confusion_table(pair, confusions, top=arguments.top),
            *make_notes(list_class_notes(pair, classes)),
        )
    )
    if arguments.csv is not None:
        _write_tables(arguments.csv, pair, classes, confusions)
    return confusions


def _write_tables(
    folder: Path, pair: AnsweredPair, classes: Sequence[ClassRow], confusions: Sequence[ConfusionRow]
) -> None:
    from imagenet_g.benchmark.confusions.report import format_classes_csv, format_confusions_csv
    from imagenet_g.benchmark.identity import make_slug
    from imagenet_g.benchmark.storage import write_text

    stem = f"{make_slug(pair.model)}--{make_slug(pair.split)}"
    for kind, text in (
        ("classes", format_classes_csv(classes)),
        ("confusions", format_confusions_csv(confusions)),
    ):
        path = folder / f"{stem}.{kind}.csv"
        write_text(path, text)
        print_line(f"wrote {path}")


def _write_page(
    folder: Path,
    pair: AnsweredPair,
    confusions: Sequence[ConfusionRow],
    result: Result,
    data: Mapping[str, Path],
) -> None:
    from imagenet_g.benchmark.confusions.page import format_page, make_thumbnails
    from imagenet_g.benchmark.identity import make_slug
    from imagenet_g.benchmark.predictions.evidence import load_predicted_split
    from imagenet_g.benchmark.storage import write_text

    records = {entry.split.ref: entry.split for entry in result.entries}
    thumbnails = make_thumbnails(load_predicted_split(records[pair.split], data=data))
    clean = None
    if pair.reference is not None:
        clean = make_thumbnails(load_predicted_split(records[pair.reference], data=data))
    # Confusions that the clean set has as often say nothing of the shift.
    rows = [row for row in confusions if row.added > 0][:NUM_SECTIONS]
    path = folder / f"{make_slug(pair.model)}--{make_slug(pair.split)}.html"
    write_text(path, format_page(pair, rows, thumbnails, clean))
    print_line(f"wrote {path}")
