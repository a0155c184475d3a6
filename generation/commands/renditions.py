"""`imagenet-g lab renditions`: rebuild the embedded split of emoji art."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.terminal.text import print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the release")
    parser.add_argument(
        "--packages",
        type=Path,
        metavar="DIR",
        help="where the npm tarballs are, or are put (default: a temporary folder)",
    )


def run(arguments: Namespace) -> int:
    """Make the release and print what was made."""
    import tempfile

    from imagenet_g.generation.edition.renditions import SPLIT, make_renditions

    with tempfile.TemporaryDirectory() as temporary:
        manifest = make_renditions(arguments.out, arguments.packages or Path(temporary))
    split = manifest.splits[SPLIT]
    size = sum(file.num_bytes for file in split.files) / 1e6
    print_line(
        f"{split.num_images} images of {len(split.class_indices)} classes, {size:.1f} MB, "
        f"in '{arguments.out}'"
    )
    return 0
