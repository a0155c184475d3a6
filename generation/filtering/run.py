"""A set given the filtered views of a release: `imagenet-g filter`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import find_release, load_split
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.filters.kept import (
    KeptMeta,
    KeptScores,
    ScoreArray,
    attach_kept,
    choose_store,
    load_kept,
    write_kept,
)
from imagenet_g.benchmark.filters.quality import is_same_scorer, make_quality_filter
from imagenet_g.benchmark.filters.twins import find_twin
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, ScorerRecord, load_manifest
from imagenet_g.benchmark.splits.readable import require_readable
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.filtering.like import ReleaseFilters, list_filters
from imagenet_g.generation.filtering.scoring import ScoredSet, clear_parts, score_set
from imagenet_g.generation.rendering.pixel_scorer import PIXEL_MODEL
from imagenet_g.generation.rendering.safety_scorer import SAFETY_MODEL
from imagenet_g.generation.rendering.scorer import Scorer
from imagenet_g.generation.rendering.scorers import load_scorer
from imagenet_g.generation.specs.version import (
    ClipScorerSpec,
    JudgeScorerSpec,
    PixelScorerSpec,
    SafetyScorerSpec,
    ScorerSpec,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRequest:
    """What to filter, and like which release.

    Attributes:
        ref: The set; its view, if it has one, is refused.
        like: The release: "v1", or "v1/sd-l" for the filters of one split.
        models: Specs to load scorers by, by the scorer's name, where the release's own cannot be loaded here.
        data: Local copies by name.
        device: Where scorers run.
        workers: Threads that read and decode images.
        cache: Where file hashes are remembered.
    """

    ref: SplitRef
    like: str
    models: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Path]
    device: str
    workers: int
    cache: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOutcome:
    """What came of it.

    Attributes:
        split: The set with its new views.
        filters: Those of the release.
        path: Where the scores are kept; None where the set's own columns do.
        num_unreadable: Images without a score.
    """

    split: Split
    filters: ReleaseFilters
    path: Path | None
    num_unreadable: int


def filter_set(
    request: FilterRequest,
    *,
    on_scorer: Callable[[str], None],
    on_progress: Callable[[int, int], None],
    note: Callable[[str], None],
) -> FilterOutcome:
    """Score a set by a release's scorers, keep the scores, and give the set the release's views.

    Args:
        request: What to do.
        on_scorer: Called with a scorer's name before it runs.
        on_progress: Called with the number of images it has scored and of all.
        note: Receives what a reader must know.

    Raises:
        InputError: The set or the release is not available here, or there is nothing to filter by.
        DataError: A scorer is not the release's, or no image can be read.
        ImagenetGError: As loading a model does.
        StorageError: The store cannot be written.
    """
    if request.ref.view is not None:
        raise InputError(f"Filter the whole set: '{request.ref.base}' and not its view '{request.ref.view}'.")
    filters, manifest_sha256 = _load_filters(request)
    split = load_split(request.ref, data=request.data, cache=request.cache, note=note, kept=False)
    if _has_own(split, filters):
        return FilterOutcome(split=split, filters=filters, path=None, num_unreadable=0)
    require_readable(split, range(len(split.rows)), ref=split.record.ref)
    store, content = choose_store(), split.record.content_sha256
    parts = store / content / "parts"
    found: dict[str, tuple[ScorerRecord, ScoredSet]] = {}
    for name, recorded in filters.scorers.items():
        known = _find_scored(load_kept(store, content), name, recorded)
        if known is None:
            scorer, own = load_release_scorer(name, recorded, request, note=note)
            on_scorer(name)
            known = (
                own,
                score_set(split, scorer, folder=parts, workers=request.workers, on_progress=on_progress),
            )
        found[name] = known
    kept = _make_kept(split, filters, manifest_sha256, found)
    path = write_kept(store, kept)
    clear_parts(parts)
    return FilterOutcome(
        split=attach_kept(split, load_kept(store, content)),
        filters=filters,
        path=path,
        num_unreadable=kept.meta.num_unreadable,
    )


def _load_filters(request: FilterRequest) -> tuple[ReleaseFilters, str]:
    version, _, name = request.like.partition("/")
    if not version or "/" in name or ":" in request.like:
        raise InputError(f"Malformed release '{request.like}'. Use RELEASE or RELEASE/SPLIT, such as 'v1'.")
    # The split decides nothing where the release is available; where not, the message names it.
    base = f"{version}/{name or next(iter(_list_known_splits(version)), 'sd-l')}"
    folder = find_release(SplitRef("version", base, None), request.data, cache=request.cache)
    return list_filters(load_manifest(folder), name or None), hash_file(folder / MANIFEST_NAME)


def _list_known_splits(version: str) -> tuple[str, ...]:
    known = load_versions().get(version)
    return () if known is None else known.splits


def _has_own(split: Split, filters: ReleaseFilters) -> bool:
    """Whether the set's own columns allow every view already, as those of the release itself do."""
    scored = replace(split, scorers=dict(filters.scorers))
    wanted = [make_quality_filter(scored, view) for view in filters.views.values()]
    # Without the content: a column of the same name in this set may be of another scorer.
    blank = [replace(one, content_sha256="") for one in wanted if one is not None]
    return all(find_twin(one, split) is not None for one in blank)


def _find_scored(
    kept: Sequence[KeptScores], name: str, recorded: ScorerRecord
) -> tuple[ScorerRecord, ScoredSet] | None:
    """Scores by the same model that were kept for this or another release."""
    for one in kept:
        for other, record in one.meta.scorers.items():
            if is_same_scorer(record, recorded):
                columns = {
                    f"{column.removesuffix(other)}{name}": values
                    for column, values in one.columns.items()
                    if column.endswith(f".{other}")
                }
                return record, ScoredSet(columns, one.meta.num_unreadable)
    return None


def load_release_scorer(
    name: str, recorded: ScorerRecord, request: FilterRequest, *, note: Callable[[str], None]
) -> tuple[Scorer, ScorerRecord]:
    """The model behind a release's column, and its record as loaded here.

    Raises:
        DataError: The release records no weights, or the model has others.
        InputError: The release records no model that could be loaded; `models` can name one.
        ImagenetGError: As loading a model does.
    """
    model = request.models.get(name, recorded.model)
    if recorded.weights_sha256 is None:
        raise DataError(
            f"'{request.like}' does not record the weights of '{name}', so no model can be shown to be it."
        )
    if model is None or ("local-dir:" in model and name not in request.models):
        raise InputError(
            f"'{request.like}' was scored by '{recorded.model}', which is no name to load a model by. Give "
            f"its place with --scorer {name}=MODEL; its weights are compared with the release's."
        )
    scorer = load_scorer(name, _make_spec(model, recorded), request.device)
    own = ScorerRecord.model_validate(
        {key: value for key, value in scorer.describe().items() if key in ScorerRecord.model_fields}
    )
    if own.weights_sha256 != recorded.weights_sha256:
        raise DataError(
            f"'{model}' has the weights {str(own.weights_sha256)[:16]}, and '{request.like}' was scored by "
            f"{recorded.weights_sha256[:16]}: its scores would be of another model. Give the release's own "
            f"with --scorer {name}=MODEL."
        )
    if not is_same_scorer(own, recorded):
        note(
            f"note: '{name}' prepares images otherwise than for '{request.like}' ({own.preprocessing}; there "
            f"{recorded.preprocessing}): these views do not count as filtered alike."
        )
    return scorer, own


def _make_spec(model: str, recorded: ScorerRecord) -> ScorerSpec:
    if model == PIXEL_MODEL:
        return PixelScorerSpec(kind="pixels")
    if model == SAFETY_MODEL:
        return SafetyScorerSpec(kind="safety")
    if recorded.text is None:
        return JudgeScorerSpec(kind="judge", model=model)
    return ClipScorerSpec(kind="clip", model=model, text=recorded.text)


def _make_kept(
    split: Split,
    filters: ReleaseFilters,
    manifest_sha256: str,
    found: Mapping[str, tuple[ScorerRecord, ScoredSet]],
) -> KeptScores:
    columns: dict[str, ScoreArray] = {}
    for _, scored in found.values():
        columns |= scored.columns
    return KeptScores(
        meta=KeptMeta(
            content_sha256=split.record.content_sha256,
            ref=split.record.ref,
            like=filters.like,
            manifest_sha256=manifest_sha256,
            scorers={name: record for name, (record, _) in found.items()},
            views=dict(filters.views),
            num_images=len(split.rows),
            num_unreadable=max(scored.num_unreadable for _, scored in found.values()),
        ),
        image_ids=split.rows.image_ids,
        columns=columns,
    )
