"""What is checked before the first image of a build: that scorers can run here and views can be taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from imagenet_g.benchmark.errors import ImagenetGError, InputError, UnknownNameError
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.splits.manifests import ClassView, list_parts
from imagenet_g.generation.captions.prompts import load_pinned_captions
from imagenet_g.generation.releases.files import list_split_columns
from imagenet_g.generation.releases.writing import list_views
from imagenet_g.generation.rendering.safety_scorer import require_safety
from imagenet_g.generation.specs.inputs import CaptionPromptSpec
from imagenet_g.generation.specs.version import (
    ClipScorerSpec,
    JudgeScorerSpec,
    SafetyScorerSpec,
    SplitSpec,
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


def describe_missing(spec: VersionSpec, splits: tuple[str, ...], *, with_scores: bool = True) -> list[str]:
    """What a build would be refused for here, in sentences; empty for nothing.

    Args:
        spec: The version.
        splits: Those that are built.
        with_scores: Whether the scorers run.
    """
    scorers = find_reason(lambda: validate_scorers(spec, splits)) if with_scores else None
    files = find_reason(lambda: validate_files(spec, splits))
    reasons = [reason for reason in (scorers, files) if reason is not None]
    captions = [reason for name in splits if (reason := find_missing_captions(spec.splits[name])) is not None]
    return [f"A build would stop at once here: {reason}" for reason in (*captions, *reasons)]


def find_reason(check: Callable[[], object]) -> str | None:
    """What a check refuses, as its message; None where it passes."""
    try:
        check()
    except ImagenetGError as error:
        return str(error)
    return None


def find_missing_captions(split: SplitSpec) -> str | None:
    """Why the frozen captions of a split cannot be its prompts here; None if they can or it has others."""
    prompts = split.prompts
    if not isinstance(prompts, CaptionPromptSpec):
        return None
    return find_reason(lambda: load_pinned_captions(prompts))


def validate_files(spec: VersionSpec, splits: tuple[str, ...]) -> None:
    """Refuse, before weights are fetched, a generator whose own files are not here.

    Raises:
        InputError: The spec names a file that does not exist.
    """
    for name in sorted({spec.splits[split].generator for split in splits}):
        spec.generators[name].require_files()


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
        columns = list_split_columns(spec, split, with_scores=with_scores)
        for view, described in list_views(split, with_scores=with_scores).items():
            for part in list_parts(described):
                if not isinstance(part, ClassView) and part.column not in columns:
                    where = f"for the view '{view}' of split '{name}'"
                    raise UnknownNameError("column", part.column, columns, where=where)
