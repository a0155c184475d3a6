"""`imagenet-g baselines distort` and `fractals`: disturbed images, and pictures to mix into images."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from pydantic import JsonValue

    from imagenet_g.baselines.distorting.networks import NetworkKind
    from imagenet_g.benchmark.records import SplitRecord
    from imagenet_g.benchmark.splits.splits import Split
    from imagenet_g.benchmark.statistics.accuracy import IntArray

_FITTED_ON = 1024
"""Images that a small network is trained on; they are held in memory."""
_SHOWN, _EVERY = 64, 500


def run_distort(arguments: Namespace) -> int:
    """Make a set, or what is missing of it, and print its folder."""
    import torch

    from imagenet_g.baselines.distorting.networks import DisturbedNetwork, find_kind
    from imagenet_g.baselines.distorting.sets import write_distorted
    from imagenet_g.benchmark.checkpoints.contents import load_checkpoint
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.storage import validate_writable

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    kind, device = find_kind(arguments.network), choose_device(arguments.device)
    short_px = arguments.short or kind.short_px
    if not arguments.weights.exists() and arguments.fit is None:
        raise InputError(
            f"'{arguments.weights}' does not exist. Name a checkpoint of {kind.name}, such as the one of "
            "github.com/hendrycks/imagenet-r, or let '--fit 500' train a small one into that file."
        )
    validate_writable(arguments.out)
    split, rows, record = open_images(arguments)
    if not arguments.weights.exists():
        fit_small(arguments, kind, split, rows.tolist(), short_px=short_px, device=device)
    network = DisturbedNetwork(kind, load_checkpoint(arguments.weights), device=device)
    made = write_distorted(
        split,
        rows,
        network,
        arguments.out,
        short_px=short_px,
        seed=arguments.seed,
        settings=describe_settings(arguments, record, short_px=short_px, images=len(rows)),
        say=say,
    )
    say(f"{made} made now")
    print_line(arguments.out)
    return 0


def open_images(arguments: Namespace) -> tuple[Split, IntArray, SplitRecord]:
    """The split, which of its rows are asked for, and its record with its view."""
    import numpy as np

    from imagenet_g.baselines.distorting.sets import choose_rows
    from imagenet_g.benchmark.catalogue.catalogue import load_split, parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.benchmark.splits.views import apply_view

    ref = parse_split_ref(arguments.split)
    split = load_split(ref, data=parse_data_pairs(arguments.data), cache=choose_cache_folder(arguments.cache))
    rows: IntArray = np.arange(len(split.rows))
    record = split.record
    if ref.view is not None:
        rows, _, record = apply_view(split, ref.view)
    if arguments.per_class is not None:
        labels = split.rows.labels[rows, 0]
        rows = choose_rows(labels, rows, per_class=arguments.per_class, seed=arguments.seed)
    return split, rows, record


def describe_settings(
    arguments: Namespace, record: SplitRecord, *, short_px: int, images: int
) -> dict[str, JsonValue]:
    """What decides the images of a set."""
    from imagenet_g.baselines.distorting.sets import CHANGED, QUALITY
    from imagenet_g.benchmark.identity import hash_file

    return {
        "schema_version": 1,
        "network": arguments.network,
        # By content: where the file lies decides nothing.
        "weights_sha256": hash_file(arguments.weights),
        "source": record.ref,
        "source_sha256": record.content_sha256,
        "images": images,
        "per_class": arguments.per_class,
        "short_px": short_px,
        "seed": arguments.seed,
        "new_weights": CHANGED,
        "jpeg_quality": QUALITY,
    }


def fit_small(
    arguments: Namespace, kind: NetworkKind, split: Split, rows: Sequence[int], *, short_px: int, device: str
) -> None:
    """Train a small network on some images of the split, and write its weights where they were looked for."""
    import numpy as np

    from imagenet_g.baselines.distorting.fitting import (
        fit_network,
        make_network,
        require_learnt,
        write_network,
    )
    from imagenet_g.benchmark.splits.readable import load_image

    # Spread over the split, whose images lie class by class.
    chosen = np.random.default_rng(arguments.seed).permutation(np.asarray(rows))[:_FITTED_ON]
    images = [load_image(split, int(row)) for row in chosen]
    module = make_network(kind.name, width=arguments.width, seed=arguments.seed)
    error = fit_network(
        module, images, short_px=short_px, steps=arguments.fit, seed=arguments.seed, device=device, say=say
    )
    # Before its file is there: the next call would take it for weights that were given.
    require_learnt(error, images)
    write_network(module, Path(arguments.weights))


def say(text: str) -> None:
    """A line of progress on stderr."""
    # Not stdout, which holds the folder of the set and may be piped.
    print_line(text, error=True)


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
