"""The table of figures of a critique: each measure with its interval, its floor, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import (
    UNKNOWN,
    count_things,
    format_bounds,
    format_number,
    format_searched,
    list_distance_names,
)
from imagenet_g.benchmark.quality.records import DistanceSection, DiversitySection
from imagenet_g.benchmark.reports.numbers import format_percent


class FigureRow(NamedTuple):
    """A line of the table of figures, as text."""

    measure: str
    value: str
    interval: str
    """95 %; "unknown" where it cannot be given."""
    beside: str
    """What the same measure gives where nothing is wrong, or what it is held against."""
    rests_on: str


def list_figures(critique: Critique) -> tuple[FigureRow, ...]:
    """The table of figures, the measures that people read first at the top."""
    return (
        *_list_audit(critique),
        *_list_recognition(critique),
        *(row for section in critique.distances or () for row in _list_distances(section)),
        *(row for section in critique.diversity or () for row in _list_diversity(section)),
        *_list_copies(critique),
        *_list_safety(critique),
        *_list_variation(critique),
    )


def _list_audit(critique: Critique) -> Iterator[FigureRow]:
    audit = critique.audit
    if audit is None:
        return
    # In every row, because rows are read and copied one by one.
    mark = "SIMULATED, no person: " if audit.simulated else ""
    on = f"{audit.not_valid.num_images} rated images, “cannot say” as not valid"
    if (raw := audit.not_valid.consistency) is not None:
        value = f"{format_percent(raw.value, 1)} %"
        yield FigureRow(f"{mark}label validity, as rated", value, format_bounds(raw, percent=True), "", on)
    if (right := audit.not_valid.corrected) is not None:
        value = f"{format_percent(right.value, 1)} %"
        interval = format_bounds(right, percent=True)
        yield FigureRow(f"{mark}label validity, corrected", value, interval, "", on)
    if audit.quality is not None:
        beside = "" if audit.control_quality is None else f"controls {audit.control_quality.value:.2f}"
        yield FigureRow(
            f"{mark}quality, 1 to 5", f"{audit.quality.value:.2f}", format_bounds(audit.quality), beside, on
        )


def _list_recognition(critique: Critique) -> Iterator[FigureRow]:
    seen = critique.recognition
    if seen is None:
        return
    beside = f"labels shuffled {format_percent(seen.shuffled.value, 1)} %"
    if seen.reference is not None:
        beside += f"; reference {format_percent(seen.reference.share.value, 1)} %"
    yield FigureRow(
        "machine-recognised share (no bound of validity)",
        f"{format_percent(seen.share.value, 1)} %",
        format_bounds(seen.share, percent=True),
        beside,
        f"{count_things(len(seen.judges), 'judge')}, first {seen.k} of {seen.num_outputs} classes",
    )


def _list_distances(section: DistanceSection) -> Iterator[FigureRow]:
    features, means, whole = section.features, section.means, section.whole
    frechet, kernel = list_distance_names(section)
    if means is not None:
        on = f"{section.num_classes} classes of {section.n_class} images, {features.name}"
        for name, found, floor in (
            (frechet, means.frechet, means.frechet_floor),
            (kernel, means.kernel, means.kernel_floor),
        ):
            beside = f"floor {format_number(floor.value)}"
            yield FigureRow(f"{name}, by class", format_number(found.value), format_bounds(found), beside, on)
    if whole is not None:
        on = f"{whole.n:,} images on each side, {features.name}"
        for name, one, bottom in (
            (frechet, whole.frechet, whole.frechet_floor),
            (kernel, whole.kernel, whole.kernel_floor),
        ):
            beside = f"floor {format_number(bottom)}"
            yield FigureRow(f"{name}, whole", format_number(one.value), format_bounds(one), beside, on)
        yield from _list_neighbours(section)


def _list_neighbours(section: DistanceSection) -> Iterator[FigureRow]:
    whole = section.whole
    if whole is None or whole.neighbours is None:
        return
    on = f"{whole.n} images on each side, {whole.num_neighbours} neighbours, {section.features.name}"
    for name in ("precision", "recall", "density", "coverage"):
        found = getattr(whole.neighbours, name)
        floor = None if whole.neighbours_floor is None else getattr(whole.neighbours_floor, name)
        beside = "" if floor is None else f"floor {format_number(floor.value)}"
        yield FigureRow(name, format_number(found.value), format_bounds(found), beside, on)


def _list_diversity(section: DiversitySection) -> Iterator[FigureRow]:
    if section.split is None:
        return
    on = f"{section.num_classes} classes of {section.n_class} images, {section.features.name}"
    for name, part in (("diversity (Table 7)", "diversity"), ("Vendi score", "vendi"), ("spread", "spread")):
        found = getattr(section.split, part)
        reference = None if section.reference is None else getattr(section.reference, part)
        beside = "" if reference is None else f"reference {format_number(reference.value)}"
        yield FigureRow(f"{name}, by class", format_number(found.value), format_bounds(found), beside, on)


_SEARCHES = {
    "within": "images that look like another one",
    "split": "images that look like one of another split",
    "reference": "images that look like one of the reference",
}


def _list_copies(critique: Critique) -> Iterator[FigureRow]:
    near = critique.near_duplicates
    for search in () if near is None else near.searches:
        other = "" if search.kind == "within" else f" ({search.compared_with.ref})"
        yield FigureRow(
            f"{_SEARCHES[search.kind]}{other}",
            f"{search.num_near:,}",
            "counted",
            "" if search.num_confirmed is None else f"{search.num_confirmed:,} confirmed by features",
            f"{format_searched(near) if near else 0}, hashes of 64 bits",
        )
    for memory in () if near is None else near.memory:
        above = memory.num_above_level
        yield FigureRow(
            f"nearer to a training image ({memory.training.ref}) than 99 % of unseen ones",
            UNKNOWN if above is None else f"{above:,}",
            "counted",
            # The level is the 99 % quantile of unseen images: one in a hundred passes it anyway.
            "" if above is None or near is None else f"{near.num_images / 100:.0f}, expected without copies",
            f"{memory.training.num_images:,} training images",
        )


def _list_safety(critique: Critique) -> Iterator[FigureRow]:
    safety = critique.safety
    if safety is None:
        return
    if (judge := safety.classifier) is not None:
        yield FigureRow(
            f"flagged by {judge.name}",
            f"{judge.num_flagged:,}",
            "counted",
            f"{judge.num_doubtful:,} doubtful",
            f"{judge.num_scored:,} images, threshold {judge.threshold:g}; trained on {judge.trained_on}",
        )
    if (checker := safety.checker) is not None:
        on = f"{checker.num_judged:,} images"
        yield FigureRow(
            "flagged by the generator's own checker", f"{checker.num_flagged:,}", "counted", "", on
        )


def _list_variation(critique: Critique) -> Iterator[FigureRow]:
    variation = critique.variation
    if variation is None:
        return
    plain = variation.plain
    yield FigureRow(
        "images that show next to nothing",
        f"{plain.num_any:,}",
        "counted",
        "",
        f"{plain.num_images:,} images",
    )
    for share in variation.shares:
        if share.share is None:
            continue
        expected = UNKNOWN if share.expected is None else f"{format_percent(share.expected, 1)} %"
        yield FigureRow(
            f"variation within classes that goes with the {share.factor}",
            f"{format_percent(share.share, 1)} %",
            "",
            f"values shuffled {expected}",
            f"{share.num_images:,} images, {share.num_groups:,} values",
        )
