"""A submission's claims checked against its predictions, and those against the split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.errors import DataError, ImagenetGError, UnknownNameError, UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.naming.published import load_published_accuracies
from imagenet_g.benchmark.predictions.class_counts import PairCounts, load_entry_counts, load_entry_evidence
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.freshness import flag_entry
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, load_predictions
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.sanity import check_clean_accuracy
from imagenet_g.benchmark.records import ModelRecord, is_same_model
from imagenet_g.benchmark.results import Entry, has_widened_intervals
from imagenet_g.benchmark.robustness.attach import Baseline
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.submissions.untrusted import validate_predictions_file
from imagenet_g.leaderboard.validation.compare_numbers import check_notice, compare_entries
from imagenet_g.leaderboard.validation.robustness_checks import check_robustness
from imagenet_g.leaderboard.validation.split_store import SplitStore

MAX_UNKNOWN_ROWS = 200_000
"""Rows read where the split, and with it the right number, is not available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFindings:
    """Findings from the predictions.

    Attributes:
        problems: Everything found.
        recomputed: References whose every number was recomputed from predictions of the very split.
    """

    problems: tuple[Problem, ...]
    recomputed: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionEvidence:
    """What a submission is recomputed from.

    Attributes:
        submission: The claim.
        files: Predictions that were checked and found complete, by the path the submission names.
        store: Splits.
        baselines: Published tables and measured baselines.
    """

    submission: Submission
    files: Mapping[str, Path]
    store: SplitStore
    baselines: Sequence[Baseline]


def check_evidence(
    submission: Submission, files: Mapping[str, Path], store: SplitStore, baselines: Sequence[Baseline]
) -> EvidenceFindings:
    """Check every entry against its predictions.

    Args:
        submission: The claim.
        files: Available predictions, by the path the submission names; a missing one makes the entry
            self-reported.
        store: Splits.
        baselines: Published tables and measured baselines that effective robustness is computed again with.
    """
    # A split that comes twice is refused elsewhere; it is read once here, however often it comes.
    entries = {entry.split.ref: entry for entry in submission.result.entries}
    found = {ref: list(_check_entry_file(entry, submission, files, store)) for ref, entry in entries.items()}
    whole = {
        entry.predictions.file: files[entry.predictions.file]
        for ref, entry in entries.items()
        if entry.predictions.file in files and not any(p.severity == "error" for p in found[ref])
    }
    evidence = SubmissionEvidence(submission=submission, files=whole, store=store, baselines=baselines)
    for ref, entry in entries.items():
        if not any(problem.severity == "error" for problem in found[ref]):
            found[ref] += recompute_entry(entry, evidence)
    return EvidenceFindings(
        # A finding about the whole file comes up with every split.
        problems=tuple(dict.fromkeys(problem for problems in found.values() for problem in problems)),
        recomputed=frozenset(
            ref for ref, problems in found.items() if all(one.severity == "note" for one in problems)
        ),
    )


def _check_entry_file(
    entry: Entry, submission: Submission, files: Mapping[str, Path], store: SplitStore
) -> Iterator[Problem]:
    ref = entry.split.ref
    try:
        split = store.find_split(ref)
    except UnknownNameError as unknown:
        yield error("unknown-split", ref, str(unknown))
        return
    except ImagenetGError as damage:
        yield warning("split-not-on-hand", ref, str(damage))
        split = str(damage)
    else:
        yield from check_revision(entry, split)
    path = files.get(entry.predictions.file)
    if path is None:
        yield warning(
            "no-predictions", ref, "no predictions were given, so its numbers are the authors' word"
        )
    else:
        yield from _check_file(path, entry, submission, split)


def check_revision(entry: Entry, split: Split | str) -> Iterator[Problem]:
    """Whether the entry is about the images we have under that name."""
    ref = entry.split.ref
    if isinstance(split, str):
        yield warning("split-not-on-hand", ref, f"its images and labels could not be checked: {split}")
        return
    if entry.split.content_sha256 != split.record.content_sha256:
        yield error("other-revision", ref, "was run on other images or labels than this version's")
    if entry.split.view is None and entry.split.num_classes != split.record.num_classes:
        yield error(
            "contradiction", ref, f"{entry.split.num_classes} classes; it has {split.record.num_classes}"
        )


def _check_file(path: Path, entry: Entry, submission: Submission, split: Split | str) -> Iterator[Problem]:
    ref = entry.split.ref
    max_rows = MAX_UNKNOWN_ROWS if isinstance(split, str) else len(split.rows)
    try:
        # In this order: the footer is checked before the rows are read into memory.
        validate_predictions_file(path, max_rows=max_rows)
        predictions, meta = load_predictions(path)
    except (UntrustedFileError, DataError) as refused:
        yield error("bad-predictions", ref, str(refused))
        return
    if hash_file(path) != entry.predictions.sha256:
        yield error("wrong-hash", ref, "the predictions are not the ones whose sha256 the result names")
    yield from check_meta(meta, entry, submission.result.model)
    if not isinstance(split, str):
        yield from check_rows(predictions, split, ref)
    yield from check_restricted(predictions, meta, ref)


def check_meta(meta: PredictionsMeta, entry: Entry, model: ModelRecord) -> Iterator[Problem]:
    """Whether the predictions are recorded as those of this model on this split."""
    ref = entry.split.ref
    if not is_same_model(meta.model, model):
        yield error("other-model", ref, f"the predictions are of '{meta.model.spec}' or of other settings")
    if meta.limit is not None:
        yield error("partial", ref, f"only {meta.limit} images were run; run without --limit")
    whole = entry.split.ref.removesuffix(f":{entry.split.view}") if entry.split.view else entry.split.ref
    if (meta.split.ref, meta.split.content_sha256) != (whole, entry.split.content_sha256):
        yield error(
            "other-split", ref, f"the predictions are on '{meta.split.ref}' or another revision of it"
        )
    if meta.run != entry.predictions.run:
        yield error(
            "contradiction", ref, "the run recorded with the predictions is not the one in the result"
        )


def check_rows(predictions: Predictions, split: Split, ref: str) -> Iterator[Problem]:
    """Every image of the split once, with the split's own labels."""
    wanted, given = set(split.rows.image_ids), set(predictions.image_ids)
    if missing := wanted - given:
        yield error("missing-image", ref, f"{len(missing)} images have no row, such as {min(missing)}")
    if foreign := given - wanted:
        yield error(
            "foreign-image", ref, f"{len(foreign)} rows are of no image of the split, such as {min(foreign)}"
        )
    if missing or foreign:
        return
    row_of = {image_id: row for row, image_id in enumerate(split.rows.image_ids)}
    order = np.array([row_of[image_id] for image_id in predictions.image_ids], dtype=np.intp)
    expected = [set(row) for row in split.rows.labels[order].tolist()]
    labels = [set(row) for row in predictions.labels.tolist()]
    # As sets: several labels may come in any order, except the first, which is the image's own class.
    wrong = sum(ours - {-1} != theirs - {-1} for ours, theirs in zip(expected, labels, strict=True))
    if wrong:
        yield error("wrong-label", ref, f"{wrong} images have other labels than the split")
    elif (split.rows.labels[order][:, 0] != predictions.labels[:, 0]).any():
        yield error("wrong-label", ref, "the first label of an image is not its own class")


def check_restricted(predictions: Predictions, meta: PredictionsMeta, ref: str) -> Iterator[Problem]:
    """Whether answers among fewer classes follow from those among all.

    The best five of all classes, less those outside a class set, must lead the best five within it: both come
    from one row of logits. An answer that was edited in one place only breaks this.
    """
    for name, restricted in predictions.restricted.items():
        if name not in meta.class_sets:
            yield error("bad-predictions", ref, f"columns of the class set '{name}', which is not described")
            continue
        inside = set(meta.class_sets[name].indices)
        pairs = zip(predictions.top5.indices.tolist(), restricted.indices.tolist(), strict=True)
        broken = sum(_contradicts(best, within, inside) for best, within in pairs)
        if broken:
            yield error(
                "contradiction", ref, f"{broken} answers among '{name}' do not follow from those among all"
            )


def _contradicts(best: list[int], within: list[int], inside: set[int]) -> bool:
    if within[0] == NO_CLASS:
        return False
    leading = [index for index in best if index in inside]
    return set(within[: len(leading)]) != set(leading) or not set(within) <= inside | {NO_CLASS}


def recompute_entry(entry: Entry, evidence: SubmissionEvidence) -> Iterator[Problem]:
    """Every number again, by the benchmark's own code; without predictions, effective robustness alone."""
    ref, path = entry.split.ref, evidence.files.get(entry.predictions.file)
    if path is None:
        yield from check_robustness(entry, evidence.baselines, None).problems
        return
    reference = None
    measured = [gap.reference for gap in entry.gaps if gap.reference.kind == "measured"]
    if measured:
        reference = _find_reference(str(measured[0].predictions_sha256), evidence)
        if reference is None:
            yield error(
                "no-reference", ref, "the predictions of its measured clean set were not given, or refused"
            )
            return
    try:
        again = _rescore_entry(entry, path, reference, evidence)
        found = check_robustness(entry, evidence.baselines, _load_counts(entry, path, evidence))
    except ImagenetGError as problem:
        yield error("not-recomputable", ref, str(problem))
        return
    expected = (*again.warnings, *found.notes)
    yield from compare_entries(entry, again.model_copy(update={"warnings": expected}))
    yield from check_notice(entry, _list_notices(again, path, evidence))
    yield from found.problems


def _list_notices(again: Entry, path: Path, evidence: SubmissionEvidence) -> set[str | None]:
    """The notice stored with the predictions, and today's where the split is available."""
    today = evidence.store.find_split(again.split.ref)
    stored = Evidence.from_file(path).record.notice
    return {stored, again.split.notice} | (set() if isinstance(today, str) else {today.record.notice})


def _find_reference(sha256: str, evidence: SubmissionEvidence) -> Path | None:
    names = {one.predictions.sha256: one.predictions.file for one in evidence.submission.result.entries}
    return evidence.files.get(names.get(sha256, ""))


def _rescore_entry(entry: Entry, path: Path, reference: Path | None, evidence: SubmissionEvidence) -> Entry:
    model = evidence.submission.result.model
    request = RescoreRequest(
        files=(path,),
        reference=reference,
        view=entry.split.view,
        data=evidence.store.data,
        skip_unreadable=entry.unscored_count_as == "left-out",
        out=Path(),
        widened=has_widened_intervals(entry),
        statistics=evidence.submission.result.statistics,
    )
    again = rescore(request).entries[0]
    # Warnings of the evaluation about the model: a submission must not leave them out.
    warnings = (*again.warnings, *_list_doubts(entry, path, evidence))
    return flag_entry(again.model_copy(update={"warnings": warnings}), model)


def _list_doubts(entry: Entry, path: Path, evidence: SubmissionEvidence) -> tuple[str, ...]:
    result = evidence.submission.result
    measured = {gap.reference.predictions_sha256 for one in result.entries for gap in one.gaps}
    if entry.predictions.sha256 not in measured:
        return ()
    clean = load_entry_evidence(entry, path.parent.parent, data=evidence.store.data)
    return check_clean_accuracy(
        clean,
        load_published_accuracies(result.model.spec),
        spec=result.model.spec,
    )


def _load_counts(entry: Entry, path: Path, evidence: SubmissionEvidence) -> PairCounts | None:
    if not entry.effective_robustness or not entry.gaps:
        return None
    result = evidence.submission.result
    named = tuple(one for one in result.entries if one.predictions.file in evidence.files)
    looked_at = result.model_copy(update={"entries": named})
    return load_entry_counts(looked_at, entry, path.parent.parent, data=evidence.store.data)
