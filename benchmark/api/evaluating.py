"""`imagenet_g.evaluate`: models on splits, from Python."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, Unpack

from imagenet_g.benchmark.api.results import Results
from imagenet_g.benchmark.environment import name_command
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
from imagenet_g.benchmark.models.classifiers import LiveModel, Transform
from imagenet_g.benchmark.runs.options import EvaluationOptions
from imagenet_g.benchmark.runs.requests import make_request
from imagenet_g.benchmark.runs.running import LaneListener, make_evaluate
from imagenet_g.benchmark.terminal.notebook import NotebookListener, SilentListener, in_notebook
from imagenet_g.benchmark.terminal.text import print_message

if TYPE_CHECKING:
    import torch

AnyPath: TypeAlias = str | Path
Model: TypeAlias = "str | Sequence[str] | torch.nn.Module | Callable[[torch.Tensor], object]"


class EvaluateOptions(TypedDict, total=False):
    """Further options of `evaluate`; each is the option of that name of `imagenet-g evaluate`."""

    checkpoint: AnyPath
    checkpoint_key: str
    class_map: AnyPath
    templates: str
    class_names: AnyPath
    unfiltered_reference: bool
    sets: Sequence[AnyPath]
    limit: int
    skip_unreadable: bool
    stream: bool
    training_data: str
    trained_until: str
    trained_on_generated: Sequence[str]
    device: str
    batch_size: int
    workers: int
    backend: str
    feeding: str
    compile: bool
    dtype: str
    devices: str
    engine: str
    address: str
    actors: int
    cpus_per_actor: float
    keep_features: bool
    cache: AnyPath


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
        **options: See `EvaluateOptions`.

    Raises:
        UnknownNameError: A model, split, baseline or option that does not exist.
        InputError: Options that contradict each other or the model.
        ImagenetGError: No model could be evaluated; the error is that of the first.
    """
    live = _make_live(model, transform, name, options)
    folder = Path(tempfile.mkdtemp(prefix="imagenet-g-")) if out is None else Path(out).expanduser()
    given = _make_options(model, splits, reference, baseline, data, options, folder)
    try:
        results = _run(given, live, progress=progress)
    except BaseException:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if out is None:
        weakref.finalize(results, shutil.rmtree, folder, ignore_errors=True)
    return results


def _make_options(
    model: Model,
    splits: str | Sequence[str],
    reference: str | None,
    baseline: str | Sequence[str],
    data: Mapping[str, AnyPath] | None,
    options: EvaluateOptions,
    out: Path,
) -> EvaluationOptions:
    further: dict[str, Any] = dict(options)
    for option in further:
        if option not in EvaluateOptions.__annotations__:
            raise UnknownNameError("option", option, (*_NAMED, *EvaluateOptions.__annotations__))
    further |= {key: Path(further[key]).expanduser() for key in _PATHS if further.get(key) is not None}
    if "sets" in further:
        further["sets"] = [Path(path).expanduser() for path in further["sets"]]
    return EvaluationOptions(
        model=_list_words(model) if isinstance(model, str | Sequence) else (),
        split=_list_words(splits),
        reference=reference,
        baseline=_list_words(baseline),
        data=[f"{key}={path}" for key, path in (data or {}).items()],
        out=out,
        **further,
    )


def _list_words(words: str | Sequence[str]) -> list[str]:
    return [words] if isinstance(words, str) else list(words)


def _make_live(
    model: Model, transform: Transform | None, name: str | None, options: EvaluateOptions
) -> LiveModel | None:
    """The model itself, where it is one of this process.

    Raises:
        InputError: It is neither, or an option does not go with it.
    """
    if isinstance(model, str | Sequence):
        if not model or not all(isinstance(one, str) for one in _list_words(model)):
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
    if not called.isidentifier():
        raise InputError(
            f"'{called}' is no name for a model: use letters, digits and underscores (name=...)."
        )
    return LiveModel(name=called, model=model, transform=transform)


def _is_module(live: LiveModel) -> bool:
    import torch

    return isinstance(live.model, torch.nn.Module)


def _run(options: EvaluationOptions, live: LiveModel | None, *, progress: bool) -> Results:
    opaque = live is not None and not _is_module(live)
    if opaque:
        # Nothing is known of its code: it cannot be compiled, and it may take CPU tensors only.
        options = replace(options, device="cpu", backend="torch")
    request, plan = make_request(options, live=live)
    with name_command(_describe(options, live)), tempfile.TemporaryDirectory() as scratch:
        if opaque:
            request = replace(request, cache=Cache(Path(scratch)))
        listen, say = _choose_listener(progress=progress)
        for note in plan.notes:
            say(f"note: {note}")
        outcomes = make_evaluate(options, plan, listen=listen, say=say)(request)
    return collect(outcomes, request.data)


def collect(outcomes: Sequence[EvaluationOutcome], data: Mapping[str, Path]) -> Results:
    """Results of an evaluation.

    Raises:
        ImagenetGError: That of the first model, where all failed.
    """
    done = [
        (one.result, one.path.parent) for one in outcomes if one.result is not None and one.path is not None
    ]
    failures = {one.requested: one.error for one in outcomes if one.error is not None}
    if failures and not done:
        raise next(iter(failures.values()))
    return Results(
        [result for result, _ in done], [folder for _, folder in done], failures=failures, data=data
    )


def _describe(options: EvaluationOptions, live: LiveModel | None) -> str:
    models = [live.spec] if live is not None else list(options.model)
    parts = [repr(models[0] if len(models) == 1 else models)]
    named = {"splits": list(options.split or ()), "reference": options.reference}
    parts += [f"{key}={value!r}" for key, value in named.items() if value]
    return f"imagenet_g.evaluate({', '.join(parts)})"


def _choose_listener(
    *, progress: bool
) -> tuple[Callable[[], AbstractContextManager[LaneListener]], Callable[[str], None]]:
    if not progress:
        return SilentListener, SilentListener().say
    if in_notebook():
        return NotebookListener, NotebookListener().say
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    return ProgressListener, print_message
