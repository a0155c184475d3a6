"""Shares of the rows, as the jobs of an array leave them, joined to the results of a serial run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.composing.joining import join_parts
from imagenet_g.benchmark.composing.part_files import StoredPart, list_part_files, load_part
from imagenet_g.benchmark.composing.places import ResultPlaces, choose_places, make_model_slug
from imagenet_g.benchmark.composing.result_builder import ResultBuilder
from imagenet_g.benchmark.composing.scoring_plans import ScoringPlan
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
from imagenet_g.benchmark.predictions.entry_notes import require_scored
from imagenet_g.benchmark.predictions.evidence import Evidence, restrict_to_twin, restrict_to_view
from imagenet_g.benchmark.predictions.predictions import write_predictions
from imagenet_g.benchmark.records import find_view, is_view_of
from imagenet_g.benchmark.storage import validate_writable


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """Which shares to join.

    Attributes:
        folders: Folders that hold shares.
        data: Local copies of splits, needed for views by a column.
        out: Folder for results.
    """

    folders: Sequence[Path]
    data: Mapping[str, Path]
    out: Path


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome for one model, with the lines that its evaluation was asked for."""

    outcome: EvaluationOutcome
    baselines: tuple[str, ...]


def merge_shares(request: MergeRequest, *, say: Callable[[str], None]) -> list[Merged]:
    """Join the shares of each model on each split, and score them as `evaluate` does.

    Args:
        request: What to join.
        say: Takes a sentence for the user.

    Raises:
        DataError: A folder holds no share, or a file is damaged.
        StorageError: Results cannot be written.
    """
    validate_writable(request.out)
    files = dict.fromkeys(path.resolve() for folder in request.folders for path in list_part_files(folder))
    return [_merge_model(slug, parts, request, say) for slug, parts in _group(map(load_part, files)).items()]


def _group(parts: Iterable[StoredPart]) -> dict[str, list[StoredPart]]:
    """Shares by the folder name of their model, as their content gives it."""
    found: dict[str, list[StoredPart]] = {}
    for part in parts:
        slug = make_model_slug(part.meta.model, dtype=part.meta.predictions.run.dtype)
        found.setdefault(slug, []).append(part)
    return found


def _merge_model(
    slug: str, parts: list[StoredPart], request: MergeRequest, say: Callable[[str], None]
) -> Merged:
    meta = parts[0].meta
    requested, baselines = meta.model.requested, meta.plan.baselines
    try:
        by_split = _sort_by_split(parts, meta.plan)
        spec = meta.model.spec
        places = choose_places(request.out, slug, spec, by_split)
        joined = {base: _join(base, found, places) for base, found in by_split.items()}

        def find_twin(whole: Evidence, found: Evidence) -> Evidence:
            return restrict_to_twin(whole, found, data=request.data)

        builder = ResultBuilder(meta.model, meta.plan, find_twin=find_twin, say=say)
        for ref in meta.plan.list_order():
            base = _find_base(ref, joined)
            builder.add(ref, restrict_to_view(joined[base], find_view(ref, base), data=request.data))
        result, path = builder.write(places.folder, data=request.data)
    except ImagenetGError as error:
        failed = EvaluationOutcome(requested=requested, result=None, path=None, error=error, computed=0)
        return Merged(failed, baselines)
    done = EvaluationOutcome(
        requested=requested, result=result, path=path, error=None, computed=len(by_split)
    )
    return Merged(done, baselines)


def _sort_by_split(parts: Sequence[StoredPart], plan: ScoringPlan) -> dict[str, list[StoredPart]]:
    """Shares by split, in the order in which an evaluation loads its splits.

    Raises:
        DataError: The shares are of several models or evaluations, or a split has none.
    """
    found: dict[str, list[StoredPart]] = {}
    for part in parts:
        found.setdefault(part.meta.predictions.split.ref, []).append(part)
    wanted = [*plan.splits, *plan.list_clean_sets()]
    bases = list(dict.fromkeys(_find_base(ref, found) for ref in wanted))
    if others := sorted(set(found) - set(bases)):
        raise DataError(
            f"'{parts[0].path}' belongs to a run on {', '.join(wanted)}, and there are shares of "
            f"{', '.join(others)} beside it. Name their folder apart."
        )
    return {base: found[base] for base in bases}


def _find_base(ref: str, bases: Iterable[str]) -> str:
    """The split behind a reference, whose view is no split of its own.

    Raises:
        DataError: There is no share of it.
    """
    found = [base for base in bases if is_view_of(ref, base)]
    if not found:
        raise DataError(f"There is no share of '{ref}'; run 'imagenet-g evaluate --rows' on it.")
    return max(found, key=len)


def _join(base: str, parts: Sequence[StoredPart], places: ResultPlaces) -> Evidence:
    predictions, meta = join_parts(parts)
    require_scored(base, predictions)
    path = places.folder / places.files[base]
    write_predictions(path, predictions, meta)
    return Evidence.from_file(path, name=places.files[base])
