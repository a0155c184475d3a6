"""One sentence for each split that reads its result: how far the model falls, and how far others do.

Pure, from an entry alone, so that `evaluate`, `show` and `score` read a result in the same words. A
direction is claimed only where the interval does not hold 0.
"""

from __future__ import annotations

from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.records import Difference
from imagenet_g.benchmark.reports.notes import name_unscored
from imagenet_g.benchmark.reports.numbers import format_change, format_percent
from imagenet_g.benchmark.results import EffectiveRobustness, Entry, Gap, Reference
from imagenet_g.benchmark.robustness.wording import list_thin_places, state_verdict

ABOUT_AS_FAR = 0.02
"""Points as a fraction up to which an effective robustness without evidence is called about as far."""
ABOUT_AS_FAR_SHARE = 0.1
"""The same as a share of the gap, for large gaps."""
ONE_CLASS = "images of one class do not show how classes differ"


def read_entry(entry: Entry, *, is_reference: bool = False) -> str:
    """What an entry shows, in one sentence without a subject, as the model is named above it.

    Args:
        entry: One model on one split.
        is_reference: Whether it is the clean set that other entries are compared with.
    """
    if entry.gaps:
        parts = [
            _read_gap(entry, entry.gaps[0]),
            *read_balanced(entry.gaps[0]),
            *_read_robustness(entry),
        ]
    elif is_reference:
        parts = [f"{_format_right(entry)}, the clean set"]
    else:
        parts = [_format_right(entry), f"no AG: {_explain_no_gap(entry)}"]
    if entry.contamination:
        parts.append("possible contamination, see the notes")
    return "; ".join(parts) + "."


def _format_right(entry: Entry) -> str:
    return f"gets {format_percent(choose_headline(entry).top1.value, 1)} % of {_name_images(entry)} right"


def _name_images(entry: Entry) -> str:
    """The split, and what a reader must know of the images that were counted."""
    remarks = []
    if entry.limit is not None:
        remarks.append(f"a partial run of {entry.n} images")
    if entry.n_unscored:
        fate = "left out" if entry.unscored_count_as == "left-out" else "counted as wrong"
        remarks.append(
            f"{entry.n_unscored} {name_unscored(entry)} {_plural('image', entry.n_unscored)} {fate}"
        )
    return entry.split.ref + (f" ({', '.join(remarks)})" if remarks else "")


def _plural(noun: str, count: int) -> str:
    return noun if count == 1 else f"{noun}s"


def _explain_no_gap(entry: Entry) -> str:
    """Why there is no gap; the entry's own reason where it has one."""
    start = "No gap: "
    reasons = (warning.removeprefix(start) for warning in entry.warnings if warning.startswith(start))
    return next(reasons, "no clean accuracy is available").rstrip(".")


def _read_gap(entry: Entry, gap: Gap) -> str:
    images, against = _name_images(entry), _name_reference(gap.reference)
    numbers = f"AG {_format_bounds(gap.value, gap.low, gap.high)}"
    if gap.low is None or gap.high is None:
        side = "lower" if gap.value < 0 else "higher"
        found = f"{_size(gap.value)} points {side}" if gap.value else "the same"
        return f"has {found} accuracy on {images}{against}, with no interval: {ONE_CLASS}"
    if not _is_shown(gap):
        shown = "no rise is shown" if gap.value > 0 else "no fall is shown"
        return f"{shown} on {images}{against} ({numbers})"
    return f"{'falls' if gap.value < 0 else 'rises'} {_size(gap.value)} points on {images}{against}"


def read_balanced(gap: Gap) -> list[str]:
    """The gap in which each class counts alike, for a filter that kept more images of some; else empty."""
    found = gap.balanced
    if found is None:
        return []
    bounds = _format_bounds(found.value, found.low, found.high)
    return [f"with each of {found.num_classes} classes counted alike, AG {bounds}"]


def _name_reference(reference: Reference) -> str:
    """What is unusual about the clean accuracy; empty for one that was measured alike."""
    remarks = [
        *([] if reference.same_classes else ["covers other classes"]),
        *([] if reference.filtered_alike else ["is not filtered alike"]),
    ]
    if reference.kind == "measured" and not remarks:
        return ""
    named = f" from {'its published accuracy on ' if reference.kind == 'published' else ''}{reference.set}"
    return named + (f", which {' and '.join(remarks)}" if remarks else "")


def _size(value: Difference) -> str:
    """Points without a sign: the verb has it."""
    return format_change(value).lstrip("+−")


def _format_bounds(value: Difference, low: Difference | None, high: Difference | None) -> str:
    if low is None or high is None:
        return f"{format_change(value)}, no interval"
    return f"{format_change(value)}, {format_change(low)} to {format_change(high)}"


def _read_robustness(entry: Entry) -> list[str]:
    records = entry.effective_robustness
    if not records:
        return [f"no ER: {_explain_no_robustness(entry)}"]
    return [_read_record(entry.gaps[0], record, alone=len(records) == 1) for record in records]


def _explain_no_robustness(entry: Entry) -> str:
    if entry.no_robustness:
        refused = entry.no_robustness[0]
        return f"{refused.reason.rstrip('.')} (against {refused.baseline})"
    if not entry.gaps[0].reference.same_classes:
        return "its clean accuracy is over other classes"
    if entry.limit is not None:
        return "only part of the images were run"
    chosen = next((choice for choice in entry.choices if choice.what == "baseline"), None)
    if chosen is None:
        return "no baseline with a line for it was named"
    if chosen.taken is None:
        return "no line of standard models is available for it"
    return f"the line of {chosen.taken} was measured from another clean set or on other images"


def _read_record(gap: Gap, record: EffectiveRobustness, *, alone: bool) -> str:
    others = "standard models of its clean accuracy"
    if record.extrapolated:
        others = "standard models, by their line drawn on to its clean accuracy,"
    if not alone:
        others = f"{others.rstrip(',')}, by {record.baseline} ({record.link}),"
    verdict = state_verdict(record.low, record.high) or _name_side(record)
    bounds = f"ER {_format_bounds(record.value, record.low, record.high)}"
    bounds += "" if record.no_interval is None else f", as {record.no_interval}"
    cautions = "".join(f"; {caution}" for caution in _list_cautions(record))
    numbers = f"({bounds}{f': {verdict}' if verdict else ''}{cautions})"
    return f"{_compare(gap, record, others)} {numbers}"


def _name_side(record: EffectiveRobustness) -> str:
    if not _is_shown(record):
        return ""
    return "more robust" if record.value > 0 else "less robust"


def _list_cautions(record: EffectiveRobustness) -> list[str]:
    weak = [f"the line is weak, r2 {record.r2:.2f}"] if record.weak else []
    narrow = [] if record.clustered else ["the interval takes images as independent and is too narrow"]
    return [*weak, *narrow, *list_thin_places(record)]


def _compare(gap: Gap, record: EffectiveRobustness, others: str) -> str:
    """Whether standard models move further than the model; a direction only where both intervals show it."""
    verb, opposite = ("fall", "rise") if gap.value < 0 else ("rise", "fall")
    theirs = _size(gap.value - record.value)
    if not _is_shown(record):
        if _is_near(gap, record):
            return f"{others} {verb} about as far, by {theirs}"
        return f"whether {others} {f'{verb} as far' if _is_shown(gap) else 'do better or worse'} is not shown"
    if not _is_shown(gap):
        return f"{others} do {'worse' if record.value > 0 else 'better'}"
    if (gap.value < 0) == (record.value > 0):
        return f"{others} {verb} further, by {theirs}"
    if _is_certain(gap, record, same=True):
        return f"{others} {verb} less, by {theirs}"
    if _is_certain(gap, record, same=False):
        return f"{others} {opposite} {theirs}"
    return f"{others} {verb} less, if at all"


def _is_near(gap: Gap, record: EffectiveRobustness) -> bool:
    """Whether standard models move like the model, whatever of the interval is true."""
    if record.low is None or record.high is None or not _is_shown(gap):
        return False
    close = abs(record.value) <= max(ABOUT_AS_FAR, ABOUT_AS_FAR_SHARE * abs(gap.value))
    return close and _is_certain(gap, record, same=True)


def _is_certain(gap: Gap, record: EffectiveRobustness, *, same: bool) -> bool:
    """Whether standard models move in the direction of the model, or else in the other, over the interval."""
    ends = [gap.value - bound for bound in (record.low, record.high) if bound is not None]
    side = gap.value if same else -gap.value
    return all(end * side > 0 for end in ends)


def _is_shown(found: Gap | EffectiveRobustness) -> bool:
    """Whether the interval leaves no doubt about the sign of the value."""
    if found.low is None or found.high is None:
        return False
    return (found.low > 0 and found.value > 0) or (found.high < 0 and found.value < 0)
