"""`imagenet-g verify`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.generation.verifying.regeneration import RegenerationSettings
    from imagenet_g.generation.verifying.verify import VerifyReport


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of a release")
    parser.add_argument("--split", action="append", default=[], metavar="NAME",
                        help="only this split; repeatable (default: all)")  # fmt: skip
    parser.add_argument("--hashes-only", action="store_true", help="hash the files and render nothing")
    parser.add_argument("--batches", type=parse_positive, metavar="N",
                        help="render only N batches of the probe (default: all)")  # fmt: skip
    parser.add_argument("--judge", metavar="MODEL",
                        help="model that decides R2 where images are far apart, such as timm:resnet50; an "
                        "open_clip one also measures features")  # fmt: skip
    parser.add_argument("--image", metavar="ID", help="render one image instead, with its whole batch")
    parser.add_argument("--save", type=Path, metavar="FILE", help="where to write the image of --image")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    add_regeneration_arguments(parser)


def add_regeneration_arguments(parser: ArgumentParser) -> None:
    """Declare the options of rendering again."""
    group = parser.add_argument_group("rendering again")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    group.add_argument("--batch-size", type=parse_positive, metavar="N",
                       help="another batch size than the recipe's, to see what it changes")  # fmt: skip
    group.add_argument("--pipeline", action="append", type=Path, default=[], metavar="PATH",
                       help="local pipeline, CLIP or means of the release; repeatable")  # fmt: skip
    group.add_argument("--sources", metavar="REF", help="where source images are here, such as folder:PATH")
    group.add_argument("--data", action="append", metavar="NAME=PATH", default=[],
                       help="a local copy of a real set; repeatable")  # fmt: skip
    group.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")


def run(arguments: Namespace) -> int:
    """Verify and print.

    Returns:
        0 when all files are undamaged, 1 when one is damaged.

    Raises:
        InputError: The files are undamaged, and nothing could be rendered for a reason the user can change.
    """
    settings = make_settings(arguments)
    if arguments.image is not None:
        return _remake(arguments, settings)
    if arguments.save is not None:
        raise InputError("--save needs --image ID.")
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.verifying.verify import VerifyRequest, run_verify

    report = run_verify(
        VerifyRequest(
            release=arguments.release,
            splits=tuple(arguments.split),
            settings=settings,
            num_batches=0 if arguments.hashes_only else arguments.batches,
            judge=arguments.judge,
        ),
        print,
    )
    _print_report(report, arguments.release)
    if arguments.json is not None:
        write_text(arguments.json, report.model_dump_json(indent=2) + "\n")
    # Not by the level: another GPU gives other last bits, and that is no fault of the files.
    if report.damaged:
        return 1
    if report.nothing_remade:
        raise InputError(_explain_nothing_remade(report))
    return 0


def make_settings(arguments: Namespace) -> RegenerationSettings:
    """How to render again, from the options above.

    Raises:
        InputError: A --pipeline that is not there, or malformed --data.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.generation.verifying.regeneration import RegenerationSettings

    for place in arguments.pipeline:
        if not place.exists():
            raise InputError(f"--pipeline '{place}' does not exist.")
    return RegenerationSettings(
        device=arguments.device,
        pipelines=tuple(arguments.pipeline),
        sources=arguments.sources,
        data=parse_data_pairs(arguments.data),
        cache=choose_cache_folder(arguments.cache),
        batch_size=arguments.batch_size,
    )


def _print_report(report: VerifyReport, release: Path) -> None:
    for path, reason in report.damaged.items():
        print_line(f"DAMAGED  {path}: {reason}")
    if report.damaged:
        print_line(f"Fetch these files again, or run the build with --out {release} again to restore them.")
    for split in report.splits:
        if split.blocked and report.nothing_remade and not report.damaged:
            # The error message gives its reason.
            continue
        print_line(f"{split.split}: {split.level}: {split.reason}")
        if split.distance is not None and split.level != "R0":
            distance = split.distance
            print_line(
                f"  {distance.num_identical} of {distance.num_images} images identical; "
                f"{100 * distance.share_of_values_changed:.3f} % of values changed, "
                f"mean {distance.mean_levels:.5f} and at most {distance.max_levels} of 255 levels"
            )
        if split.judge is not None and split.judge.feature_cosine is not None:
            print_line(f"  mean cosine of CLIP features: {split.judge.feature_cosine:.5f}")
        if split.level != "R0":
            for line in split.runtime_differs:
                print_line(f"  differs  {line}")


def _explain_nothing_remade(report: VerifyReport) -> str:
    """One sentence for each reason, with the splits it holds for."""
    splits: dict[str, list[str]] = {}
    for split in report.splits:
        if split.blocked:
            splits.setdefault(split.reason.removeprefix("not remade: "), []).append(split.split)
    reasons = " ".join(f"{', '.join(names)}: {reason}" for reason, names in splits.items())
    return f"The files match, but no probe could be rendered again. {reasons}"


def _remake(arguments: Namespace, settings: RegenerationSettings) -> int:
    from imagenet_g.benchmark.storage import write_bytes
    from imagenet_g.generation.verifying.levels import compute_distance, decide_level
    from imagenet_g.generation.verifying.verify import remake_image

    released, remade = remake_image(arguments.release, arguments.image, settings)
    # Another batch size alone gives other last bits, which are no fault of the images.
    same = settings.batch_size is None
    level, reason = decide_level(compute_distance([released], [remade]), None, same_batch_size=same)
    print_line(f"{arguments.image}: {level}: {reason}")
    data = remade["image"]
    if arguments.save is not None and isinstance(data, bytes):
        write_bytes(arguments.save, data)
        print_line(f"Written: {arguments.save}")
    return 0
