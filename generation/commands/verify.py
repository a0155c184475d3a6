"""`imagenet-g verify`."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line
from imagenet_g.generation.building.machine import add_machine_arguments, read_machine

if TYPE_CHECKING:
    from imagenet_g.generation.verifying.levels import SplitVerification
    from imagenet_g.generation.verifying.pixels import Advance
    from imagenet_g.generation.verifying.regeneration import RegenerationSettings
    from imagenet_g.generation.verifying.verify import VerifyReport, VerifyRequest

MAX_SEED = 2**32


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("release", type=Path, metavar="RELEASE", help="folder of a release")
    parser.add_argument("--split", action="append", default=[], metavar="NAME",
                        help="only this split; repeatable (default: all)")  # fmt: skip
    parser.add_argument("--hashes-only", action="store_true",
                        help="hash the files, and neither open nor render anything")  # fmt: skip
    parser.add_argument("--expect", choices=("R0", "R1", "R2"),
                        help="level that every split must reach, or the exit code is 1 (default: what the "
                        "manifest claims: R0 on a machine like the builder's, R1 on another)")  # fmt: skip
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--batches", type=parse_positive, metavar="N",
                        help="render only N batches of the probe, and draw none (default: all)")  # fmt: skip
    amount.add_argument("--all", action="store_true", dest="everything",
                        help="render every image and compute every score again")  # fmt: skip
    parser.add_argument("--draw", type=_parse_whole, metavar="N",
                        help="render N batches more, drawn outside the probe (default: 1; 0 with "
                        "--batches)")  # fmt: skip
    parser.add_argument("--draw-seed", type=_parse_whole, metavar="SEED",
                        help="seed of what is drawn (default: another one each time)")  # fmt: skip
    parser.add_argument("--judge", metavar="MODEL",
                        help="model that decides R2 where images are far apart: an open_clip one, which has "
                        "features, such as open_clip:ViT-B-32/openai")  # fmt: skip
    parser.add_argument("--allowed-signers", type=Path, metavar="FILE",
                        help="require an SSH signature over the manifest by one of these signers (a file as "
                        "ssh-keygen has it)")  # fmt: skip
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
    add_machine_arguments(parser)


def run(arguments: Namespace) -> int:
    """Verify and print.

    Returns:
        0 when the release is as recorded and every split reaches its level, else 1.

    Raises:
        InputError: The release is as recorded, and nothing could be rendered for a reason that the user can
            change.
    """
    settings = make_settings(arguments)
    if arguments.image is not None:
        return _remake(arguments, settings)
    if arguments.save is not None:
        raise InputError("--save needs --image ID.")
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.verifying.verify import run_verify

    report = run_verify(_make_request(arguments, settings), TerminalListener())
    _print_report(report, arguments.release)
    if arguments.json is not None:
        write_text(arguments.json, report.model_dump_json(indent=2) + "\n")
    if report.damaged:
        return 1
    if report.nothing_remade:
        raise InputError(_explain_nothing_remade(report))
    return 1 if report.missed else 0


class TerminalListener:
    """Prints lines, and shows a bar for each pass over the images of a split."""

    def say(self, text: str) -> None:
        """Print a line."""
        print_line(text)

    @contextmanager
    def track(self, title: str, split: str) -> Iterator[Advance]:
        """A bar on a terminal."""
        from imagenet_g.benchmark.terminal.progress import ProgressListener

        # In a file of errors a finished bar would stand before the one line that matters.
        if not sys.stderr.isatty():
            yield lambda done, total: None
            return
        with ProgressListener() as bars:
            bars.start_split(title, split)
            yield bars.advance


def _parse_whole(text: str) -> int:
    if not text.isdecimal() or int(text[:11]) >= MAX_SEED:
        raise ArgumentTypeError(f"'{text}' is not a whole number from 0 to {MAX_SEED - 1}")
    return int(text)


def _make_request(arguments: Namespace, settings: RegenerationSettings) -> VerifyRequest:
    from secrets import randbelow

    from imagenet_g.generation.verifying.verify import VerifyRequest

    drawn = arguments.draw
    if arguments.everything and drawn is not None:
        raise InputError("--all renders every batch; leave out --draw.")
    if drawn is None and not arguments.everything:
        drawn = 1 if arguments.batches is None else 0
    # Nobody who changes an image can know what will be drawn.
    seed = randbelow(MAX_SEED) if arguments.draw_seed is None else arguments.draw_seed
    return VerifyRequest(
        release=arguments.release,
        splits=tuple(arguments.split),
        settings=settings,
        hashes_only=arguments.hashes_only,
        num_batches=arguments.batches,
        num_drawn=drawn,
        seed=seed,
        judge=arguments.judge,
        expect=arguments.expect,
        allowed_signers=arguments.allowed_signers,
    )


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
        machine=read_machine(arguments),
    )


def _print_report(report: VerifyReport, release: Path) -> None:
    if report.signer is not None:
        print_line(f"signed by {report.signer}")
    for path, reason in report.damaged.items():
        print_line(f"DAMAGED  {path}: {reason}")
    if report.damaged:
        print_line(f"Fetch these files again, or run the build with --out {release} again to restore them.")
    for split in report.splits:
        if split.blocked and report.nothing_remade and not report.damaged:
            # The error message gives its reason.
            continue
        print_line(f"{split.split}: {split.level}: {split.reason}")
        _print_details(split)
    if not (report.nothing_remade and not report.damaged):
        for split in report.missed:
            print_line(
                f"NOT REACHED  {split.split}: {split.expected} was expected, the level is {split.level}. "
                "'--expect' sets the level to reach."
            )


def _print_details(split: SplitVerification) -> None:
    if split.distance is not None and split.level != "R0":
        distance = split.distance
        print_line(
            f"  {distance.num_identical} of {distance.num_images} images identical; "
            f"{100 * distance.share_of_values_changed:.3f} % of values changed, "
            f"mean {distance.mean_levels:.5f} and at most {distance.max_levels} of 255 levels"
        )
    if split.judge is not None and split.judge.features is not None:
        print_line(f"  mean cosine of features: {split.judge.features.cosine:.5f}")
    for note in split.notes:
        print_line(f"  {note}")
    if split.chances is not None:
        print_line(f"  {_format_chances(split)}")
    if split.level != "R0":
        for line in split.runtime_differs:
            print_line(f"  differs  {line}")


def _format_chances(split: SplitVerification) -> str:
    chances = split.chances
    if chances is None:
        return ""
    if chances.missed == 0:
        return f"all {chances.num_released} images were rendered again"
    drawn = (
        f", {chances.num_drawn} of them drawn (--draw-seed {chances.draw_seed})" if chances.num_drawn else ""
    )
    return (
        f"{chances.num_rendered} of {chances.num_released} images were rendered again{drawn}; one changed "
        f"image elsewhere whose hashes were redone is missed with a chance of {100 * chances.missed:.1f} % "
        "(--all, or a signature, finds it)"
    )


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
