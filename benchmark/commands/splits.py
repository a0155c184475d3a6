"""`imagenet-g splits`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import add_data_option, add_sets_option
from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imagenet_g.benchmark.catalogue.listing import SplitListing
    from imagenet_g.benchmark.terminal.tables import NameTable


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    add_data_option(parser)
    add_sets_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: Namespace) -> int:
    """List every known split and where it is."""
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.catalogue.listing import list_splits
    from imagenet_g.benchmark.classes import CLASS_SET_NAMES
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.terminal.tables import print_shown

    sets = load_sets(arguments.sets)
    listings = list_splits(parse_data_pairs(arguments.data, sets), sets)
    if arguments.json:
        print_block(format_json(listings))
        return 0
    print_shown(make_table(listings))
    print_block(
        "Views by class go with any split: append one of "
        f"{', '.join(f':{name}' for name in CLASS_SET_NAMES)}.\n"
        "Any folder whose sub-folders are named by wnid: folder:PATH. "
        "A local copy: --data NAME=PATH. Sets of your own: --sets FILE."
    )
    return 0


def format_json(listings: Iterable[SplitListing]) -> str:
    """The listing as a JSON array, one object a split; null where a thing is unknown."""
    import json
    from dataclasses import asdict

    rows = [{**asdict(listing), "on_hand": listing.on_hand} for listing in listings]
    return json.dumps(rows, indent=2)


def make_table(listings: Iterable[SplitListing]) -> NameTable:
    """The listing as a table; what can be opened without a network is bold."""
    from imagenet_g.benchmark.terminal.tables import NameTable

    headings = ("split", "images", "classes", "where", "views")
    table = NameTable(headings, title="Splits", right=("images", "classes"))
    for listing in listings:
        location = "" if listing.location is None else f" {listing.location}"
        superseded = "" if listing.superseded is None else f"; {listing.superseded.rstrip('.')}"
        table.add_row(
            listing.ref,
            _format_count(listing.num_images),
            _format_count(listing.num_classes),
            f"{listing.status}{location}{superseded}",
            ", ".join(f":{view}" for view in listing.views),
            style="bold" if listing.on_hand else None,
        )
    return table


def _format_count(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
