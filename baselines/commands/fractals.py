"""`imagenet-g baselines fractals`: a folder of fractals, to be mixed into images while a model learns."""

from __future__ import annotations

from argparse import Namespace

from imagenet_g.benchmark.terminal.text import print_line

_SHOWN = 64
_EVERY = 500


def run_fractals(arguments: Namespace) -> int:
    """Draw what is missing of a set of fractals, and a sheet of its first pictures where one is asked for."""
    from imagenet_g.baselines.fractals.pictures import FractalPictures, make_sheet
    from imagenet_g.benchmark.storage import replace_file, validate_writable

    # The seed and the size are a folder of their own: pictures of two seeds would count as one larger set.
    folder = arguments.out / f"seed-{arguments.seed}-{arguments.size}px"
    validate_writable(folder)
    pictures = FractalPictures(arguments.number, arguments.size, arguments.seed, folder)
    first = []
    for number in range(len(pictures)):
        picture = pictures.read(number)
        if number < _SHOWN:
            first.append(picture)
        if (number + 1) % _EVERY == 0:
            print_line(f"{number + 1} of {len(pictures)} fractals", error=True)
    if arguments.sheet is not None:
        with replace_file(arguments.sheet) as temporary:
            make_sheet(first, side_px=min(arguments.size, 128)).save(temporary, format="png")
    print_line(folder)
    return 0
