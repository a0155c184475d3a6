"""`imagenet-g show`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.stored.per_class import add_class_options, asks_for_classes, show_classes
from imagenet_g.benchmark.records import OUTSIDE
from imagenet_g.benchmark.terminal.text import print_block

if TYPE_CHECKING:
    from imagenet_g.benchmark.formats.runs import RunRecord
    from imagenet_g.benchmark.results import Entry, Result


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("result", nargs="+", type=Path, metavar="RESULT", help="result.json, or its folder")
    parser.add_argument("--json", action="store_true", help="print the validated JSON in place of the table")
    add_class_options(parser)


def run(arguments: Namespace) -> int:
    """Print results as `evaluate` did."""
    from imagenet_g.benchmark.predictions.result_files import load_result
    from imagenet_g.benchmark.reports.report import make_report
    from imagenet_g.benchmark.terminal.tables import make_text, print_shown, stack

    results = [load_result(path) for path in arguments.result]
    if arguments.json:
        for result in results:
            print_block(result.model_dump_json(indent=2))
        return 0
    if asks_for_classes(arguments):
        show_classes(arguments, zip(arguments.result, results, strict=True))
        return 0
    print_shown(make_report(results))
    for result in results:
        print_shown(stack(*(make_text(line, "dim") for line in list_provenance(result))))
    return 0


def format_batch_check(run: RunRecord) -> str:
    """That an image alone has the answer it has in a batch; empty where it was not checked."""
    check = run.batch_check
    return "" if check is None else f" (alone: the same to {check.max_difference:.0e})"


def list_provenance(result: Result) -> list[str]:
    """Lines of one paragraph: what was run, with what, when."""
    model, prep = result.model, result.model.preprocessing
    scored = f"Scored by imagenet-g {result.environment.imagenet_g} at {result.environment.created_utc}."
    if model.spec.startswith(OUTSIDE):
        # Its record has numbers in places where nothing is known.
        manifests = (f"{one.split.ref}: manifest {one.split.manifest_sha256[:16]}." for one in result.entries)
        return [f"{model.spec}: answers from elsewhere, weights and inputs unknown.", *manifests, scored]
    return [
        f"{model.spec}: weights {model.weights_sha256[:16]}, revision {model.revision or 'unknown'}, "
        f"{model.num_parameters / 1e6:.2f} M parameters, trained on {model.training_data or 'unknown data'}; "
        f"input {prep.input_size_px[0]} x {prep.input_size_px[1]}, {prep.interpolation}.",
        *(_describe_entry(entry) for entry in result.entries),
        scored,
    ]


def _describe_entry(entry: Entry) -> str:
    run = entry.predictions.run
    return (
        f"{entry.split.ref}: manifest {entry.split.manifest_sha256[:16]}, "
        f"{run.device_name or run.device}, {run.dtype}, {run.backend}, "
        f"batch {run.batch_size}{format_batch_check(run)}, {run.images_per_second:.1f} images/s, "
        f"{run.started_utc}."
    )
