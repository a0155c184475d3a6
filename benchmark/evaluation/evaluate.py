"""Models on splits: from a request to result files.

For each model: resolve it (from memory of an earlier run if its files are unchanged), predict whatever is not
in the cache, score, and write `<out>/<model>/result.json` with the predictions beside it. A model that fails
does not stop the others.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import load_split, validate_set_view
from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.evaluation.kept_entries import list_kept_entries
from imagenet_g.benchmark.evaluation.model_run import EvaluationListener, ModelRun
from imagenet_g.benchmark.evaluation.places import ResultPlaces, choose_places
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome, EvaluationRequest
from imagenet_g.benchmark.evaluation.selection import choose_class_sets, choose_rows, list_class_sets
from imagenet_g.benchmark.identity import hash_file, hash_json, make_slug
from imagenet_g.benchmark.lineage.flags import flag_entry
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.naming.published import load_published_accuracies
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.predictions.entries import make_entry
from imagenet_g.benchmark.predictions.entry_notes import require_scored
from imagenet_g.benchmark.predictions.evidence import Evidence, make_evidence, select_twin, select_view
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.predictions.sanity import check_clean_accuracy
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, PredictionsRecord, Result
from imagenet_g.benchmark.splits.readable import require_readable
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.benchmark.storage import replace_file, validate_writable

DEFAULT_TEMPLATES = "openai-80"


def run_evaluation(request: EvaluationRequest, listener: EvaluationListener) -> tuple[EvaluationOutcome, ...]:
    """Evaluate every model on every split.

    Raises:
        InputError: A split is unknown, empty or not available here; checked before any model is loaded.
        FetchError: A split is on the Hub and cannot be fetched.
        DataError: A split is damaged, or none of its images can be read.
        StorageError: Results or the cache cannot be written.
    """
    validate_writable(request.out)
    validate_writable(request.cache.folder)
    splits = _load_splits(request, listener)
    return tuple(_run_model(model, request, splits, listener) for model in request.models)


def _load_splits(request: EvaluationRequest, listener: EvaluationListener) -> dict[str, Split]:
    splits: dict[str, Split] = {}
    for ref in _list_refs(request):
        validate_set_view(ref)
        if ref.base not in splits:
            splits[ref.base] = load_split(
                replace(ref, view=None),
                data=request.data,
                cache=request.cache.folder,
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


def _list_refs(request: EvaluationRequest) -> list[SplitRef]:
    return [*request.splits, *request.list_references()]


def _run_model(
    model: ModelRequest, request: EvaluationRequest, splits: Mapping[str, Split], listener: EvaluationListener
) -> EvaluationOutcome:
    run = ModelRun(model, request.settings, request.cache, listener)
    try:
        result, path = _evaluate_model(run, request, splits, listener)
    except ImagenetGError as error:
        return EvaluationOutcome(
            requested=model.requested, result=None, path=None, error=error, computed=run.computed
        )
    return EvaluationOutcome(
        requested=model.requested, result=result, path=path, error=None, computed=run.computed
    )


def _evaluate_model(
    run: ModelRun, request: EvaluationRequest, splits: Mapping[str, Split], listener: EvaluationListener
) -> tuple[Result, Path]:
    record = request.declaration.apply(run.load_record())
    slug = make_model_slug(record, dtype=request.settings.dtype)
    places = choose_places(request.out, slug, record.spec, splits)
    published = load_published_accuracies(record.spec)
    wanted = list_class_sets(_list_refs(request), splits)
    evidence: dict[str, Evidence] = {}
    entries: list[Entry] = []
    # First, so that a wrongly set up model shows before hours are spent on it.
    for ref in request.list_references():
        clean = evidence[str(ref)] = _gather(run, ref, splits, wanted, request.limit, places)
        doubts = check_clean_accuracy(clean, published, spec=record.spec)
        for doubt in doubts:
            listener.say(doubt)
        entries.append(
            make_entry(
                clean, reference=None, published=(), skip_unscored=request.skip_unreadable, warnings=doubts
            )
        )
    for ref in request.splits:
        # The clean set may be listed among the splits as well; its entry stands already.
        if str(ref) in evidence:
            continue
        found = evidence[str(ref)] = _gather(run, ref, splits, wanted, request.limit, places)
        reference = _choose_clean(ref, found, request, evidence, splits)
        entries.append(
            make_entry(found, reference=reference, published=published, skip_unscored=request.skip_unreadable)
        )
    flagged = tuple(flag_entry(_add_choices(entry, request), record) for entry in entries)
    refs = {entry.split.ref for entry in flagged}
    kept, lost = list_kept_entries(places.folder, record, refs, data=request.data)
    if lost:
        listener.say(lost)
    result = Result(
        statistics=STATISTICS_VERSION,
        model=record,
        environment=make_environment(),
        entries=(*flagged, *kept),
    )
    return result, write_result(places.folder, result)


def _choose_clean(
    wanted: SplitRef,
    found: Evidence,
    request: EvaluationRequest,
    evidence: Mapping[str, Evidence],
    splits: Mapping[str, Split],
) -> Evidence | None:
    ref = request.find_reference(wanted)
    if ref is None:
        return None
    whole = evidence[str(ref)]
    return whole if request.unfiltered_reference else select_twin(whole, splits[ref.base], found)


def _add_choices(entry: Entry, request: EvaluationRequest) -> Entry:
    return entry.model_copy(update={"choices": request.choices.get(entry.split.ref, ())})


def make_model_slug(record: ModelRecord, *, dtype: str) -> str:
    """Folder name of a model's results; other weights, class maps and dtypes have separate folders."""
    parts = [make_slug(record.spec)]
    if record.spec.endswith(OWN_WEIGHTS) or record.class_map is not None:
        parts.append(hash_json([record.weights_sha256, record.class_map])[:8])
    if record.zero_shot is not None and record.zero_shot.templates != DEFAULT_TEMPLATES:
        parts.append(record.zero_shot.templates)
    # The default has no suffix, so that most folders have the plain name of their model.
    if dtype != "float32":
        parts.append(dtype)
    return "-".join(parts)


def _gather(
    run: ModelRun,
    ref: SplitRef,
    splits: Mapping[str, Split],
    class_sets: Mapping[str, ClassSet],
    limit: int | None,
    places: ResultPlaces,
) -> Evidence:
    split = splits[ref.base]
    rows = choose_rows(len(split.rows), limit)
    relevant = choose_class_sets(split, class_sets)
    predictions, meta, cached = run.load_predictions(split, rows, relevant, limit=limit)
    require_scored(split.record.ref, predictions)
    file = places.folder / places.files[ref.base]
    with replace_file(file) as temporary:
        # A copy and no link: the cache may be emptied, and a result must stay whole.
        shutil.copyfile(cached, temporary)
    source = PredictionsRecord(file=places.files[ref.base], sha256=hash_file(file), run=meta.run)
    evidence = make_evidence(split, predictions, meta, source)
    return evidence if ref.view is None else select_view(evidence, split, ref.view)
