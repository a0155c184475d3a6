"""`imagenet-g versions`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from imagenet_g.benchmark.splits.registry import KnownVersion
    from imagenet_g.benchmark.terminal.tables import NameTable


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(arguments: Namespace) -> int:
    """List the registry of versions."""
    import json

    from imagenet_g.benchmark.splits.registry import load_versions
    from imagenet_g.benchmark.terminal.tables import print_shown

    versions = load_versions().values()
    if arguments.json:
        print_block(json.dumps([spec.model_dump(mode="json") for spec in versions], indent=2))
        return 0
    print_shown(make_table(versions))
    return 0


def make_table(versions: Iterable[KnownVersion]) -> NameTable:
    """One row a version; where a fact is absent, the cell names that."""
    from imagenet_g.benchmark.terminal.tables import NameTable

    headings = (
        "version",
        "splits",
        "run by default",
        "generators",
        "where",
        "tag",
        "commit",
        "manifest",
        "released",
    )
    table = NameTable(headings, title="Versions, oldest first")
    for spec in versions:
        where = "inside the package" if spec.embedded else "not published"
        found = spec.published
        facts = (
            (where, "", "", "", "")
            if found is None
            else (found.repo, found.tag, found.commit, found.manifest_sha256[:12], str(found.released))
        )
        name = _add_successor(spec.name, spec.superseded_by)
        splits = [_add_successor(split, spec.superseded_splits.get(split)) for split in spec.splits]
        defaults = f"{', '.join(spec.default_splits or ['all'])} against {spec.default_reference}"
        table.add_row(name, ", ".join(splits), defaults, ", ".join(spec.generators) or "none", *facts)
    return table


def _add_successor(name: str, successor: str | None) -> str:
    return name if successor is None else f"{name} (use {successor})"
