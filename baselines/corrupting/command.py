"""`imagenet-g baselines corrupt`: a split under the corruptions of ImageNet-C, as a release."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive, parse_seed
from imagenet_g.benchmark.commands.options import add_cache_option, add_data_option
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from pydantic import JsonValue

    from imagenet_g.baselines.corrupting.release import CorruptedRelease
    from imagenet_g.benchmark.statistics.accuracy import IntArray

RECORD = "corrupting.json"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("split", metavar="REF", help="the images, such as mini/real or imagenet-val")
    parser.add_argument("--severity", type=int, choices=(1, 2, 3, 4, 5), required=True, help="1 to 5")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR",
                        help="folder of the release; the same command resumes a stopped one")  # fmt: skip
    parser.add_argument(
        "--kind", action="append", default=[], metavar="K", help="only this corruption; repeatable"
    )
    parser.add_argument("--version", metavar="NAME",
                        help="what the release is called (default: the name of its folder)")  # fmt: skip
    parser.add_argument("--short", type=parse_positive, metavar="PX",
                        help="corrupt images at this short side; the strengths are for 224 "
                        "(default: the size that each has)")  # fmt: skip
    parser.add_argument("--quality", type=parse_positive, metavar="N",
                        help="store JPEGs; ImageNet-C has 85 (default: PNG, without loss)")  # fmt: skip
    parser.add_argument("--seed", type=parse_seed, default=0, metavar="N", help="default: %(default)s")
    add_data_option(parser)
    add_cache_option(parser)


def run(arguments: Namespace) -> int:
    """Make a release, or what is missing of it, and print its folder."""
    from imagenet_g.baselines.corrupting.images import check_images
    from imagenet_g.baselines.corrupting.kinds import choose_kinds, load_library
    from imagenet_g.baselines.corrupting.release import MADE_WITH, require_same, write_corrupted
    from imagenet_g.baselines.distorting.sets import begin_set
    from imagenet_g.benchmark.environment import list_versions
    from imagenet_g.benchmark.storage import validate_writable

    kinds, library = choose_kinds(arguments.kind), load_library()
    release = open_release(arguments)
    validate_writable(release.folder)
    # The record of a set names what differs; a published one comes without it.
    if not (release.folder / RECORD).exists():
        require_same(release)
    check_images(release.source, release.rows, release.settings.short_px, say)
    # With the versions of libraries: half of a set would else be made by others.
    versions: dict[str, JsonValue] = {**list_versions(MADE_WITH)}
    settings: dict[str, JsonValue] = {
        "schema_version": 1,
        "version": release.version,
        "made_with": versions,
        **release.describe(),
    }
    begin_set(release.folder, settings, name=RECORD)
    made = write_corrupted(release, kinds, library, say)
    say(f"{len(kinds)} corruptions of {len(release.rows)} images; {made} images made now")
    print_line(release.folder)
    return 0


def open_release(arguments: Namespace) -> CorruptedRelease:
    """What is to be made, its source open.

    Raises:
        ImagenetGError: The source cannot be opened, or an option is wrong.
    """
    import numpy as np

    from imagenet_g.baselines.corrupting.images import CorruptionSettings, validate_settings
    from imagenet_g.baselines.corrupting.release import CorruptedRelease
    from imagenet_g.benchmark.catalogue.catalogue import find_release, load_split, parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.splits.manifests import load_manifest
    from imagenet_g.benchmark.splits.references import parse_split_ref
    from imagenet_g.benchmark.splits.views import apply_view

    settings = CorruptionSettings(
        severity=arguments.severity,
        seed=arguments.seed,
        short_px=arguments.short,
        quality=arguments.quality,
    )
    validate_settings(settings)
    folder = arguments.out.expanduser()
    version = choose_version(arguments.version, folder)
    ref = parse_split_ref(arguments.split)
    data, cache = parse_data_pairs(arguments.data), choose_cache_folder(arguments.cache)
    split = load_split(ref, data=data, cache=cache)
    rows: IntArray = np.arange(len(split.rows))
    record = split.record
    if ref.view is not None:
        rows, _, record = apply_view(split, ref.view)
    is_version = ref.kind == "version"
    return CorruptedRelease(
        folder=folder,
        version=version,
        license=load_manifest(find_release(ref, data, cache=cache)).license if is_version else "unknown",
        source=split,
        record=record,
        rows=rows,
        settings=settings,
    )


def choose_version(wanted: str | None, folder: Path) -> str:
    """What a release is called.

    Raises:
        InputError: References could not name it, or it is the name of something else.

    Example:
        >>> choose_version(None, Path("sets/my-c"))
        'my-c'
    """
    from imagenet_g.benchmark.splits.real_set_files import load_real_sets
    from imagenet_g.benchmark.splits.real_set_specs import NAME_PATTERN
    from imagenet_g.benchmark.splits.registry import load_versions

    name = folder.resolve().name if wanted is None else wanted
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(
            f"'{name}' cannot be the name of a version. Give --version NAME with lower-case letters, digits, "
            "dots, dashes and underscores, such as mini-c."
        )
    if name in load_versions() or name in {known.split("/")[0] for known in load_real_sets()}:
        raise InputError(
            f"'{name}' is the name of a known version or set. Give --version NAME, such as 'my-{name}'."
        )
    return name


def say(text: str) -> None:
    """A line of progress on stderr."""
    # Not stdout, which holds the folder of the release and may be piped.
    print_line(text, error=True)
