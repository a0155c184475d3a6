"""`imagenet-g adopt`: images that were made elsewhere, as a release like any other."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.options import add_cache_option, add_data_option
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.benchmark.terminal.progress import ProgressListener
    from imagenet_g.generation.adopting.adopt import AdoptRequest
    from imagenet_g.generation.adopting.specs import AdoptionSpec
    from imagenet_g.generation.releases.adopted import AdoptedRecipe

DEFAULT_DISTANCE = 4


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="folder, tar, tar.gz, zip, parquet file, or hub:ORG/NAME@REVISION; without it: list the "
        "published sets that --spec knows, and how to get them",
    )
    parser.add_argument("--spec", metavar="NAME", help="follow an adoption spec, or a .toml file of your own")
    parser.add_argument("--version", metavar="NAME", help="version of the release, such as gen-1")
    parser.add_argument("--split", metavar="NAME", help="split of the version that the images become")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the release (default: the version's name)"
    )
    _add_layout_options(parser)
    _add_class_options(parser)
    _add_provenance_options(parser)
    _add_near_options(parser)
    add_cache_option(parser)


def _add_layout_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("layout")
    group.add_argument("--layout", choices=("folders", "flat", "webdataset", "parquet"),
                       help="how the images lie (default: seen by the files)")  # fmt: skip
    group.add_argument("--inside", default="", metavar="FOLDER", help="folder of the source with the set")
    group.add_argument("--path", metavar="TEMPLATE",
                       help="where a path names the class, such as 'val/{class}_*'; it may have {strength} "
                       "and {series}")  # fmt: skip
    group.add_argument("--label-file", type=Path, metavar="FILE",
                       help="file with their classes: .csv, .tsv, .jsonl, .json or .txt")  # fmt: skip
    group.add_argument("--file-column", metavar="NAME", help="column of the image, in a table or label file")
    group.add_argument("--label-column", metavar="NAME", help="column of the class")
    group.add_argument("--hub-files", action="append", default=[], metavar="PATTERN",
                       help="files to take from the Hub; repeatable (default: tables, archives)")  # fmt: skip
    group.add_argument("--strength-file", type=Path, metavar="FILE",
                       help="CSV or TSV with the columns file_name, strength (a number >= 0), and series for "
                       "images of one scene")  # fmt: skip
    group.add_argument("--leave-out-unreadable", action="store_true",
                       help="adopt the others where some images cannot be decoded")  # fmt: skip


def _add_class_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("classes")
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


def _add_provenance_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("provenance, for manifest and card")
    group.add_argument("--title", metavar="TEXT", help="what people call the version")
    group.add_argument("--generator", metavar="NAME", help="what drew the images: a repository or a name")
    group.add_argument("--paper", metavar="TEXT", help="paper or page that describes them")
    group.add_argument("--citation", type=Path, metavar="FILE", help="file with BibTeX")
    group.add_argument("--license", "--licence", dest="license", metavar="SPDX",
                       help="licence of the images (default: unknown; such a set is not "
                            "published)")  # fmt: skip
    group.add_argument("--notice", metavar="TEXT", help="what a reader must know before quoting a number")


def _add_near_options(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("near-duplicates, by a perceptual hash of 64 bits")
    group.add_argument("--near-duplicates", nargs="?", type=int, const=DEFAULT_DISTANCE, metavar="BITS",
                       help="find images that look alike: at most so many bits differ "
                       f"(default: {DEFAULT_DISTANCE})")  # fmt: skip
    group.add_argument("--against", metavar="SPLIT",
                       help="compare with a split as well, such as imagenet-val or folder:PATH")  # fmt: skip
    group.add_argument("--drop-near-duplicates", action="store_true", help="leave them out of the release")
    add_data_option(group)


def run(arguments: Namespace) -> int:
    """Adopt, and say what comes next; without a source, list the specs."""
    from imagenet_g.benchmark.terminal.progress import ProgressListener
    from imagenet_g.generation.adopting.adopt import run_adopt
    from imagenet_g.generation.adopting.specs import list_specs

    if arguments.source is None:
        for spec in list_specs():
            print_block(format_spec(spec))
        return 0
    with ProgressListener() as listener:
        request = make_request(arguments, listener)
        listener.start_split("reading", f"{request.release.version}/{request.release.split}")
        recipe = run_adopt(request, listener.say, listener.advance)
    for line in list_lines(request, recipe):
        print_line(line)
    return 0


def make_request(arguments: Namespace, listener: ProgressListener) -> AdoptRequest:
    """The request of the command line.

    Raises:
        InputError: A name is missing, taken or malformed, or a file cannot be read.
    """
    from imagenet_g.generation.adopting.requests import make_adopt_request
    from imagenet_g.generation.near_duplicates.pairs import MAX_DISTANCE

    wanted = arguments.against is not None or arguments.drop_near_duplicates
    if arguments.near_duplicates is None and wanted:
        arguments.near_duplicates = DEFAULT_DISTANCE
    if arguments.near_duplicates is not None and not 0 <= arguments.near_duplicates <= MAX_DISTANCE:
        raise InputError(
            f"--near-duplicates {arguments.near_duplicates} is outside 0 to {MAX_DISTANCE} bits."
        )
    return make_adopt_request(arguments, listener)


def format_spec(spec: AdoptionSpec) -> str:
    """A spec as the list shows it: its splits, its origin, and how to get the files."""
    splits = ", ".join("any shift's folder" if split.name == "*" else split.name for split in spec.split)
    return (
        f"{spec.name}: {spec.title}\n  splits   {splits}\n  paper    {spec.paper}\n  home     {spec.home}\n"
        f"  licence  {spec.license}\n  get      {' '.join(spec.get.split())}\n"
        f"  checked  {' '.join(spec.checked.split())}\n"
    )


def list_lines(request: AdoptRequest, recipe: AdoptedRecipe) -> list[str]:
    """What was adopted, what to know of it, and the next commands."""
    from imagenet_g.benchmark.classes import NUM_CLASSES
    from imagenet_g.generation.adopting.adopt import make_report_path

    counts, release = recipe.counts, request.release
    ref = f"{release.version}/{release.split}"
    lines = [f"{ref}: {counts.released:,} images; they cannot be remade, and nothing was rendered"]
    if counts.classes < NUM_CLASSES:
        lines.append(
            f"they cover {counts.classes} of {NUM_CLASSES} classes: models are scored among these, and among "
            "all where a clean set of the same classes is missing"
        )
    if counts.unreadable:
        lines.append(f"{counts.unreadable:,} images cannot be read and are left out")
    if counts.copies:
        lines.append(f"{counts.copies:,} images are copies of another one of their class; they are kept")
    if counts.clashes:
        lines.append(
            f"{counts.clashes:,} images are in several classes with the same pixels: one label is wrong"
        )
    if (near := recipe.near_duplicates) is not None:
        lines.append(
            f"near-duplicates: {near.within:,} images look like another one ({near.other_class:,} of another "
            f"class)"
            + (f", {near.against:,} like one of {near.reference}" if near.reference else "")
            + f"; {'left out' if near.dropped else 'kept'}"
        )
        if near.within or near.against:
            lines.append(f"they are listed in {make_report_path(release)}")
    return [
        *lines,
        f"Release: {release.out}",
        f"Next: imagenet-g evaluate --model MODEL --split {ref} --data {release.version}={release.out}",
    ]
