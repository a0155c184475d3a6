"""Several models over one split in one pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.evaluation.model_evaluation import ModelEvaluation
from imagenet_g.benchmark.evaluation.requests import EvaluationListener
from imagenet_g.benchmark.evaluation.selection import choose_class_sets, choose_rows
from imagenet_g.benchmark.splits.splits import Split


def compute_missing(
    models: Sequence[ModelEvaluation],
    split: Split,
    class_sets: Mapping[str, ClassSet],
    listener: EvaluationListener,
) -> None:
    """Give every model that has not failed its predictions on a split, from the cache or in one pass.

    Args:
        models: The models; one that fails keeps its error.
        split: The images.
        class_sets: Class sets of the whole evaluation, by stored name.
        listener: Receives the progress of the pass.
    """
    relevant = choose_class_sets(split, class_sets)

    def list_missing(among: Sequence[ModelEvaluation]) -> dict[str, list[ModelEvaluation]]:
        found: dict[str, list[ModelEvaluation]] = {}
        for model in among:
            with model.drop_out():
                if model.error is None and not model.has_predictions(split, relevant):
                    key = model.run.make_key(split, limit=model.request.limit)
                    found.setdefault(key, []).append(model)
        return found

    missing = list_missing(models)
    while missing:
        # One model under two names has one key: it runs once, and the second name finds it in the cache.
        _run_together([same[0] for same in missing.values()], split, relevant, listener)
        missing = list_missing([model for same in missing.values() for model in same[1:]])


def _run_together(
    models: Sequence[ModelEvaluation],
    split: Split,
    class_sets: Mapping[str, ClassSet],
    listener: EvaluationListener,
) -> None:
    from imagenet_g.benchmark.inference.passes import run_pass

    tasks = {}
    for number, model in enumerate(models):
        with model.drop_out():
            tasks[number] = model.make_task(split, class_sets)
    if not tasks:
        return
    listener.start_split(
        format_names([models[number].run.request.requested for number in tasks]), split.record.ref
    )
    rows = choose_rows(len(split.rows), models[0].request.limit)
    outcomes = run_pass(list(tasks.values()), split, rows, on_progress=listener.advance)
    for number, outcome in zip(tasks, outcomes, strict=True):
        model = models[number]
        with model.drop_out():
            if isinstance(outcome, ImagenetGError):
                raise outcome
            model.keep(outcome, split, class_sets)


def format_names(names: Sequence[str]) -> str:
    """What the models of a pass are called on its bar.

    Example:
        >>> format_names(["timm:resnet18"]), format_names(["timm:resnet18", "timm:vit", "timm:eva"])
        ('timm:resnet18', 'timm:resnet18 and 2 more')
    """
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
