"""`imagenet-g filter`: the filtered views of a release, for any other set of images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import add_cache_option, add_data_option, add_sets_option
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.generation.filtering.run import FilterOutcome, FilterRequest


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "set", metavar="SET", help="imagenet-val, another real set, v1/sd-l, folder:PATH: what to filter"
    )
    parser.add_argument(
        "--like",
        required=True,
        metavar="RELEASE[/SPLIT]",
        help="the release whose scorer and views are taken, such as v1",
    )
    parser.add_argument(
        "--scorer",
        action="append",
        default=[],
        metavar="NAME=MODEL",
        help="where the release's scorer is on this machine, such as clip-b32=open_clip:local-dir:DIR; its "
        "weights must be those that the release records; repeatable",
    )
    add_data_option(parser)
    add_sets_option(parser)
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default: %(default)s)"
    )
    parser.add_argument(
        "--workers", type=parse_positive, metavar="N", help="threads that decode images (default: one a core)"
    )
    add_cache_option(parser)


def run(arguments: Namespace) -> int:
    """Score what is not scored yet, and print the views with their sizes."""
    from imagenet_g.benchmark.terminal.progress import ProgressListener
    from imagenet_g.generation.filtering.run import filter_set

    request = make_request(arguments)
    with ProgressListener() as listener:
        outcome = filter_set(
            request,
            on_scorer=lambda name: listener.start_split(name, str(request.ref)),
            on_progress=listener.advance,
            note=listener.say,
        )
    for line in list_lines(outcome):
        print_line(line)
    return 0


def make_request(arguments: Namespace) -> FilterRequest:
    """The request of the command line.

    Raises:
        InputError: A malformed option.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.environment import choose_workers
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.generation.filtering.run import FilterRequest

    sets = load_sets(arguments.sets)
    models = {}
    for pair in arguments.scorer:
        name, separator, model = pair.partition("=")
        if not (name and separator and model):
            raise InputError(f"Malformed --scorer '{pair}'. Use NAME=MODEL, such as clip-b32=open_clip:...")
        models[name] = model
    return FilterRequest(
        ref=parse_split_ref(arguments.set, sets),
        like=arguments.like,
        models=models,
        data=parse_data_pairs(arguments.data, sets),
        device=choose_device(arguments.device),
        workers=arguments.workers or choose_workers(),
        cache=choose_cache_folder(arguments.cache),
    )


def list_lines(outcome: FilterOutcome) -> list[str]:
    """The views with their sizes, and where the scores are."""
    from imagenet_g.benchmark.filters.kept import list_view_counts

    split = outcome.split
    label = outcome.filters.like.replace("/", "-")
    if outcome.path is None:
        names = [name for name in outcome.filters.views if name in split.views]
    else:
        names = [
            name
            for view in outcome.filters.views
            for name in (view, f"{view}-like-{label}")
            if name in split.views
        ]
    total = len(split.rows)
    lines = [
        f"{split.record.ref}:{name}: {count:,} of {total:,} images"
        for name, count in list_view_counts(split, names)
    ]
    if outcome.num_unreadable:
        lines.append(f"{outcome.num_unreadable:,} images cannot be read and are in none of these views.")
    if outcome.path is None:
        lines.append(f"The set has the scores of '{outcome.filters.like}' already; nothing was computed.")
    else:
        lines.append(f"scores kept in {outcome.path}")
    return lines
