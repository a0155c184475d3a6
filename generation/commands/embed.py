"""`imagenet-g lab embed`: copy built splits into the edition that ships inside the package."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of a built release")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="release that takes the splits"
    )


def run(arguments: Namespace) -> int:
    """Copy the splits and print their sizes."""
    from imagenet_g.generation.edition.embed import embed_splits

    manifest = embed_splits(arguments.release, arguments.out)
    sizes = {name: sum(file.num_bytes for file in split.files) for name, split in manifest.splits.items()}
    for name, size in sizes.items():
        print_line(f"{name}: {size / 1e6:.1f} MB")
    return 0
