"""What is checked before the first image of a build: that scorers can run here and views can be taken."""

from __future__ import annotations

from collections.abc import Iterable

from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.splits.manifests import ClassView, list_parts
from imagenet_g.generation.releases.writing import list_views, make_split_features
from imagenet_g.generation.rendering.safety_scorer import require_safety
from imagenet_g.generation.specs.version import (
    ClipScorerSpec,
    JudgeScorerSpec,
    SafetyScorerSpec,
    VersionSpec,
)


def validate_scorers(spec: VersionSpec, splits: tuple[str, ...]) -> None:
    """Refuse, before days of rendering, a scorer that could not run behind them.

    Raises:
        UnknownNameError: No model library has the model of a scorer.
        InputError: A scorer's model is no model spec, or its package is not installed.
    """
    wanted = {scorer for name in splits for scorer in spec.splits[name].scorers}
    validate_scorer_models(spec, wanted)
    if any(isinstance(spec.scorers[name], SafetyScorerSpec) for name in wanted):
        require_safety()


def validate_scorer_models(spec: VersionSpec, wanted: Iterable[str]) -> None:
    """Refuse a scorer whose model no installed library offers under that name; no weights are read.

    Raises:
        UnknownNameError: No such library, model or weights.
        InputError: The model of a scorer is no model spec.
    """
    for name in sorted(wanted):
        scorer = spec.scorers[name]
        if isinstance(scorer, ClipScorerSpec | JudgeScorerSpec):
            try:
                resolve_model_spec(parse_model_spec(scorer.model))
            except ImagenetGError as error:
                raise InputError(f"Scorer '{name}': {error}") from error


def describe_missing(spec: VersionSpec, splits: tuple[str, ...]) -> list[str]:
    """What a build would be refused for here, in sentences; empty for nothing."""
    try:
        validate_scorers(spec, splits)
    except InputError as error:
        return [f"A build would stop at once here: {error}"]
    return []


def validate_views(spec: VersionSpec, splits: tuple[str, ...], *, with_scores: bool) -> None:
    """Refuse a view that the release could not have.

    Args:
        spec: The version.
        splits: Those that are built.
        with_scores: Whether the scorers run; without, views on scores are left out.

    Raises:
        UnknownNameError: A view filters by a column that the release will not have.
    """
    for name in splits:
        split = spec.splits[name]
        columns = make_split_features(spec, split, with_scores=with_scores)
        for view, described in list_views(split, with_scores=with_scores).items():
            for part in list_parts(described):
                if not isinstance(part, ClassView) and part.column not in columns:
                    where = f"for the view '{view}' of split '{name}'"
                    raise UnknownNameError("column", part.column, columns, where=where)
