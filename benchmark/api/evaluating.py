"""`imagenet_g.evaluate`: models on splits, from Python."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Unpack

from imagenet_g.benchmark.api.arguments import (
    AnyPath,
    list_pairs,
    list_paths,
    list_words,
    lists_as_files,
    make_path,
)
from imagenet_g.benchmark.api.folders import ResultFolder
from imagenet_g.benchmark.api.options import EvaluateOptions, Model
from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.environment import name_command
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
from imagenet_g.benchmark.models.classifiers import LiveModel, Transform
from imagenet_g.benchmark.runs.options import EvaluationOptions
from imagenet_g.benchmark.runs.requests import can_be_kept, make_request
from imagenet_g.benchmark.runs.running import LaneListener, make_evaluate
from imagenet_g.benchmark.terminal.notebook import (
    NotebookListener,
    SilentListener,
    in_notebook,
    prepare_notebook,
)
from imagenet_g.benchmark.terminal.text import print_message
from imagenet_g.benchmark.tracking.callback import track_outcomes
from imagenet_g.benchmark.tracking.trackers import Tracker, open_tracker

_PATHS = ("checkpoint", "class_map", "class_names", "cache")
_NAMED = ("splits", "reference", "baseline", "transform", "name", "data", "out", "progress")


def evaluate(
    model: Model,
    *,
    splits: str | Sequence[str] = (),
    reference: str | None = None,
    baseline: str | Sequence[str] = (),
    transform: Transform | None = None,
    name: str | None = None,
    data: Mapping[str, AnyPath] | None = None,
    out: AnyPath | None = None,
    progress: bool = True,
    **options: Unpack[EvaluateOptions],
) -> Results:
    """Score models on splits, as `imagenet-g evaluate` does.

    Args:
        model: A name such as "timm:resnet50", or several; or one model of this process: a `torch.nn.Module`,
            which is copied and left as it is, or any callable from a `(N, 3, H, W)` float32 batch on the CPU
            to `(N, K)` logits. The answers of a callable are computed anew each time: nothing says when it
            becomes another one.
        splits: References such as "v1/sd-l"; empty for the splits of the newest version.
        reference: Clean set to measure the gap from, or "published"; None for that of the splits' version.
        baseline: Baselines such as "testbed"; empty for the line that ships for the split.
        transform: From a PIL image to the input `(3, H, W)` of a model of this process; None for ImageNet's
            usual one.
        name: What results call a model of this process; None for the name of its class or function.
        data: Local copies by name, such as {"imagenet-val": "/data/val"}.
        out: Folder for result files; None to keep them only as long as the results are in use.
        progress: Whether to show progress.
        **options: As the options of that name of `imagenet-g evaluate`. Of the model: `checkpoint` (a file of
            weights), `checkpoint_key`, `class_map` (the wnid of each output, "-" for none), `templates` and
            `class_names` (zero-shot; like the class map a file, or a list of texts), `training_data`,
            `trained_until`, `trained_on_generated` (what is known of its training). Of the images: `limit`
            (that many of each split), `skip_unreadable`, `stream`, `sets`, `unfiltered_reference`. Of the
            run: `device`, `batch_size`, `workers`, `backend` ("auto", "torch", "openvino"), `feeding`,
            `compile`, `dtype`, `cache`; `devices`, or `engine`, `address`, `actors` and `cpus_per_actor`, for
            several processes. `keep_features` keeps the image features of CLIPs, and `track` hands results
            to "tensorboard", "trackio" or "wandb".

    Raises:
        UnknownNameError: A model, split, baseline or option that does not exist.
        InputError: Options that contradict each other or the model.
        ImagenetGError: No model could be evaluated; the error is that of the first.
    """
    live = make_live(model, transform, name, options)
    tracker = _open_tracker(options.pop("track", None), out)
    folder = ResultFolder(None if out is None else make_path(out, "out"))
    with lists_as_files(options) as files:
        given = _make_options(model, splits, reference, baseline, data, files, folder.path)
        return _run(given, live, folder, tracker, progress=progress)


def _open_tracker(name: str | None, out: AnyPath | None) -> Tracker | None:
    """The tracker of a name, before anything runs.

    Raises:
        UnknownNameError: There is no such tracker.
        InputError: Its library is not installed, or its files would be removed with the results.
    """
    if name is None:
        return None
    tracker = open_tracker(str(name))
    if tracker.keeps_files and out is None:
        raise InputError(f"track='{name}' keeps its files beside the results: name a folder with out=.")
    return tracker


def _make_options(
    model: Model,
    splits: str | Sequence[str],
    reference: str | None,
    baseline: str | Sequence[str],
    data: Mapping[str, AnyPath] | None,
    further: dict[str, Any],
    out: Path,
) -> EvaluationOptions:
    for option in further:
        if option not in EvaluateOptions.__annotations__:
            raise UnknownNameError("option", option, (*_NAMED, *EvaluateOptions.__annotations__))
    further |= {key: make_path(further[key], key) for key in _PATHS if further.get(key) is not None}
    if "device" in further:
        # As torch spells its own.
        further["device"] = str(further["device"])
    if "templates" in further:
        further["templates"] = str(further["templates"])
    if "trained_on_generated" in further:
        further["trained_on_generated"] = list_words(further["trained_on_generated"], "trained_on_generated")
    if "sets" in further:
        further["sets"] = list_paths(further["sets"], "sets")
    return EvaluationOptions(
        model=list_words(model, "model") if isinstance(model, str | Sequence) else (),
        split=list_words(splits, "splits"),
        reference=reference,
        baseline=list_words(baseline, "baseline"),
        data=list_pairs(data),
        out=out,
        **further,
    )


def make_live(
    model: Model, transform: Transform | None, name: str | None, options: EvaluateOptions
) -> LiveModel | None:
    """The model itself, where it is one of this process.

    Raises:
        InputError: It is neither, or an option does not go with it.
    """
    if isinstance(model, str | Sequence):
        names = [model] if isinstance(model, str) else model
        if not model or not all(isinstance(one, str) for one in names):
            raise InputError("Give one name or a list of names; of models of this process, one at a time.")
        if transform is not None or name is not None:
            raise InputError(
                "transform and name go with a model of this process; a named model brings its own."
            )
        return None
    if not callable(model):
        raise InputError(f"A model is a name, a torch.nn.Module or a callable, not {type(model).__name__}.")
    refused = [
        key for key in ("checkpoint", "checkpoint_key", "devices", "keep_features") if options.get(key)
    ]
    if refused or options.get("engine", "serial") != "serial":
        raise InputError(
            f"{', '.join(refused) or 'engine'} goes with a model that is named: one of this process has its "
            "weights already, and stays in this process."
        )
    called = name or str(getattr(model, "__name__", type(model).__name__))
    # It becomes a part of the spec and of the names of files.
    if not called.isidentifier():
        raise InputError(
            f"'{called}' is no name for a model: use letters, digits and underscores (name=...)."
        )
    return LiveModel(name=called, model=model, transform=transform)


def _run(
    options: EvaluationOptions,
    live: LiveModel | None,
    folder: ResultFolder,
    tracker: Tracker | None,
    *,
    progress: bool,
) -> Results:
    listen, say = choose_listener(progress=progress)
    with name_command(_describe(options, live)), tempfile.TemporaryDirectory() as scratch:
        # Nothing says when a function, or code typed into a notebook, becomes another: no answer is kept.
        answers = None if live is None or can_be_kept(live) else Path(scratch)
        request, plan = make_request(options, live=live, answers=answers)
        for note in plan.notes:
            say(f"note: {note}")
        run = make_evaluate(options, plan, listen=listen, say=say)
        if tracker is not None:
            run = track_outcomes(run, tracker, folder.path, say=say)
        outcomes = run(request)
    return _collect(outcomes, request.data, folder)


def _collect(
    outcomes: Sequence[EvaluationOutcome], data: Mapping[str, Path], folder: ResultFolder
) -> Results:
    """Results of an evaluation.

    Raises:
        ImagenetGError: That of the first model, where all failed.
    """
    done = [
        (one.result, one.path.parent) for one in outcomes if one.result is not None and one.path is not None
    ]
    failures = {one.requested: one.error for one in outcomes if one.error is not None}
    if failures and not done:
        # A caller in Python expects an exception; of several models the others are still worth having.
        raise next(iter(failures.values()))
    return Results(
        [result for result, _ in done],
        [place for _, place in done],
        failures=failures,
        data=data,
        kept=(folder,),
    )


def _describe(options: EvaluationOptions, live: LiveModel | None) -> str:
    models = [live.spec] if live is not None else list(options.model)
    parts = [repr(models[0] if len(models) == 1 else models)]
    named = {"splits": list(options.split or ()), "reference": options.reference}
    parts += [f"{key}={value!r}" for key, value in named.items() if value]
    return f"imagenet_g.evaluate({', '.join(parts)})"


def choose_listener(
    *, progress: bool
) -> tuple[Callable[[], AbstractContextManager[LaneListener]], Callable[[str], None]]:
    """What shows the progress, and what takes notes: in a notebook, on a terminal, or nothing."""
    if not progress:
        return SilentListener, SilentListener().say
    if in_notebook():
        prepare_notebook()
        return NotebookListener, NotebookListener().say
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    return ProgressListener, print_message
