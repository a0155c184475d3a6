"""`imagenet-g gallery`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of a release")
    parser.add_argument("--split", action="append", default=[], metavar="NAME",
                        help="only this split; repeatable (default: all)")  # fmt: skip
    parser.add_argument("--classes", type=parse_positive, default=20, metavar="N",
                        help="how many classes, spread evenly (default: %(default)s)")  # fmt: skip
    parser.add_argument("--per-class", type=parse_positive, default=4, metavar="N",
                        help="images of each class and split (default: %(default)s)")  # fmt: skip
    parser.add_argument("--size", type=parse_positive, default=96, metavar="PX",
                        help="side of a thumbnail (default: %(default)s)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("gallery"), metavar="DIR",
                        help="folder for gallery.png and gallery.html (default: %(default)s)")  # fmt: skip


def run(arguments: Namespace) -> int:
    """Write the sheet and print its path."""
    from imagenet_g.generation.releases.gallery import load_sheet, write_gallery

    sheet = load_sheet(
        arguments.release,
        arguments.split,
        num_classes=arguments.classes,
        per_class=arguments.per_class,
        size_px=arguments.size,
    )
    for path in write_gallery(arguments.out, sheet):
        print_line(f"Written: {path}")
    return 0
