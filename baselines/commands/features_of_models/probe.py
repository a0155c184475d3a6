"""`imagenet-g probe`: linear probes of models on sets of other tasks."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.command import parse_positive
from imagenet_g.benchmark.commands.options import add_cache_option, add_inference_options
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.probing.images import ProbeImages
    from imagenet_g.baselines.probing.records import ProbeResult
    from imagenet_g.baselines.probing.seeds import ProbeOptions
    from imagenet_g.baselines.probing.specs import ProbeSetSpec
    from imagenet_g.benchmark.terminal.progress import ProgressListener


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options, in the groups that `--help` shows."""
    group = parser.add_argument_group("models and sets")
    group.add_argument("set", nargs="*", metavar="SET",
                       help="a shipped set or a .toml file; without one, list them")  # fmt: skip
    group.add_argument("--model", action="append", default=[], metavar="SPEC",
                       help="any model that 'evaluate' takes; repeatable")  # fmt: skip
    group.add_argument("--data", action="append", default=[], metavar="NAME=PATH",
                       help="folder of a set; repeatable")  # fmt: skip
    group.add_argument("--fetch", action="store_true",
                       help="download sets without --data, by torchvision or from the Hub")  # fmt: skip
    group.add_argument("--partial", action="store_true",
                       help="take sets of other sizes than the printed ones")  # fmt: skip
    group = parser.add_argument_group("protocol")
    group.add_argument("--protocol", choices=("printed", "shipped"), default="printed",
                       help="validation images: as many as the paper prints, or a fifth of each class as in "
                       "its code (default: %(default)s)")  # fmt: skip
    group.add_argument("--trials", type=parse_positive, default=30, metavar="N",
                       help="trials of each search (default: %(default)s, as in its code)")  # fmt: skip
    group.add_argument("--seeds", type=parse_positive, default=1, metavar="N",
                       help="searches, each with its own draw of validation images (default: 1)")  # fmt: skip
    group.add_argument("--scaling", choices=("none", "l2", "standard"),
                       help="of the features (default: none for L-BFGS, l2 for SGD)")  # fmt: skip
    group.add_argument("--input", choices=("printed", "model"), default="printed",
                       help="resize to the input and crop, as printed, or as the model is evaluated "
                       "(default: %(default)s)")  # fmt: skip
    add_inference_options(parser.add_argument_group("inference"))
    group = parser.add_argument_group("files")
    group.add_argument("--out", type=Path, default=Path("probes"), metavar="DIR",
                       help="folder of results; the same command resumes (default: %(default)s)")  # fmt: skip
    group.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    group.add_argument("--check", action="store_true",
                       help="compute the numbers of --out again from its stored answers")  # fmt: skip
    add_cache_option(group)


def run(arguments: Namespace) -> int:
    """List sets, check results, plan, or probe."""
    if arguments.check:
        return check_results(arguments.out)
    if not arguments.set:
        return list_sets()
    if not arguments.model:
        raise InputError("Name a model: --model SPEC.")
    return run_probes(arguments)


def list_sets() -> int:
    """Print the shipped sets."""
    from imagenet_g.baselines.probing.specs import list_probe_sets, load_probe_set
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    shown = NameTable(("set", "title", "classes", "train", "val", "test"),
                      right=("classes", "train", "val", "test"), framed=False)  # fmt: skip
    for name in list_probe_sets():
        spec = load_probe_set(name)
        sizes = (spec.sizes.train, spec.sizes.val, spec.sizes.test)
        shown.add_row(name, spec.title, str(spec.num_classes), *("" if n is None else str(n) for n in sizes))
    print_shown(shown)
    print_line(
        "Numbers of images are those that the paper prints (arXiv 2212.08420, Table 4), where a set is one "
        "of its ten."
    )
    return 0


def check_results(out: Path) -> int:
    """Compute every number under a folder again, and print what holds.

    Raises:
        InputError: There is no result.
        DataError: A number does not follow from the stored answers.
    """
    from imagenet_g.baselines.probing.storing import RESULT, check_entry, load_result

    paths = sorted(out.glob(f"*/{RESULT}"))
    if not paths:
        raise InputError(f"There is no {RESULT} in the folders of '{out}'.")
    for path in paths:
        result = load_result(path.parent)
        for entry in () if result is None else result.entries:
            check_entry(path.parent, entry)
            print_line(f"{path.parent.name}, {entry.set}: all numbers follow from the stored answers")
    return 0


def run_probes(arguments: Namespace) -> int:
    """Open the sets, then probe one model after the other."""
    from imagenet_g.baselines.probing.run import probe_model
    from imagenet_g.baselines.probing.specs import load_probe_set, parse_places
    from imagenet_g.baselines.probing.storing import load_result
    from imagenet_g.benchmark.distances.encoders import load_raw_encoder
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.storage import validate_writable
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    specs = [load_probe_set(name) for name in dict.fromkeys(arguments.set)]
    places = parse_places(arguments.data, specs)
    cache = choose_cache_folder(arguments.cache)
    with ProgressListener() as listener:
        # All sets before any model: a wrong folder must not show after hours of the set before it.
        sets = [open_set(spec, places.get(spec.name), cache, arguments, listener) for spec in specs]
        if not arguments.dry_run:
            require_libraries()
            validate_writable(arguments.out)
            options = make_options(arguments, cache)
            paths = [
                probe_model(load_raw_encoder(model), sets, options, listener)
                for model in dict.fromkeys(arguments.model)
            ]
    if arguments.dry_run:
        print_plan(sets, arguments)
        return 0
    for path in paths:
        result = load_result(path.parent)
        if result is not None:
            print_result(result)
        print_line(f"wrote {path}")
    return 0


def open_set(
    spec: ProbeSetSpec, place: Path | None, cache: Path, arguments: Namespace, listener: ProgressListener
) -> ProbeImages:
    """A set's images, fetched where that was asked for; what is unusual with them is said."""
    from imagenet_g.baselines.probing.fetching import fetch_probe_set
    from imagenet_g.baselines.probing.images import load_probe_images

    if place is None and spec.needs_folder and arguments.fetch and not arguments.dry_run:
        place = fetch_probe_set(spec, cache)
    images = load_probe_images(spec, place, cache=cache, allow_partial=arguments.partial)
    for finding in images.findings:
        listener.say(f"{spec.name}: {finding}")
    if shared := len(images.find_shared()):
        listener.say(
            f"{spec.name}: {shared} of {len(images.parts['test'])} test images are, byte for byte, also "
            "learnt from"
        )
    return images


def require_libraries() -> None:
    """Refuse to compute features for hours without what fits a probe.

    Raises:
        InputError: scikit-learn or Optuna is missing.
    """
    # Found and not imported: the import takes seconds, and this one is for the message alone.
    from importlib.util import find_spec

    missing = [name for name in ("sklearn", "optuna") if find_spec(name) is None]
    if missing:
        raise InputError(f"Probes need {' and '.join(missing)}. Install it: pip install 'imagenet-g[probe]'")


def make_options(arguments: Namespace, cache: Path) -> ProbeOptions:
    """The options of a run."""
    from imagenet_g.baselines.probing.seeds import ProbeOptions
    from imagenet_g.benchmark.backends.choosing import choose_batch_size
    from imagenet_g.benchmark.backends.settings import InferenceSettings
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.environment import choose_workers

    device = choose_device(arguments.device)
    return ProbeOptions(
        protocol=arguments.protocol,
        num_trials=arguments.trials,
        seeds=tuple(range(arguments.seeds)),
        scaling=arguments.scaling,
        input=arguments.input,
        out=arguments.out,
        cache=cache,
        settings=InferenceSettings(
            device=device,
            dtype="float32",
            batch_size=arguments.batch_size or choose_batch_size("torch", device),
            workers=arguments.workers or choose_workers(),
        ),
    )


def print_plan(sets: list[ProbeImages], arguments: Namespace) -> None:
    """Print what a run would do."""
    for images in sets:
        fits = arguments.seeds * (arguments.trials + 1)
        for model in arguments.model:
            print_line(
                f"{model} on {images.spec.name}: features of {len(images.labels)} images, but for those "
                f"that are kept; {fits} fits by {images.spec.fit}: {arguments.seeds} times "
                f"{arguments.trials} trials and the last one. {len(images.learnt)} images are learnt from, "
                f"{len(images.parts['test'])} tested."
            )
    print_line("Nothing was computed.")


def print_result(result: ProbeResult) -> None:
    """Print the accuracies of a model and what to consider."""
    from imagenet_g.baselines.probing.report import COLUMNS, format_means, make_row
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    print_line(f"{result.encoder.spec}: linear probes, with 95 % intervals")
    shown = NameTable(COLUMNS, right=COLUMNS[1:3], framed=False)
    for entry in result.entries:
        shown.add_row(*make_row(entry))
    print_shown(shown)
    for line in format_means(result):
        print_line(line)
    for entry in result.entries:
        for text in (*entry.warnings, *([entry.notice] if entry.notice else [])):
            print_line(f"{entry.set}: {text}")
