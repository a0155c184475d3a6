"""A result again from stored predictions: no model, no images."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from imagenet_g.benchmark.answers.pairs import add_pairs, format_pairs
from imagenet_g.benchmark.catalogue.origins import restore_origin
from imagenet_g.benchmark.catalogue.roles import require_test_record
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.formats.relabels import RelabelRecord
from imagenet_g.benchmark.lineage.flags import flag_entry
from imagenet_g.benchmark.naming.published import load_published_accuracies
from imagenet_g.benchmark.predictions.class_counts import find_reference, load_stored_evidence
from imagenet_g.benchmark.predictions.entries import make_entry
from imagenet_g.benchmark.predictions.evidence import Evidence, restrict_to_twin, restrict_to_view
from imagenet_g.benchmark.predictions.sanity import check_clean_accuracy
from imagenet_g.benchmark.records import ModelRecord, is_same_model, is_view_of
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Result

Relabel: TypeAlias = Callable[[Evidence], tuple[Evidence, RelabelRecord]]
TWIN = "=twin"
"""No view can have this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreRequest:
    """Which stored predictions to score, and against what.

    Attributes:
        files: Predictions of one model, one file a split.
        reference: The same model's predictions on the clean set; None for a published accuracy.
        reference_view: Rows of the clean set: a view's name, None for all, `TWIN` for those that passed the
            filter of the split's view.
        view: Rows to score; None for all.
        data: Local copies of splits, needed for views by a column.
        skip_unreadable: Leave unscored images out.
        out: Folder the result is for; paths in it are relative to this.
        widened: Widen intervals to the noise within classes; False for the rules of earlier results.
        statistics: Rules to compute by; 1 for a result that states no version.
        pairs: Accept either label of classes of one name.
        relabel: Gives the predictions other labels than the set's own; such scores have no gap.
    """

    files: tuple[Path, ...]
    reference: Path | None
    view: str | None
    data: Mapping[str, Path]
    skip_unreadable: bool
    out: Path
    widened: bool = True
    statistics: int = STATISTICS_VERSION
    reference_view: str | None = TWIN
    pairs: bool = False
    relabel: Relabel | None = None


def rescore(request: RescoreRequest) -> Result:
    """Compute a result from predictions files.

    Raises:
        DataError: A file is damaged, or the files are of different models.
        InputError: The view leaves no row, or the answers are to a training set.
        UnknownNameError: There is no such view.
    """
    loaded = [_load_evidence(path, request) for path in request.files]
    model = loaded[0].model
    reference = None if request.reference is None else _load_evidence(request.reference, request)
    if request.reference is not None and reference is not None:
        _validate_same_model(model, reference, request.reference)
        if request.reference_view != TWIN:
            reference = restrict_to_view(reference, request.reference_view, data=request.data)
    entries = []
    for path, evidence in zip(request.files, loaded, strict=True):
        _validate_same_model(model, evidence, path)
        entries.append(flag_entry(_make_entry(path, evidence, reference, request), model))
    return Result(
        statistics=request.statistics,
        model=model,
        environment=make_environment(),
        entries=tuple(entries),
    )


def rescore_entry(entry: Entry, result: Result, folder: Path, *, data: Mapping[str, Path]) -> Entry:
    """An entry of a stored result by today's rules; effective robustness, which needs a baseline, apart.

    Args:
        entry: One of the result's, of any statistics.
        result: The result, which has the clean set that its gap is measured from.
        folder: Where it lies; predictions are named relative to it.
        data: Local copies of splits, needed for views by a column.

    Raises:
        DataError: Predictions are missing, were changed or are of another model.
        InputError: A view needs a local copy of its split, or the entry has labels of its own.
    """
    if entry.label_rule is not None:
        raise InputError(f"'{entry.split.ref}' was scored with --pairs; score its predictions again so.")
    evidence = load_stored_evidence(entry, entry.split.view, folder, data=data)
    _validate_same_model(result.model, evidence, folder / entry.predictions.file)
    published = load_published_accuracies(result.model.spec)
    is_clean = any(is_view_of(clean, entry.split.ref) for clean in _list_clean_sets(result))
    fresh = make_entry(
        evidence,
        reference=None if is_clean else _load_reference(entry, evidence, result, folder, data),
        # A clean set has no gap of its own, and what had none before was not asked for one.
        published=() if is_clean or not entry.gaps else published,
        skip_unscored=entry.unscored_count_as == "left-out",
        warnings=check_clean_accuracy(evidence, published, spec=result.model.spec) if is_clean else (),
    )
    split = restore_origin(fresh.split, data)
    return flag_entry(fresh.model_copy(update={"split": split}), result.model)


def _list_clean_sets(result: Result) -> set[str]:
    """Sets that gaps of a result are measured from."""
    references = [gap.reference for entry in result.entries for gap in entry.gaps]
    return {reference.set for reference in references if reference.kind == "measured"}


def _load_reference(
    entry: Entry, evidence: Evidence, result: Result, folder: Path, data: Mapping[str, Path]
) -> Evidence | None:
    measured = [gap.reference for gap in entry.gaps if gap.reference.kind == "measured"]
    if not measured:
        return None
    source, view = find_reference(result, measured[0])
    reference = load_stored_evidence(source, view, folder, data=data)
    # Version 1 knew no twins; in a later result all of the clean set is the user's own choice.
    return restrict_to_twin(reference, evidence, data=data) if result.statistics == 1 else reference


def _make_entry(path: Path, evidence: Evidence, reference: Evidence | None, request: RescoreRequest) -> Entry:
    try:
        seen = restrict_to_view(evidence, request.view, data=request.data)
        if request.relabel is not None:
            return _make_relabelled(seen, request.relabel, skip_unscored=request.skip_unreadable)
        if reference is not None and request.reference_view == TWIN:
            reference = restrict_to_twin(reference, seen, data=request.data)
        if request.pairs:
            seen, reference = _accept_pairs(seen, reference)
        entry = make_entry(
            seen,
            reference=reference,
            # Published accuracies are with one label an image: part of the gap would be the second label's.
            published=() if request.pairs else load_published_accuracies(evidence.model.spec),
            skip_unscored=request.skip_unreadable,
            warnings=[format_pairs()] if request.pairs else (),
            widened=request.widened,
            statistics=request.statistics,
        )
        return entry.model_copy(update={"label_rule": "pairs"}) if request.pairs else entry
    except UnknownNameError:
        raise
    except (DataError, InputError) as error:
        # Several files are scored at once, and scoring itself sees none of their names.
        raise type(error)(f"'{path}' cannot be scored: {error}") from error


def _accept_pairs(seen: Evidence, reference: Evidence | None) -> tuple[Evidence, Evidence | None]:
    # The reference's images of the split's classes first: a second label must not bring in other images.
    twin = None if reference is None else accept_pairs(reference.with_labels_in(seen.class_set))
    return accept_pairs(seen), twin


def accept_pairs(evidence: Evidence) -> Evidence:
    """The same predictions, right with either label of classes of one name.

    The stored sums over all outputs are of the labels as they were, so metrics from them are not computed.
    """
    answers = evidence.predictions
    return replace(
        evidence,
        predictions=replace(
            answers,
            labels=add_pairs(answers.labels),
            top5=replace(answers.top5, sums=None),
            restricted={name: replace(top5, sums=None) for name, top5 in answers.restricted.items()},
        ),
    )


def _make_relabelled(evidence: Evidence, relabel: Relabel, *, skip_unscored: bool) -> Entry:
    seen, record = relabel(evidence)
    # A published accuracy follows the set's own labels, and so would a clean set: neither may be subtracted.
    entry = make_entry(seen, reference=None, published=(), skip_unscored=skip_unscored)
    note = (
        f"{record.name} labels: {record.n_without} images without one are left out, and any of an image's "
        f"labels is right ({record.source}, sha256 {record.sha256[:12]})."
    )
    return entry.model_copy(update={"relabelled": record, "warnings": (note, *entry.warnings)})


def _load_evidence(path: Path, request: RescoreRequest) -> Evidence:
    # `Path.relative_to` cannot step upwards, and predictions need not lie below the result.
    found = Evidence.from_file(path, name=Path(os.path.relpath(path, request.out)).as_posix())
    require_test_record(found.record, request.data)
    return replace(found, record=restore_origin(found.record, request.data))


def _validate_same_model(model: ModelRecord, evidence: Evidence, path: Path) -> None:
    if not is_same_model(evidence.model, model):
        raise DataError(
            f"'{path}' holds predictions of '{evidence.model.spec}' with other weights or settings; "
            "a result is about one model, so score its files apart."
        )
