"""`imagenet-g adopt`: images that were made elsewhere, as a release like any other."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import add_cache_option
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.generation.adopting.adopt import AdoptRequest
    from imagenet_g.generation.adopting.writing import ReleaseRequest
    from imagenet_g.generation.releases.adopted import AdoptedRecipe, Provenance


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "source", metavar="SOURCE", help="folder, tar, tar.gz, zip, parquet file, or hub:ORG/NAME@REVISION"
    )
    parser.add_argument(
        "--version", required=True, metavar="NAME", help="version of the release, such as gen-1"
    )
    parser.add_argument(
        "--split", required=True, metavar="NAME", help="split of the version that they become"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the release (default: the version's name)"
    )
    _add_layout_options(parser)
    _add_provenance_options(parser)
    add_cache_option(parser)


def _add_layout_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("layout and classes")
    group.add_argument("--layout", choices=("folders", "flat", "webdataset", "parquet"),
                       help="how the images lie (default: seen by the files)")  # fmt: skip
    group.add_argument("--label-file", type=Path, metavar="FILE",
                       help="file with their classes: .csv, .tsv, .jsonl, .json or .txt")  # fmt: skip
    group.add_argument("--file-column", metavar="NAME", help="column of the image, in a table or label file")
    group.add_argument("--label-column", metavar="NAME", help="column of the class")
    group.add_argument("--hub-files", action="append", default=[], metavar="PATTERN",
                       help="files to take from the Hub; repeatable (default: tables, archives)")  # fmt: skip
    group.add_argument(
        "--inside", default="", metavar="FOLDER", help="folder of the source that holds the set"
    )
    group.add_argument("--class-names", choices=("wnid", "name", "number"),
                       help="what names the classes (default: seen by the names)")  # fmt: skip
    group.add_argument("--order", metavar="ORDER",
                       help="what class numbers mean: sorted (0 is n01440764, as timm counts), "
                       "sorted-from-1, or a file with one wnid a line")  # fmt: skip
    group.add_argument("--class-map", type=Path, metavar="FILE",
                       help="CSV with the lines name,wnid, or JSON, for any other names")  # fmt: skip
    group.add_argument("--expect", metavar="CLASSES",
                       help="classes that must be there: all, a class set such as imagenet-100, or found for "
                       "whatever is there")  # fmt: skip
    group.add_argument("--strength-file", type=Path, metavar="FILE",
                       help="CSV or TSV with the columns file_name, strength (a number >= 0), and series for "
                       "images of one scene")  # fmt: skip
    group.add_argument("--leave-out-unreadable", action="store_true",
                       help="adopt the others where some images cannot be decoded")  # fmt: skip


def _add_provenance_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("provenance, for manifest and card")
    group.add_argument("--title", metavar="TEXT", help="what people call the version")
    group.add_argument("--generator", metavar="NAME", help="what drew the images: a repository or a name")
    group.add_argument("--paper", metavar="TEXT", help="paper or page that describes them")
    group.add_argument("--citation", type=Path, metavar="FILE", help="file with BibTeX")
    group.add_argument("--license", "--licence", dest="license", default="unknown", metavar="SPDX",
                       help="licence of the images (default: %(default)s, not published)")  # fmt: skip
    group.add_argument("--notice", metavar="TEXT", help="what a reader must know before quoting a number")


def run(arguments: Namespace) -> int:
    """Adopt, and say what comes next."""
    from imagenet_g.benchmark.terminal.progress import ProgressListener
    from imagenet_g.generation.adopting.adopt import run_adopt

    request = make_request(arguments)
    with ProgressListener() as listener:
        listener.start_split("reading", f"{request.release.version}/{request.release.split}")
        recipe = run_adopt(request, listener.say, listener.advance)
    for line in list_lines(request, recipe):
        print_line(line)
    return 0


def make_request(arguments: Namespace) -> AdoptRequest:
    """The request of the command line.

    Raises:
        InputError: A name is taken or malformed, or a file cannot be read.
    """
    from functools import partial

    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.generation.adopting.adopt import AdoptRequest, make_source_name
    from imagenet_g.generation.adopting.class_files import load_class_map, load_order
    from imagenet_g.generation.adopting.classes import read_listed_classes
    from imagenet_g.generation.adopting.label_files import Columns
    from imagenet_g.generation.adopting.names import validate_names
    from imagenet_g.generation.adopting.sources import HUB_FILES, SourceRequest, open_source

    validate_names(arguments.version, arguments.split)
    source = SourceRequest(
        source=arguments.source,
        layout=arguments.layout,
        inside=arguments.inside,
        label_file=arguments.label_file,
        columns=Columns(arguments.file_column, arguments.label_column),
        hub_files=tuple(arguments.hub_files) or HUB_FILES,
        cache=choose_cache_folder(arguments.cache),
    )
    return AdoptRequest(
        source_name=make_source_name(arguments.source),
        open=partial(open_source, source),
        classes=partial(
            read_listed_classes,
            kind=arguments.class_names,
            order=load_order(arguments.order),
            mapped=load_class_map(arguments.class_map),
        ),
        release=_make_release(arguments),
        provenance=_make_provenance(arguments),
        expected=arguments.expect,
        leave_out_unreadable=arguments.leave_out_unreadable,
        strength_file=arguments.strength_file,
    )


def _make_release(arguments: Namespace) -> ReleaseRequest:
    from imagenet_g.generation.adopting.writing import ReleaseRequest

    return ReleaseRequest(
        out=(arguments.out or Path(arguments.version)).expanduser(),
        version=arguments.version,
        split=arguments.split,
        title=arguments.title,
        license=arguments.license,
        notice=arguments.notice,
    )


def _make_provenance(arguments: Namespace) -> Provenance:
    from imagenet_g.generation.adopting.names import read_citation
    from imagenet_g.generation.releases.adopted import Provenance

    return Provenance(
        generator=arguments.generator,
        paper=arguments.paper,
        citation=read_citation(arguments.citation),
        license=arguments.license,
        spec=None,
    )


def list_lines(request: AdoptRequest, recipe: AdoptedRecipe) -> list[str]:
    """What was adopted, what to know of it, and the next commands."""
    counts, release = recipe.counts, request.release
    ref = f"{release.version}/{release.split}"
    lines = [f"{ref}: {counts.released:,} images; they cannot be remade, and nothing was rendered"]
    if counts.unreadable:
        lines.append(f"{counts.unreadable:,} images cannot be read and are left out")
    if counts.copies:
        lines.append(f"{counts.copies:,} images are copies of another one of their class; they are kept")
    if counts.clashes:
        lines.append(
            f"{counts.clashes:,} images are in several classes with the same pixels: one label is wrong"
        )
    return [
        *lines,
        f"Release: {release.out}",
        f"Next: imagenet-g evaluate --model MODEL --split {ref} --data {release.version}={release.out}",
    ]
