"""The notes below a report: each once, with the splits that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagenet_g.benchmark.formats.runs import ANSWERS
from imagenet_g.benchmark.images.reasons import ReasonCount, format_reasons
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Gap, Result
from imagenet_g.benchmark.robustness.placements import start_sentence
from imagenet_g.benchmark.robustness.wording import list_left_out
from imagenet_g.benchmark.splits.registry import drop_superseded

LEGEND = (
    "AG: top-1 on the split minus the clean accuracy. ER: top-1 minus what standard models of that clean "
    "accuracy reach. Intervals of 95 %."
)
WITHOUT_CLEAN = (
    "No accuracy gap: no clean accuracy of the model is published for these classes; measure one with "
    "--reference."
)


UNANSWERED = "unanswered"


def list_notes(results: Sequence[Result]) -> list[str]:
    """Every warning of every entry once, and what the marks in the table mean."""
    about: dict[str, dict[str, Entry]] = {}
    for result in results:
        for entry in result.entries:
            for text in _list_remarks(entry):
                about.setdefault(text, {})[entry.split.ref] = entry
    notes = [_format_note(text, list(entries.values())) for text, entries in about.items()]
    marks = _explain_marks([entry for result in results for entry in result.entries])
    old = dict.fromkeys(line for result in results for line in explain_old_statistics(result))
    return [*notes, *old, *marks]


def _format_note(text: str, entries: Sequence[Entry]) -> str:
    """The text behind the splits that it is about; a notice names its version itself."""
    if all(text == drop_superseded(entry.split.notice) for entry in entries):
        versions = dict.fromkeys(entry.split.version or entry.split.ref for entry in entries)
        missing = [version for version in versions if not text.startswith(f"{version} ")]
        return f"{', '.join(missing)}: {text}" if missing else text
    return f"{', '.join(entry.split.ref for entry in entries)}: {text}"


def _list_remarks(entry: Entry) -> Iterator[str]:
    """What an entry's sentence does not say; a notice apart from the sentence on a newer split."""
    said = tuple(start_sentence(record.baseline, record.link) for record in entry.effective_robustness)
    for warning in entry.warnings:
        if warning.startswith((*said, "No gap: ")):
            continue
        kept = drop_superseded(warning)
        if kept is not None:
            yield kept
        if kept != warning:
            yield warning.removeprefix(kept or "").strip()
    yield from explain_unscored(entry)
    for record in entry.effective_robustness:
        yield from list_left_out(record)


def _explain_marks(entries: Sequence[Entry]) -> Iterator[str]:
    gaps = [gap for entry in entries for gap in entry.gaps]
    if gaps:
        yield LEGEND
    elif entries:
        yield WITHOUT_CLEAN
    if any(is_flagged(gap) for gap in gaps):
        yield "* the clean images are no same-class, same-filter twin of the split; the notes say why."
    if any(gap.reference.kind == "published" for gap in gaps):
        yield "published: the clean accuracy was looked up, not measured; its source is in the result."


def is_flagged(gap: Gap) -> bool:
    """Whether the clean images differ from the split's in classes or filter."""
    return not (gap.reference.same_classes and gap.reference.filtered_alike)


def explain_old_statistics(result: Result) -> list[str]:
    """What a reader of an older file needs to know of its intervals; empty for one of today."""
    if result.statistics == STATISTICS_VERSION:
        return []
    return [
        f"{result.model.spec}: statistics {result.statistics}: intervals, references and effective "
        f"robustness follow the rules of an earlier release; today's are version {STATISTICS_VERSION}. Run "
        "'imagenet-g score --upgrade RESULT' to bring them up from the stored predictions."
    ]


def explain_unscored(entry: Entry) -> list[str]:
    """Why images of an entry have no prediction, and what they count as; empty where all have one."""
    counts = [ReasonCount(found.reason, found.n) for found in entry.unscored_reasons or ()]
    if not counts:
        return []
    if entry.unscored_count_as == "left-out":
        return [f"{format_reasons(counts)} They are left out."]
    step = (
        "'score --skip-unanswered' leaves them out"
        if name_unscored(entry) == UNANSWERED
        else "repair the files, or leave them out by --skip-unreadable"
    )
    return [f"{format_reasons(counts)} They count as wrong; {step}."]


def name_unscored(entry: Entry) -> str:
    """What images without a prediction are: unreadable, or unanswered where answers came from elsewhere."""
    return UNANSWERED if entry.predictions.run.backend == ANSWERS else "unreadable"
