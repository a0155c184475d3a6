"""Models on splits: from a request to result files.

Models are taken in groups that memory holds. For each group and each split, clean sets first: whatever is not
in the cache is predicted in one pass over the images, and scored; then `<out>/<model>/result.json` is written
with the predictions beside it. A model that fails does not stop the others. Of a share of the rows only the
predictions are written, and nothing is scored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from imagenet_g.benchmark.catalogue.catalogue import load_split, validate_set_view
from imagenet_g.benchmark.catalogue.roles import require_test_split
from imagenet_g.benchmark.evaluation.groups import choose_memory, form_groups
from imagenet_g.benchmark.evaluation.model_evaluation import ModelEvaluation
from imagenet_g.benchmark.evaluation.model_run import ModelRun
from imagenet_g.benchmark.evaluation.part_evaluation import PartEvaluation
from imagenet_g.benchmark.evaluation.passes import compute_missing
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.evaluation.selection import choose_rows, list_class_sets
from imagenet_g.benchmark.splits.readable import require_readable
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.benchmark.storage import validate_writable


def run_evaluation(request: EvaluationRequest, listener: EvaluationListener) -> tuple[EvaluationOutcome, ...]:
    """Evaluate every model on every split.

    Raises:
        InputError: A split is unknown, empty, a training set or not available here; checked before any model
            is loaded.
        FetchError: A split is on the Hub and cannot be fetched.
        DataError: A split is damaged, or none of its images can be read.
        StorageError: Results or the cache cannot be written.
    """
    validate_writable(request.out)
    validate_writable(request.cache.folder)
    splits = load_splits(request, listener)
    outcomes: list[EvaluationOutcome] = []
    for group in _form_groups(request, splits, listener):
        _evaluate_group(group, request, splits, listener)
        outcomes += [model.make_outcome() for model in group]
    return tuple(outcomes)


def load_splits(request: EvaluationRequest, listener: EvaluationListener) -> dict[str, Split]:
    """The splits and clean sets of an evaluation, by reference without a view.

    Raises:
        InputError: One is unknown, empty, a training set or not available here.
        FetchError: One is on the Hub and cannot be fetched.
        DataError: One is damaged, or none of its images can be read.
    """
    splits: dict[str, Split] = {}
    for ref in [*request.splits, *request.list_references()]:
        validate_set_view(ref)
        if ref.base not in splits:
            require_test_split(ref, request.data, cache=request.split_cache or request.cache.folder)
            splits[ref.base] = load_split(
                replace(ref, view=None),
                data=request.data,
                cache=request.split_cache or request.cache.folder,
                note=listener.say,
                stream=request.stream,
            )
        # Only for its errors: an unknown, empty or unreadable view must be reported before a model is loaded.
        rows = _choose_view_rows(splits[ref.base], ref.view, request.limit)
        # Not of a stream, where it would fetch a row group that predictions in the cache do not need.
        if not request.stream:
            require_readable(splits[ref.base], rows, ref=str(ref))
    return splits


def _choose_view_rows(split: Split, view: str | None, limit: int | None) -> Sequence[int]:
    run = choose_rows(len(split.rows), limit)
    if view is None:
        return run
    inside = set(apply_view(split, view)[0])
    return [row for row in run if row in inside]


def _form_groups(
    request: EvaluationRequest, splits: Mapping[str, Split], listener: EvaluationListener
) -> Iterator[list[ModelEvaluation]]:
    def start_models() -> Iterator[ModelEvaluation]:
        for asked in request.models:
            run = ModelRun(asked, request.settings, request.cache, listener)
            kind = ModelEvaluation if request.share is None else PartEvaluation
            model = kind(run, request, splits, listener)
            model.start()
            yield model

    def weigh(model: ModelEvaluation) -> int:
        return model.estimate_bytes()

    def measure_memory() -> int:
        return choose_memory(request.settings.device)

    return form_groups(start_models(), weigh, measure_memory=measure_memory)


def _evaluate_group(
    group: Sequence[ModelEvaluation],
    request: EvaluationRequest,
    splits: Mapping[str, Split],
    listener: EvaluationListener,
) -> None:
    order = request.list_order()
    class_sets = list_class_sets([*request.splits, *request.list_references()], splits)
    for ref in order:
        compute_missing(group, splits[ref.base], class_sets, listener)
        for model in group:
            if model.error is None:
                model.add(ref)
    # Splits that it has answered are run again: one result is not of two backends.
    refused = [model for model in group if model.fall_back()]
    for model in group:
        if model not in refused:
            model.finish()
            # The next group is loaded while this one is still known.
            model.run.release()
    if refused:
        _evaluate_group(refused, request, splits, listener)
