"""`imagenet-g inspect`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from imagenet_g.benchmark.terminal.text import print_block, print_line


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("image_id", metavar="IMAGE_ID", help="identity of an image, 16 hex digits")
    parser.add_argument("--release", type=Path, required=True, metavar="DIR", help="folder of the release")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the image there")


def run(arguments: Namespace) -> int:
    """Print everything known about one image."""
    from imagenet_g.benchmark.errors import DataError
    from imagenet_g.benchmark.storage import write_bytes
    from imagenet_g.generation.verifying.inspect_image import format_image, load_image

    found = load_image(arguments.release, arguments.image_id)
    print_block(format_image(found, arguments.release))
    if arguments.save is not None:
        data = found.row["image"]
        if not isinstance(data, bytes):
            raise DataError(f"Image '{arguments.image_id}' has no bytes.")
        write_bytes(arguments.save, data)
        print_line(f"Written: {arguments.save}")
    return 0
