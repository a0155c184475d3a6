"""`imagenet-g build`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_block, print_line, print_message
from imagenet_g.generation.building.machine import add_machine_arguments, read_machine
from imagenet_g.generation.sharing.leases import DEFAULT_SECONDS

if TYPE_CHECKING:
    from imagenet_g.generation.building.build import BuildRequest
    from imagenet_g.generation.specs.version import VersionSpec

PIN = "pin"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("spec", nargs="*", metavar="SPEC",
                        help="a shipped version such as v1, or a .toml file; 'pin SPEC' resolves its "
                        "revisions to commits and writes them back; without it, list versions")  # fmt: skip
    parser.add_argument("--split", action="append", metavar="NAME",
                        help="split to build; repeatable (default: all of the version)")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help="release folder; an interrupted build resumes there")  # fmt: skip
    _add_cost_arguments(parser)
    _add_generator_arguments(parser)
    _add_engine_arguments(parser)
    add_machine_arguments(parser)
    parser.add_argument("--no-scores", action="store_true",
                        help="omit the scorers, and the views that need them")  # fmt: skip
    parser.add_argument("--leave-out-failed", action="store_true",
                        help="release without the images that could not be rendered")  # fmt: skip
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for what is kept between runs")


def run(arguments: Namespace) -> int:
    """Build, or pin, or list."""
    words = arguments.spec
    if not words:
        return _list_versions()
    if words[0] == PIN and len(words) == 2:
        return _pin(words[1], arguments)
    if len(words) != 1:
        raise InputError("Give one SPEC, or 'pin SPEC'. For several splits use --split repeatedly.")
    return _build(words[0], arguments)


def _add_generator_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("another generator (builds a private version)")
    group.add_argument("--pipeline", metavar="REPO", help="diffusers repository (org/name@commit) or folder")
    group.add_argument("--generator", metavar="python:MODULE:FACTORY", help="a generator of your own; with "
                       "--from, a family of generators such as sdxl, or a .toml file of one")  # fmt: skip
    group.add_argument("--from", dest="base", metavar="VERSION",
                       help="SPEC is the name of a new version: the splits of this one by --generator; "
                       "'pin SPEC' writes SPEC.toml")  # fmt: skip
    group.add_argument(
        "--sources", metavar="REF", help="split the source images come from, such as imagenet-val"
    )
    group.add_argument("--classes", metavar="SET", help="class set, such as imagenet-100")
    group.add_argument("--images-per-class", type=parse_positive, metavar="N", help="instead of the spec's")
    group.add_argument("--name", metavar="NAME", help="version name of the private build")
    parser.add_argument("--data", action="append", metavar="NAME=PATH", default=[],
                        help="a local copy, such as imagenet-val=/data/val; repeatable")  # fmt: skip
    parser.add_argument("--counts", type=Path, metavar="PATH",
                        help="number of ImageNet's training images of each class, for splits with counts = "
                        "'imagenet-train': meta.mat of the ILSVRC devkit, the folder of the set or a CSV "
                        "(default: the folder of --data imagenet-train)")  # fmt: skip


def _add_cost_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("what it would cost")
    group.add_argument("--dry-run", action="store_true",
                       help="plan, count, estimate GPU hours, days and disk; write nothing")  # fmt: skip
    group.add_argument("--gpu", metavar="NAME",
                       help="estimate for this GPU, such as A100 (default: this machine's, else each that "
                       "is known)")  # fmt: skip
    group.add_argument("--seconds-per-image", type=float, metavar="S",
                       help="time of an image on one worker, in place of every known figure")  # fmt: skip
    group.add_argument(
        "--json", action="store_true", help="print the estimate, or what was measured, as JSON"
    )
    group.add_argument("--calibrate", action="store_true",
                       help="measure some batches, scores and files on this machine and keep the figures for "
                       "later dry runs; builds nothing")  # fmt: skip


def _add_engine_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("where it runs")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: %(default)s)")
    group.add_argument("--engine", choices=("serial", "ray"), default="serial",
                       help="ray: one actor a GPU, or --workers on CPUs (default: %(default)s)")  # fmt: skip
    group.add_argument(
        "--address", metavar="HOST:PORT", help="a running Ray cluster (default: start one here)"
    )
    group.add_argument("--workers", type=parse_positive, metavar="N",
                       help="Ray actors (default: one a GPU, else one); of a dry run, machines")  # fmt: skip
    group.add_argument("--cpus-per-worker", type=float, default=1.0, metavar="C",
                       help="CPUs an actor reserves, fractions allowed (default: %(default)s)")  # fmt: skip
    group.add_argument("--shards", metavar="I:J",
                       help="render and score only shards I to J-1, for job arrays; the release is made by "
                       "a last run without it")  # fmt: skip
    group.add_argument("--lease-seconds", type=parse_positive, metavar="S", default=round(DEFAULT_SECONDS),
                       help="several processes may build one --out and share its shards; after so long "
                       "without a sign of life one's work is taken over (default: %(default)s)")  # fmt: skip


def parse_shards(text: str | None) -> tuple[int, int] | None:
    """A range of shards "I:J" as a pair; None for None.

    Raises:
        InputError: It has another form.
    """
    if text is None:
        return None
    first, separator, last = text.partition(":")
    if not (separator and first.isdecimal() and last.isdecimal()):
        raise InputError(f"Malformed --shards '{text}'. Use I:J, such as 0:25 for the first 25 shards.")
    return int(first), int(last)


def _list_versions() -> int:
    from imagenet_g.generation.specs.version import list_version_names, load_version_spec

    for name in list_version_names():
        spec = load_version_spec(name)
        print_line(f"{name:<22} {spec.status:<7} {spec.title}  [{', '.join(spec.splits)}]")
    return 0


def _pin(source: str, arguments: Namespace) -> int:
    from imagenet_g.benchmark.storage import write_text
    from imagenet_g.generation.specs.pins import pin_version_spec

    if arguments.base is not None:
        text, path = _make_extension(source, arguments), Path(f"{source}.toml")
        if path.exists():
            raise InputError(f"'{path}' exists already. Run 'imagenet-g build pin {path}', or move it away.")
        write_text(path, text)
        source = str(path)
        print_line(f"Written: {path}")
    for line in pin_version_spec(source):
        print_line(line)
    return 0


def _build(source: str, arguments: Namespace) -> int:
    from imagenet_g.generation.building.build import run_build
    from imagenet_g.generation.building.progress import PrintingListener

    _validate_cost_arguments(arguments)
    request = _make_request(source, arguments)
    if arguments.dry_run:
        return _print_costs(request, arguments)
    if arguments.calibrate:
        return _calibrate(request, arguments)
    manifest = run_build(request, PrintingListener())
    if manifest is None:
        print_line(
            "Shards are done. When all are, run the same command without --shards to make the release."
        )
    else:
        print_line(f"Release: {manifest.parent}")
        print_line(f"Next: imagenet-g gallery {manifest.parent}")
    return 0


def _validate_cost_arguments(arguments: Namespace) -> None:
    seconds = arguments.seconds_per_image
    # Also refuses NaN, which compares with nothing.
    if seconds is not None and not 0 < seconds < 1e7:
        raise InputError(f"--seconds-per-image {seconds} must be above 0 and below ten million.")
    if arguments.dry_run and arguments.calibrate:
        raise InputError("Give --dry-run or --calibrate, not both.")
    alone = [name for name in ("gpu", "seconds_per_image") if getattr(arguments, name) is not None]
    if alone and not arguments.dry_run:
        raise InputError(f"--{alone[0].replace('_', '-')} belongs to --dry-run.")
    if arguments.json and not (arguments.dry_run or arguments.calibrate):
        raise InputError("--json belongs to --dry-run and --calibrate.")


def _print_costs(request: BuildRequest, arguments: Namespace) -> int:
    from imagenet_g.generation.building.dry_run import run_dry_run
    from imagenet_g.generation.building.known_costs import Wanted
    from imagenet_g.generation.costs.report import format_estimate

    wanted = Wanted(
        gpu=arguments.gpu, workers=arguments.workers, seconds_per_image=arguments.seconds_per_image
    )
    estimate = run_dry_run(request, wanted)
    print_block(estimate.model_dump_json(indent=2) if arguments.json else format_estimate(estimate))
    return 0


def _calibrate(request: BuildRequest, arguments: Namespace) -> int:
    from imagenet_g.generation.building.calibrate import format_measured, run_calibration
    from imagenet_g.generation.building.progress import PrintingListener

    # Standard output holds the JSON alone.
    note = PrintingListener().note if not arguments.json else lambda text: print_message(text)
    rows = run_calibration(request, note)
    if arguments.json:
        print_block("[" + ",\n".join(row.model_dump_json(indent=2) for row in rows) + "]")
    for row in () if arguments.json else rows:
        print_line(format_measured(row))
    return 0


def _make_request(source: str, arguments: Namespace) -> BuildRequest:
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.generation.building.build import BuildRequest
    from imagenet_g.generation.plans.class_counts import resolve_counts
    from imagenet_g.generation.rendering.engines import choose_engine

    spec, splits = _load_spec(source, arguments)
    data = parse_data_pairs(arguments.data)
    if arguments.base is not None:
        # As it is typed again: what is advised in messages must work as it stands.
        source = f"{source} --from {arguments.base} --generator {arguments.generator}"
    builds = not (arguments.dry_run or arguments.calibrate)
    if arguments.out is None and builds:
        raise InputError("Give a folder for the release: --out DIR.")
    return BuildRequest(
        spec=resolve_counts(spec, splits, arguments.counts, data),
        source=source,
        splits=splits,
        # A dry run needs no place: it writes nothing. A calibration writes into a temporary one.
        out=(arguments.out or Path()).expanduser(),
        engine=choose_engine(
            arguments.engine,
            address=arguments.address,
            # A dry run divides by them, and starts none.
            workers=arguments.workers if builds else None,
            cpus_per_worker=arguments.cpus_per_worker,
        ),
        shards=parse_shards(arguments.shards),
        leave_out_failed=arguments.leave_out_failed,
        with_scores=not arguments.no_scores,
        device=arguments.device,
        data=data,
        cache=choose_cache_folder(arguments.cache),
        machine=read_machine(arguments),
        lease_seconds=arguments.lease_seconds,
    )


def _load_spec(source: str, arguments: Namespace) -> tuple[VersionSpec, tuple[str, ...]]:
    from imagenet_g.generation.specs.overrides import Overrides, apply_overrides
    from imagenet_g.generation.specs.version import load_version_spec, parse_version_spec

    if arguments.base is None:
        spec, generator = load_version_spec(source), arguments.generator
    else:
        spec, generator = parse_version_spec(_make_extension(source, arguments), source=source), None
    splits = tuple(dict.fromkeys(arguments.split or spec.splits))
    changes = Overrides(
        name=arguments.name,
        sources=arguments.sources,
        pipeline=arguments.pipeline,
        generator=generator,
        classes=arguments.classes,
        images_per_class=arguments.images_per_class,
    )
    return apply_overrides(spec, splits, changes), splits


def _make_extension(name: str, arguments: Namespace) -> str:
    from imagenet_g.generation.specs.extending import format_extension, list_family_names

    family = arguments.generator
    if family is None or family.startswith("python:"):
        raise InputError(
            f"--from {arguments.base} needs --generator FAMILY: one of {', '.join(list_family_names())}, "
            "or a .toml file of your own."
        )
    if arguments.name is not None or name.endswith(".toml"):
        raise InputError("With --from, the first word is the name of the new version, such as v2; no --name.")
    return format_extension(name, arguments.base, family)
