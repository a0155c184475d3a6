"""`imagenet-g evaluate`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from imagenet_g.benchmark.commands.evaluate_options import add_arguments
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quick_imports import quick_imports
from imagenet_g.benchmark.sweeps.file_options import unmark
from imagenet_g.benchmark.terminal.text import print_line, print_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
    from imagenet_g.benchmark.runs.running import RunRequest
    from imagenet_g.benchmark.sweeps.running import Evaluate, SweepRequest

__all__ = ["add_arguments", "run"]


def run(arguments: Namespace) -> int:
    """Evaluate, print the table, list the files; with a sweep file, run what it asks for."""
    require_models(arguments)
    if arguments.sweep is not None:
        from imagenet_g.benchmark.sweeps.command import run_sweep_command

        parser = ArgumentParser()
        add_arguments(parser)
        return run_sweep_command(arguments, parser, prepare_sweep)
    arguments = unmark(arguments)
    with quick_imports():
        from imagenet_g.benchmark.runs.options import read_options
        from imagenet_g.benchmark.runs.requests import make_request
        from imagenet_g.benchmark.runs.running import make_evaluate
        from imagenet_g.benchmark.terminal.progress import ProgressListener

    options = read_options(vars(arguments))
    track = make_tracking(arguments)
    request, plan = make_request(options)
    for note in plan.notes:
        print_message(f"note: {note}")
    evaluate = make_evaluate(options, plan, listen=ProgressListener, say=print_message)
    return report_outcomes(track(evaluate)(request))


def require_models(arguments: Namespace) -> None:
    """Check that models are named, by options or by a sweep file.

    Raises:
        InputError: They are not, or an option for sweeps comes without a file.
    """
    if arguments.sweep is not None:
        return
    if not arguments.model:
        raise InputError(
            "No model is named: give --model SPEC, or a sweep file (NAME.toml). 'imagenet-g evaluate --help' "
            "explains the options."
        )
    for name in ("list", "status", "retry_failed"):
        if getattr(arguments, name):
            raise InputError(f"--{name.replace('_', '-')} goes with a sweep file: name it after 'evaluate'.")


def prepare_sweep(arguments: Namespace) -> tuple[SweepRequest, Evaluate]:
    """What a sweep runs, without its models, and what runs it.

    Raises:
        InputError: A malformed or contradictory option.
    """
    from imagenet_g.benchmark.engines.opening import make_engine_options
    from imagenet_g.benchmark.runs.options import read_options
    from imagenet_g.benchmark.runs.requests import make_request
    from imagenet_g.benchmark.runs.running import make_evaluate
    from imagenet_g.benchmark.sweeps.running import CHUNK, SweepRequest
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    if arguments.rows is not None:
        raise InputError(
            "--rows goes with --model: a sweep counts whole results, and a share of the rows is none. Run "
            "jobs with --model and --rows, join them by 'imagenet-g merge', or leave --rows out."
        )
    options = read_options({**vars(arguments), "model": []})
    track = make_tracking(arguments)
    request, plan = make_request(options)
    for note in plan.notes:
        print_message(f"note: {note}")
    processes = make_engine_options(options).num_processes
    sweep = SweepRequest(
        request,
        tuple(plan.list_baselines()),
        templates=arguments.templates,
        class_names=arguments.class_names,
        # Each process of several has as many as one alone.
        chunk=CHUNK * processes,
        num_processes=processes,
    )
    return sweep, track(make_evaluate(options, plan, listen=ProgressListener, say=print_message))


def make_tracking(arguments: Namespace) -> Callable[[RunRequest], RunRequest]:
    """What lets an evaluation hand its results to the tracker of `--track`; changes nothing without one.

    Raises:
        InputError: The library is not installed, or the run makes no result.
    """
    if arguments.track is None:
        return lambda evaluate: evaluate
    from imagenet_g.benchmark.tracking.callback import track_outcomes
    from imagenet_g.benchmark.tracking.trackers import open_tracker

    if arguments.rows is not None:
        raise InputError("--track takes results, and --rows makes none; leave one of them out.")
    # Now and not with the first result: a missing library must stop the run before a model is loaded.
    tracker = open_tracker(arguments.track)
    return lambda evaluate: track_outcomes(evaluate, tracker, arguments.out, say=print_message)


def report_outcomes(outcomes: Sequence[EvaluationOutcome]) -> int:
    """Print the table and every failure.

    Returns:
        0 when all models ran, 1 when some failed, 2 when all did.
    """
    from imagenet_g.benchmark.reports.report import make_report
    from imagenet_g.benchmark.terminal.tables import print_shown

    results = [outcome.result for outcome in outcomes if outcome.result is not None]
    if results:
        print_shown(make_report(results))
    for outcome in outcomes:
        if outcome.path is not None:
            source = "" if outcome.computed else " (all predictions came from the cache)"
            print_line(f"wrote {outcome.path}{source}")
        for path in outcome.parts:
            print_line(f"wrote {path}")
    if any(outcome.parts for outcome in outcomes):
        print_message("note: a share of the rows is no result; join all shares by 'imagenet-g merge'.")
    failures = [outcome for outcome in outcomes if outcome.error is not None]
    for outcome in failures:
        print_message(f"imagenet-g: {outcome.requested} failed: {outcome.error}")
    if not failures:
        return 0
    return 1 if len(failures) < len(outcomes) else 2
