"""A submission's claims checked against its predictions, and those against the split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.catalogue.origins import restore_origin
from imagenet_g.benchmark.errors import (
    DataError,
    ImagenetGError,
    SealedSetError,
    TrainingSetError,
    UnknownNameError,
)
from imagenet_g.benchmark.lineage.flags import flag_entry
from imagenet_g.benchmark.naming.published import load_published_accuracies
from imagenet_g.benchmark.predictions.class_counts import (
    PairCounts,
    find_reference,
    load_entry_counts,
    load_entry_evidence,
)
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.predictions.sanity import check_clean_accuracy
from imagenet_g.benchmark.results import Entry, has_widened_intervals
from imagenet_g.benchmark.robustness.attach import Baseline
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.leaderboard.submissions.problems import Problem, error, warning
from imagenet_g.leaderboard.submissions.submission import Submission
from imagenet_g.leaderboard.validation.compare_numbers import check_notice, compare_entries
from imagenet_g.leaderboard.validation.file_checks import check_file, check_revision
from imagenet_g.leaderboard.validation.robustness_checks import check_robustness
from imagenet_g.leaderboard.validation.split_store import SplitStore


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
            self-reported, and refuses it where the split comes with the package.
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
        # What can be checked without predictions is said in the same report.
        if all(problem.severity != "error" or problem.code == "no-predictions" for problem in found[ref]):
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
    except TrainingSetError as training:
        yield error("training-set", ref, str(training))
        return
    except SealedSetError as sealed:
        yield error("sealed-set", ref, str(sealed))
        return
    except ImagenetGError as damage:
        yield warning("split-not-on-hand", ref, str(damage))
        split = str(damage)
    else:
        yield from check_revision(entry, split)
    path = files.get(entry.predictions.file)
    if path is None and _ships(ref):
        message = f"no predictions were given ('{entry.predictions.file}'); its images come with imagenet-g"
        yield error("no-predictions", ref, f"{message}, so that whoever has a score has them: add the file")
    elif path is None:
        yield warning(
            "no-predictions", ref, "no predictions were given, so its numbers are the authors' word"
        )
    else:
        yield from check_file(path, entry, submission, split)


def _ships(ref: str) -> bool:
    version = load_versions().get(ref.partition("/")[0])
    return version is not None and version.embedded


def recompute_entry(entry: Entry, evidence: SubmissionEvidence) -> Iterator[Problem]:
    """Every number again, by the benchmark's own code; without predictions, effective robustness alone."""
    ref, path = entry.split.ref, evidence.files.get(entry.predictions.file)
    result = evidence.submission.result
    if path is None:
        yield from check_robustness(entry, evidence.baselines, None, result).problems
        return
    try:
        reference = _find_clean(entry, evidence)
    except DataError:
        message = "the predictions of its measured clean set were not given, or refused"
        yield error("no-reference", ref, message)
        return
    try:
        again = _rescore_entry(entry, path, reference, evidence)
        counts = _load_counts(entry, path, evidence)
        found = check_robustness(entry, evidence.baselines, counts, result)
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


def _find_clean(entry: Entry, evidence: SubmissionEvidence) -> tuple[Path | None, str | None]:
    """File and view of the measured clean set; DataError where the file was not given, or refused."""
    measured = [gap.reference for gap in entry.gaps if gap.reference.kind == "measured"]
    if not measured:
        return None, None
    source, view = find_reference(evidence.submission.result, measured[0])
    if source.predictions.file not in evidence.files:
        raise DataError(f"'{source.predictions.file}' is not available.")
    return evidence.files[source.predictions.file], view


def _rescore_entry(
    entry: Entry, path: Path, reference: tuple[Path | None, str | None], evidence: SubmissionEvidence
) -> Entry:
    model = evidence.submission.result.model
    request = RescoreRequest(
        files=(path,),
        reference=reference[0],
        reference_view=reference[1],
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
    # The manifest's own; where it is not available the file's word, as for the images.
    known = restore_origin(again.split.model_copy(update={"origin": None}), evidence.store.data)
    split = known.model_copy(update={"origin": known.origin or entry.split.origin})
    return flag_entry(again.model_copy(update={"warnings": warnings, "split": split}), model)


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
        statistics=result.statistics,
    )


def _load_counts(entry: Entry, path: Path, evidence: SubmissionEvidence) -> PairCounts | None:
    if not (entry.effective_robustness or entry.no_robustness) or not entry.gaps:
        return None
    result = evidence.submission.result
    named = tuple(one for one in result.entries if one.predictions.file in evidence.files)
    looked_at = result.model_copy(update={"entries": named})
    return load_entry_counts(looked_at, entry, path.parent.parent, data=evidence.store.data)
