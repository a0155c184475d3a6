"""From the options of an evaluation to its request; everything that needs no model is checked here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from imagenet_g.benchmark.backends.choosing import require_backend
from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
from imagenet_g.benchmark.composing.row_shares import parse_row_share
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.cache import Cache, choose_cache_folder
from imagenet_g.benchmark.evaluation.requests import EvaluationRequest
from imagenet_g.benchmark.evaluation.run_plans import NamedParts, RunPlan, plan_run
from imagenet_g.benchmark.fingerprints.code import lacks_source
from imagenet_g.benchmark.lineage.declarations import parse_declaration
from imagenet_g.benchmark.models.classifiers import LiveModel, ModelRequest
from imagenet_g.benchmark.naming.libraries import find_library
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.runs.lines import load_line_finder, load_robustness
from imagenet_g.benchmark.runs.options import EvaluationOptions
from imagenet_g.benchmark.splits.real_set_files import load_sets
from imagenet_g.benchmark.texts.own_texts import check_template_choice, load_own_class_names


def is_opaque(live: LiveModel) -> bool:
    """Whether a model of this process is a function of which nothing is known but its answers."""
    import torch

    return not isinstance(live.model, torch.nn.Module)


def can_be_kept(live: LiveModel) -> bool:
    """Whether answers of a model of this process can be kept: files show when its code changes."""
    import torch

    if not isinstance(live.model, torch.nn.Module):
        return False
    parts = list(live.model.modules())
    # The modules beside their classes: a method may have been replaced in one of them.
    return not lacks_source([*map(type, parts), *parts, live.transform])


def make_request(
    options: EvaluationOptions, *, live: LiveModel | None = None, answers: Path | None = None
) -> tuple[EvaluationRequest, RunPlan]:
    """The request that the options make, and what was taken by default.

    Args:
        options: What the user asks for.
        live: A model of this process, in place of those that are named.
        answers: An empty folder for answers, where those of the usual cache must not be used.

    Raises:
        InputError: A malformed or contradictory option.
    """
    if live is not None and is_opaque(live):
        # Nothing is known of its code: it cannot be compiled, and it may take CPU tensors only.
        options = replace(options, device="cpu", backend="torch")
    for baseline in options.baseline:
        # Before anything runs: a mistyped baseline must not be reported after hours of evaluation.
        load_robustness("check")(baseline)
    sets = load_sets(options.sets)
    data = parse_data_pairs(options.data, sets)
    cache = choose_cache_folder(options.cache)
    named = NamedParts(options.split or (), options.reference, options.baseline)
    share = None if options.rows is None else parse_row_share(options.rows)
    # Models first: a mistyped one must not wait for the Hub.
    models = _make_model_requests(options, live)
    plan = plan_run(named, data, sets, cache=cache, find_line=load_line_finder(data, cache))
    request = EvaluationRequest(
        models=models,
        splits=plan.splits,
        reference=None,
        references=plan.references,
        unfiltered_reference=options.unfiltered_reference,
        choices=plan.choices,
        data=data,
        settings=_make_settings(options),
        limit=options.limit,
        skip_unreadable=options.skip_unreadable,
        out=options.out,
        cache=Cache(answers or cache),
        split_cache=cache,
        stream=options.stream,
        declaration=parse_declaration(
            options.training_data, options.trained_until, options.trained_on_generated
        ),
        baselines=tuple(plan.list_baselines()),
        share=share,
    )
    return request, plan


def _make_settings(options: EvaluationOptions) -> RunSettings:
    if options.keep_features and options.rows is not None:
        raise InputError("--keep-features keeps those of all rows in one run; leave out --rows or it.")
    require_backend(options.backend, dtype=options.dtype, device=options.device)
    if options.compile and options.backend == "openvino":
        raise InputError("--compile is PyTorch's; with --backend openvino every model is compiled.")
    return RunSettings(
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
        workers=options.workers,
        feeding=options.feeding,
        backend=options.backend,
        keep_features=options.keep_features,
        compile=options.compile,
    )


def check_texts(templates: str, class_names: Path | None, models: Sequence[str]) -> None:
    """Check the prompts of an evaluation before any model is loaded; imports no torch.

    Args:
        templates: A name, or the path of a file.
        class_names: A file, or None.
        models: The specs as typed.

    Raises:
        UnknownNameError: There is neither such a set of templates nor such a file.
        InputError: A file is malformed, or no model takes prompts.
    """
    own = check_template_choice(templates)
    if class_names is not None:
        load_own_class_names(class_names)
    libraries = [find_library(parse_model_spec(text).scheme) for text in models]
    if (own or class_names is not None) and not any(
        library.needs_prompts or library.takes_prompts for library in libraries
    ):
        raise InputError(
            "--templates FILE and --class-names are for zero-shot models, such as "
            f"open_clip:ViT-B-32/openai; {', '.join(models)} {'has' if len(models) == 1 else 'have'} a head "
            "of trained classes."
        )


def _make_model_requests(options: EvaluationOptions, live: LiveModel | None) -> tuple[ModelRequest, ...]:
    # A model that is named twice runs once; both would write to one folder.
    models = list(dict.fromkeys(options.model if live is None else [live.spec]))
    if len(models) > 1 and (options.checkpoint or options.class_map):
        raise InputError("--checkpoint and --class-map belong to one model; give one --model with them.")
    if options.checkpoint_key is not None and options.checkpoint is None:
        raise InputError("--checkpoint-key goes with --checkpoint: it chooses among that file's weights.")
    check_texts(options.templates, options.class_names, models)
    return tuple(
        ModelRequest(
            requested=text,
            spec=parse_model_spec(text),
            checkpoint=options.checkpoint,
            checkpoint_key=options.checkpoint_key,
            class_map=options.class_map,
            templates=options.templates,
            class_names=options.class_names,
            live=live,
        )
        for text in models
    )
