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
    from collections.abc import Sequence
    from pathlib import Path

    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome, EvaluationRequest
    from imagenet_g.benchmark.evaluation.run_plans import RunPlan
    from imagenet_g.benchmark.models.classifiers import ModelRequest
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
        from imagenet_g.benchmark.commands.lines import load_robustness

    for baseline in arguments.baseline:
        # Before anything runs: a mistyped baseline must not be reported after hours of evaluation.
        load_robustness("check")(baseline)
    request, plan = make_request(arguments)
    for note in plan.notes:
        print_message(f"note: {note}")
    return report_outcomes(make_evaluate(arguments, plan)(request))


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
    from imagenet_g.benchmark.commands.lines import load_robustness
    from imagenet_g.benchmark.engines.opening import make_engine_options
    from imagenet_g.benchmark.sweeps.running import CHUNK, SweepRequest

    if arguments.rows is not None:
        raise InputError(
            "--rows goes with --model: a sweep counts whole results, and a share of the rows is none. Run "
            "jobs with --model and --rows, join them by 'imagenet-g merge', or leave --rows out."
        )
    for baseline in arguments.baseline:
        load_robustness("check")(baseline)
    request, plan = make_request(Namespace(**{**vars(arguments), "model": []}))
    for note in plan.notes:
        print_message(f"note: {note}")
    options = make_engine_options(arguments)
    sweep = SweepRequest(
        request,
        tuple(plan.list_baselines()),
        templates=arguments.templates,
        class_names=arguments.class_names,
        # Each process of several has as many as one alone.
        chunk=CHUNK * options.num_processes,
        num_processes=options.num_processes,
    )
    return sweep, make_evaluate(arguments, plan)


def make_evaluate(arguments: Namespace, plan: RunPlan) -> Evaluate:
    """What evaluates the models of a request, on the devices or the cluster that the options name.

    Raises:
        InputError: Options contradict each other, or a device is not available.
    """
    from imagenet_g.benchmark.commands.lines import apply_baselines
    from imagenet_g.benchmark.engines.opening import evaluate_by, make_engine_options
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    options = make_engine_options(arguments)

    def evaluate(request: EvaluationRequest) -> tuple[EvaluationOutcome, ...]:
        with ProgressListener() as listener:
            outcomes = evaluate_by(options, request, listener, listener.add_lane)
        return apply_baselines(outcomes, plan.list_baselines(), request.data)

    return evaluate


def make_request(arguments: Namespace) -> tuple[EvaluationRequest, RunPlan]:
    """The request of the command line, and what was taken by default.

    Everything that can be checked without a model is checked here.

    Raises:
        InputError: A malformed or contradictory option.
    """
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.commands.lines import load_line_finder
    from imagenet_g.benchmark.composing.row_shares import parse_row_share
    from imagenet_g.benchmark.evaluation.cache import Cache, choose_cache_folder
    from imagenet_g.benchmark.evaluation.requests import EvaluationRequest
    from imagenet_g.benchmark.evaluation.run_plans import NamedParts, plan_run
    from imagenet_g.benchmark.lineage.declarations import parse_declaration
    from imagenet_g.benchmark.splits.real_set_files import load_sets

    sets = load_sets(arguments.sets)
    data = parse_data_pairs(arguments.data, sets)
    cache = choose_cache_folder(arguments.cache)
    named = NamedParts(arguments.split or (), arguments.reference, arguments.baseline)
    share = None if arguments.rows is None else parse_row_share(arguments.rows)
    # Models first: a mistyped one must not wait for the Hub.
    models = _make_model_requests(arguments)
    plan = plan_run(named, data, sets, cache=cache, find_line=load_line_finder(data, cache))
    request = EvaluationRequest(
        models=models,
        splits=plan.splits,
        reference=None,
        references=plan.references,
        unfiltered_reference=arguments.unfiltered_reference,
        choices=plan.choices,
        data=data,
        settings=_make_settings(arguments),
        limit=arguments.limit,
        skip_unreadable=arguments.skip_unreadable,
        out=arguments.out,
        cache=Cache(cache),
        stream=arguments.stream,
        declaration=parse_declaration(
            arguments.training_data, arguments.trained_until, arguments.trained_on_generated
        ),
        baselines=tuple(plan.list_baselines()),
        share=share,
    )
    return request, plan


def _make_settings(arguments: Namespace) -> RunSettings:
    from imagenet_g.benchmark.backends.choosing import require_backend
    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.errors import InputError

    if arguments.keep_features and arguments.rows is not None:
        raise InputError("--keep-features keeps those of all rows in one run; leave out --rows or it.")
    require_backend(arguments.backend, dtype=arguments.dtype, device=arguments.device)
    if arguments.compile and arguments.backend == "openvino":
        raise InputError("--compile is PyTorch's; with --backend openvino every model is compiled.")
    return RunSettings(
        device=arguments.device,
        dtype=arguments.dtype,
        batch_size=arguments.batch_size,
        workers=arguments.workers,
        feeding=arguments.feeding,
        backend=arguments.backend,
        keep_features=arguments.keep_features,
        compile=arguments.compile,
    )


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


def check_texts(templates: str, class_names: Path | None, models: Sequence[str]) -> None:
    """Check the prompts of a command before any model is loaded; imports no torch.

    Args:
        templates: A name, or the path of a file.
        class_names: A file, or None.
        models: The specs as typed.

    Raises:
        UnknownNameError: There is neither such a set of templates nor such a file.
        InputError: A file is malformed, or no model takes prompts.
    """
    from imagenet_g.benchmark.errors import InputError
    from imagenet_g.benchmark.naming.libraries import find_library
    from imagenet_g.benchmark.naming.specs import parse_model_spec
    from imagenet_g.benchmark.texts.own_texts import check_template_choice, load_own_class_names

    own = check_template_choice(templates)
    if class_names is not None:
        load_own_class_names(class_names)
    if (own or class_names is not None) and not any(
        find_library(parse_model_spec(text).scheme).needs_prompts for text in models
    ):
        raise InputError(
            "--templates FILE and --class-names are for zero-shot models, such as "
            f"open_clip:ViT-B-32/openai; {', '.join(models)} {'has' if len(models) == 1 else 'have'} a head "
            "of trained classes."
        )


def _make_model_requests(arguments: Namespace) -> tuple[ModelRequest, ...]:
    from imagenet_g.benchmark.models.classifiers import ModelRequest
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    # A model that is named twice runs once; both would write to one folder.
    models = list(dict.fromkeys(arguments.model))
    if len(models) > 1 and (arguments.checkpoint or arguments.class_map):
        raise InputError("--checkpoint and --class-map belong to one model; give one --model with them.")
    if arguments.checkpoint_key is not None and arguments.checkpoint is None:
        raise InputError("--checkpoint-key goes with --checkpoint: it chooses among that file's weights.")
    check_texts(arguments.templates, arguments.class_names, models)
    return tuple(
        ModelRequest(
            requested=text,
            spec=parse_model_spec(text),
            checkpoint=arguments.checkpoint,
            checkpoint_key=arguments.checkpoint_key,
            class_map=arguments.class_map,
            templates=arguments.templates,
            class_names=arguments.class_names,
        )
        for text in models
    )
