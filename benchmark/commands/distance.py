"""`imagenet-g distance`: how far a split lies from a reference, by CLIP."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import (
    add_cache_option,
    add_data_option,
    add_inference_options,
    add_sets_option,
)
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.distances.results import DistanceReport
    from imagenet_g.benchmark.distances.run import DistanceRequest, MeasuredClip


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options, in the groups that `--help` shows."""
    _add_set_arguments(parser)
    _add_choice_arguments(parser)
    add_inference_options(parser.add_argument_group("inference"))
    _add_file_arguments(parser)
    _add_plot_arguments(parser)


def _add_set_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("images and models")
    group.add_argument(
        "--split", required=True, metavar="REF", help="what to measure: v1/ood, v1/sd-l:clip-filtered, ..."
    )
    group.add_argument(
        "--reference",
        required=True,
        metavar="REF",
        help="what to measure from: imagenet-val, mini/renditions, folder:PATH, any split",
    )
    group.add_argument(
        "--clip",
        action="append",
        metavar="SPEC",
        help="open_clip:ARCH/PRETRAINED; repeatable, and two are better than one "
        "(default: up to two whose weights are on this machine)",
    )
    add_data_option(group)
    add_sets_option(group)


def _add_choice_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what is compared")
    group.add_argument(
        "--class",
        dest="wnids",
        action="append",
        metavar="WNID",
        help="compare only this class; repeatable (default: every class both sides have)",
    )
    group.add_argument(
        "--per-class",
        type=parse_positive,
        metavar="N",
        help="at most N images a class on each side, spread evenly (the paper takes 128 for its means)",
    )
    group.add_argument(
        "--components",
        type=parse_positive,
        default=64,
        metavar="K",
        help="dimensions of the Mahalanobis distance (default: %(default)s, as in the paper)",
    )
    group.add_argument(
        "--protocol",
        choices=("ours", "paper"),
        default="ours",
        help="Mahalanobis distance: ours (shrunk, reference images held out) or the paper's (neither: its "
        "reference figure follows from the number of images alone)",
    )
    group.add_argument(
        "--show",
        type=int,
        default=5,
        metavar="N",
        help="list the N farthest and N nearest classes (default: %(default)s)",
    )


def _add_file_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--out",
        type=Path,
        default=Path("distance.json"),
        metavar="FILE",
        help="the report as JSON (default: %(default)s)",
    )
    group.add_argument("--csv", type=Path, metavar="FILE", help="also a table with a row a class")
    add_cache_option(group)


def _add_plot_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("plots")
    group.add_argument(
        "--plots",
        type=Path,
        metavar="DIR",
        help="also figures: PCA plots and the reduction of every class (needs imagenet-g[plots])",
    )
    group.add_argument(
        "--plot-class",
        action="append",
        metavar="WNID",
        help="class of a PCA plot; repeatable (default: the farthest, the middle and the nearest)",
    )
    group.add_argument(
        "--plot-format", choices=("png", "pdf", "svg"), default="png", help="(default: %(default)s)"
    )


def run(arguments: Namespace) -> int:
    """Measure, print, write."""
    from imagenet_g.benchmark.distances.report import format_csv, make_report
    from imagenet_g.benchmark.distances.results import write_report
    from imagenet_g.benchmark.distances.run import run_distance
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.benchmark.terminal.progress import ProgressListener
    from imagenet_g.benchmark.terminal.tables import print_shown

    request = make_request(arguments)
    with ProgressListener() as listener:
        report, measured = run_distance(request, listener)
    print_shown(make_report(report, num_shown=max(0, arguments.show)))
    write_report(arguments.out, report)
    written = [arguments.out]
    if arguments.csv is not None:
        write_text(arguments.csv, format_csv(report))
        written.append(arguments.csv)
    if arguments.plots is not None:
        written += _draw(arguments, report, measured)
    for path in written:
        print_line(f"wrote {path}")
    return 0


def make_request(arguments: Namespace) -> DistanceRequest:
    """The request of the command line; everything that can be checked without a model is checked here.

    Raises:
        InputError: A malformed option, or no CLIP is named and no weights are available here.
    """
    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.distances.run import DistanceRequest
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.splits.real_set_files import load_sets
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.benchmark.storage import validate_writable

    # Before the images are embedded, which may take hours.
    validate_writable(arguments.out.parent)
    for wnid in arguments.plot_class or ():
        _find_class(wnid)
    sets = load_sets(arguments.sets)
    wnids = arguments.wnids
    return DistanceRequest(
        split=parse_split_ref(arguments.split, sets),
        reference=parse_split_ref(arguments.reference, sets),
        clips=_choose_clips(arguments.clip),
        data=parse_data_pairs(arguments.data, sets),
        cache=choose_cache_folder(arguments.cache),
        settings=RunSettings(
            device=arguments.device, batch_size=arguments.batch_size, workers=arguments.workers
        ),
        classes=None if wnids is None else tuple(_find_class(wnid) for wnid in wnids),
        per_class=arguments.per_class,
        num_components=arguments.components,
        protocol=arguments.protocol,
    )


def _choose_clips(named: list[str] | None) -> tuple[str, ...]:
    from itertools import islice

    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.models.clip_encoders import list_clips_on_hand

    chosen = tuple(dict.fromkeys(named or islice(list_clips_on_hand(), 2)))
    if not chosen:
        raise InputError(
            "No CLIP is on this machine. Name one or two with --clip, such as open_clip:ViT-B-32/openai "
            "(fetched from the Hub), open_clip:local-dir:PATH or open_clip:packaged:NAME (toys, for mini)."
        )
    return chosen


def _find_class(wnid: str) -> int:
    from imagenet_g.benchmark.classes import load_index_by_wnid
    from imagenet_g.benchmark.errors import UnknownNameError

    known = load_index_by_wnid()
    if wnid not in known:
        raise UnknownNameError("wnid", wnid, known)
    return known[wnid]


def _draw(arguments: Namespace, report: DistanceReport, measured: tuple[MeasuredClip, ...]) -> list[Path]:
    from imagenet_g.benchmark.distances.figures import write_figures

    return list(
        write_figures(
            arguments.plots,
            [(clip.distances, clip.split, clip.reference) for clip in measured],
            names=(report.split.split.ref, report.reference.split.ref),
            wnids=arguments.plot_class,
            kind=arguments.plot_format,
        )
    )
