"""The answer of a critique in three sentences, made from its numbers and nothing else."""

from __future__ import annotations

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import (
    format_bounds,
    format_number,
    format_searched,
    format_share,
    make_sentence,
)
from imagenet_g.benchmark.quality.records import FidelityAverages
from imagenet_g.benchmark.reports.numbers import format_percent


def list_answers(critique: Critique) -> tuple[str, ...]:
    """Three sentences: validity, likeness to the reference, and variety with copies and safety."""
    return tuple(
        sentence
        for sentence in (
            _answer_validity(critique),
            _answer_likeness(critique),
            _answer_variety(critique),
        )
        if sentence
    )


def _answer_validity(critique: Critique) -> str:
    audit, seen = critique.audit, critique.recognition
    if (
        audit is not None
        and not audit.simulated
        and (share := audit.not_valid.corrected or audit.not_valid.consistency) is not None
    ):
        how = "corrected by the controls" if audit.not_valid.corrected else "not corrected"
        return (
            f"People find the class in {format_share(share)} of the images ({audit.not_valid.num_images} "
            f"rated, {how}, “cannot say” as not valid): beside an accuracy on all images, read the accuracy "
            "on these."
        )
    # A rating that a program gave is none, and is said to be one.
    nobody = "nobody has rated these images"
    if audit is not None and audit.simulated:
        nobody = "no person has rated these images, only a program that stands for raters (simulated)"
    if seen is None:
        return f"Whether the images show their classes is unknown: {nobody}, and no model has judged."
    beside = f"{format_percent(seen.shuffled.value, 1)} % with the labels shuffled"
    if seen.reference is not None:
        beside += f", and {format_share(seen.reference.share, bounds=False)} of the reference's images"
    some = "the judge has" if len(seen.judges) == 1 else f"at least one of {len(seen.judges)} judges has"
    return (
        f"{make_sentence(nobody)} For {format_share(seen.share)} of them {some} the class among the first "
        f"{seen.k} answers ({beside}), which is neither validity nor a bound of it."
    )


def _answer_likeness(critique: Critique) -> str:
    section = next((one for one in critique.distances or () if one.means is not None), None)
    if section is None or section.means is None:
        return f"How far the images lie from {critique.reference.ref} is unknown."
    means, whole = section.means, section.whole
    text = (
        f"By {section.features.frechet_name} they lie {format_number(means.frechet.value)} from "
        f"{critique.reference.ref} class by class ({section.n_class} images of "
        f"{_format_classes(section.num_classes)}), where two halves of the reference lie "
        f"{format_number(means.frechet_floor.value)} apart{_compare_with_floor(means)}"
    )
    if whole is None:
        return f"{text}."
    return (
        f"{text}; all classes at once ({whole.n:,} images), they lie {format_number(whole.frechet.value)} "
        f"away where the halves lie {format_number(whole.frechet_floor)} apart."
    )


def _format_classes(number: int) -> str:
    """As many classes, behind a number of images "of".

    Example:
        >>> _format_classes(1), _format_classes(104)
        ('one class', 'each of 104 classes')
    """
    return "one class" if number == 1 else f"each of {number} classes"


def _compare_with_floor(means: FidelityAverages) -> str:
    excess, kernel = means.frechet_excess, means.kernel
    if excess.low is None or excess.high is None:
        return ""
    if not excess.low <= 0 <= excess.high:
        if excess.low > 0:
            return f": {format_number(excess.value)} farther than real images from each other"
        less = format_number(abs(excess.value))
        return f": {less} less than real images from each other, which images that vary little can do"
    # With few images of a class the bias of a Fréchet distance hides what the kernel distance shows.
    if kernel.low is not None and kernel.low > 0:
        return (
            ": no difference from real images by that measure, but one by the kernel distance "
            f"({format_number(kernel.value)}, {format_bounds(kernel)}, where 0 is expected)"
        )
    return ": not measurably farther than real images from each other"


def _answer_variety(critique: Critique) -> str:
    parts = []
    section = next((one for one in critique.diversity or () if one.ratio is not None), None)
    if section is not None and section.ratio is not None:
        collapsed = section.num_collapsed or 0
        parts.append(
            f"images of a class differ {format_number(section.ratio.value)} times as much as the reference's "
            f"({collapsed} of {section.num_classes} classes less than half as much)"
        )
    if (near := critique.near_duplicates) is not None:
        inside = next((one for one in near.searches if one.kind == "within"), None)
        if inside is not None:
            parts.append(f"{inside.num_near:,} of {format_searched(near)} look like another one")
    if critique.safety is not None and (judge := critique.safety.classifier) is not None:
        parts.append(f"{judge.num_flagged:,} of {judge.num_scored:,} flagged as not safe for work")
    if not parts:
        return "How varied the images are is unknown."
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."
