"""`imagenet-g evaluate SWEEP.toml`: many models by one file."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.sweeps.file_options import (
    OF_ONE_MODEL,
    list_file_options,
    merge_options,
    unmark,
)
from imagenet_g.benchmark.terminal.text import print_line, print_message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
    from imagenet_g.benchmark.sweeps.choosing import ChosenModel
    from imagenet_g.benchmark.sweeps.running import Evaluate, SweepRequest
    from imagenet_g.benchmark.sweeps.states import SweepState
    from imagenet_g.benchmark.sweeps.sweep_files import SweepFile

    Prepare = Callable[[Namespace], tuple[SweepRequest, Evaluate]]


def run_sweep_command(arguments: Namespace, parser: ArgumentParser, prepare: Prepare) -> int:
    """List the models of a sweep, show its state, or run what is left.

    Args:
        arguments: The parsed command line, with marked defaults.
        parser: The parser of `imagenet-g evaluate`.
        prepare: From the options of file and command line to what is run, without models, and what runs it.

    Returns:
        0 when all models have a result, 1 when some failed, 2 when all did; 0 for a list or a state.

    Raises:
        InputError: The file or an option is wrong, or no model fits.
    """
    file, arguments = load_file(arguments, parser)
    models = _choose(file, arguments)
    if arguments.list or arguments.status:
        return _show(models, arguments, prepare)
    return _run(models, arguments, prepare)


def load_file(arguments: Namespace, parser: ArgumentParser) -> tuple[SweepFile, Namespace]:
    """The sweep file, and the options of file and command line together.

    Raises:
        InputError: The file or an option is wrong.
    """
    from imagenet_g.benchmark.sweeps.sweep_files import ModelPattern, load_sweep_file

    path: Path = arguments.sweep
    if path.suffix != ".toml":
        raise InputError(f"'{path}' is no sweep file (NAME.toml); a model is named by '--model {path}'.")
    for name in OF_ONE_MODEL:
        if getattr(arguments, name) is not None:
            raise InputError(
                f"--{name.replace('_', '-')} belongs to one model; give it with --model and no sweep file."
            )
    if arguments.rows is not None:
        raise InputError(
            "--rows has no place in a sweep, which keeps results and no shares of rows: --devices or "
            "--engine ray deal out its rows."
        )
    actions = list_file_options(parser)
    file = load_sweep_file(path, actions)
    merged = unmark(merge_options(arguments, file.options, actions, path=path))
    if arguments.model:
        # As for every option: what is typed comes in the place of what the file says.
        typed = tuple(ModelPattern(spec) for spec in arguments.model)
        file = type(file)(file.path, typed, file.options)
    if not file.models:
        raise InputError(f"'{path}' names no model: give 'model', a list of specs or patterns.")
    return file, merged


def _choose(file: SweepFile, arguments: Namespace) -> tuple[ChosenModel, ...]:
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder
    from imagenet_g.benchmark.sweeps.choosing import choose_models
    from imagenet_g.benchmark.sweeps.counts import CountedFacts

    facts = CountedFacts(choose_cache_folder(arguments.cache))
    choice = choose_models(file.models, find_facts=facts.find)
    facts.save()
    for note in choice.notes:
        print_message(f"note: {note}")
    return choice.models


def _show(models: Sequence[ChosenModel], arguments: Namespace, prepare: Prepare) -> int:
    from imagenet_g.benchmark.sweeps.sweep_report import make_model_table, make_state_table
    from imagenet_g.benchmark.terminal.tables import print_shown

    sweep, _ = prepare(arguments)
    state = _find_state(models, sweep, arguments)
    if arguments.list:
        print_shown(make_model_table(models, state))
    print_shown(make_state_table(state, processes=sweep.num_processes, all_failures=arguments.list))
    return 0


def _run(models: Sequence[ChosenModel], arguments: Namespace, prepare: Prepare) -> int:
    from imagenet_g.benchmark.sweeps.sweep_report import make_state_table
    from imagenet_g.benchmark.terminal.tables import print_shown

    sweep, evaluate = prepare(arguments)
    state = _find_state(models, sweep, arguments)
    print_shown(make_state_table(state, processes=sweep.num_processes))
    if state.left:
        _run_left(sweep, state, evaluate)
        state = _find_state(models, sweep, arguments, again=True)
        print_shown(make_state_table(state))
    print_line(f"results are in {sweep.request.out}; 'imagenet-g show {sweep.request.out}/MODEL' prints one")
    if not state.failed:
        return 0
    return 1 if state.done else 2


def _run_left(sweep: SweepRequest, state: SweepState, evaluate: Evaluate) -> None:
    from imagenet_g.benchmark.sweeps.running import run_sweep

    total = len(state.left)
    for number, outcome in enumerate(run_sweep(sweep, state, evaluate), start=1):
        print_line(f"[{number}/{total}] {_describe(outcome)}")


def _describe(outcome: EvaluationOutcome) -> str:
    if outcome.error is not None:
        return f"{outcome.requested} failed: {(str(outcome.error).splitlines() or [''])[0]}"
    source = "" if outcome.computed else " (all predictions came from the cache)"
    return f"wrote {outcome.path}{source}"


def _find_state(
    models: Sequence[ChosenModel], sweep: SweepRequest, arguments: Namespace, *, again: bool = False
) -> SweepState:
    from imagenet_g.benchmark.sweeps.journal import load_journal
    from imagenet_g.benchmark.sweeps.states import find_state

    out = sweep.request.out
    retry = arguments.retry_failed and not again
    return find_state(models, load_journal(out), sweep.asked, out, retry=retry)
