"""Limits that a reader must consider before quoting a distance."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.benchmark.distances.geometry import MIN_SHAPE_IMAGES
from imagenet_g.benchmark.distances.lineage import format_use, is_same_clip
from imagenet_g.benchmark.distances.results import ClipDistances, ClipUse, MeasuredImages
from imagenet_g.benchmark.images.reasons import count_reasons, format_reasons
from imagenet_g.benchmark.quality.diversity import COLLAPSED


def list_warnings(
    split: MeasuredImages,
    reference: MeasuredImages,
    uses: Sequence[ClipUse],
    measures: Sequence[ClipDistances],
    *,
    num_shared: int,
) -> tuple[str, ...]:
    """Every reason for caution, the gravest first.

    Args:
        split: The images that were measured.
        reference: What they were measured from.
        uses: CLIPs that influenced the images.
        measures: The distances under each CLIP, at least one.
        num_shared: Images that are on both sides.
    """
    sides = (split, reference)
    return (
        *_list_circular(split, reference, uses, measures),
        *_list_few_clips(uses, measures),
        *_list_shared(num_shared),
        *_list_collapsed(measures, split.split.ref),
        *_list_few_images(measures[0]),
        *_list_left_out(sides),
        # Two sides of one release share its notice.
        *dict.fromkeys(side.split.notice for side in sides if side.split.notice),
    )


def _list_circular(
    split: MeasuredImages,
    reference: MeasuredImages,
    uses: Sequence[ClipUse],
    measures: Sequence[ClipDistances],
) -> list[str]:
    refs = {"split": split.split.ref, "reference": reference.split.ref}
    lines = [
        format_use(use, refs[use.part], measure.clip)
        for use in uses
        for measure in measures
        if is_same_clip(use, measure.clip)
    ]
    lines += [
        f"'{refs[use.part]}' was filtered by a CLIP that its release does not name ({use.detail}): "
        "whether it is one of these is unknown."
        for use in uses
        if use.spec is None
    ]
    if not any(measure.independent for measure in measures):
        lines.append("No CLIP here is independent of the images. Add one that is with --clip.")
    return lines


def _list_collapsed(measures: Sequence[ClipDistances], ref: str) -> list[str]:
    """Images that hardly differ can all lie near the mean of their class."""
    return [
        f"By {measure.clip.spec} the images of a class in '{ref}' differ from each other by "
        f"{measure.spread_split.value / measure.spread_reference.value:.2f} of what reference images do: a "
        "generator that draws one picture again and again lies near its class by every distance here. Look "
        "at the images before calling them near."
        for measure in measures
        if measure.spread_split is not None
        and measure.spread_reference is not None
        and measure.spread_split.value < COLLAPSED * measure.spread_reference.value
    ]


def _list_few_clips(uses: Sequence[ClipUse], measures: Sequence[ClipDistances]) -> list[str]:
    if len({measure.clip.weights_sha256 for measure in measures}) > 1:
        return []
    return [
        f"One CLIP only ({measures[0].clip.spec}): an image that is far by one CLIP need not be far by "
        "another. Name a second with --clip."
    ]


def _list_shared(num_shared: int) -> list[str]:
    if not num_shared:
        return []
    return [
        f"{num_shared} images are on both sides: they lie nearer to a class that they helped to place than "
        "new images do."
    ]


def _list_few_images(measure: ClipDistances) -> list[str]:
    lines, classes = [], measure.classes
    if alone := [row for row in classes if row.cosine_reference is None]:
        lines.append(
            f"{len(alone)} of {len(classes)} classes have a single reference image: their expected "
            "cosine is unknown, so they have no reduction."
        )
    if lacking := [row for row in classes if row.mahalanobis_split is None]:
        share = f"{len(lacking)} of {len(classes)} classes"
        lines.append(f"{share} have no Mahalanobis distance: {_explain_lack(measure)}.")
    shrunk = [row.shrinkage for row in classes if row.shrinkage is not None]
    few = [
        row
        for row in classes
        if measure.pca and MIN_SHAPE_IMAGES <= row.n_reference <= measure.pca.num_components
    ]
    if few and measure.pca and shrunk and measure.protocol == "ours":
        lines.append(
            f"{len(few)} of {len(classes)} classes have no more reference images than the "
            f"{measure.pca.num_components} dimensions of the Mahalanobis distance: their covariance is "
            f"shrunk towards a round one (mean weight {sum(shrunk) / len(shrunk):.2f} over all classes)."
        )
    if measure.pca and measure.pca.num_components < measure.pca.requested:
        lines.append(
            f"The reference images span {measure.pca.num_components} dimensions, not the "
            f"{measure.pca.requested} requested."
        )
    return lines


def _explain_lack(measure: ClipDistances) -> str:
    if measure.protocol == "paper" and measure.pca is not None:
        return (
            "a covariance that is not shrunk needs more reference images than its "
            f"{measure.pca.num_components} dimensions"
        )
    return f"fewer than {MIN_SHAPE_IMAGES} reference images, or no difference between them"


def _list_left_out(sides: Sequence[MeasuredImages]) -> list[str]:
    lines = []
    for side in sides:
        if side.unreadable:
            counts = count_reasons(image.reason for image in side.unreadable)
            lines.append(
                f"{len(side.unreadable)} images of '{side.split.ref}' are left out, first "
                f"'{side.unreadable[0].image_id}'. {format_reasons(counts)}"
            )
        if side.missing_wnids:
            shown = ", ".join(side.missing_wnids[:3]) + (", ..." if len(side.missing_wnids) > 3 else "")
            lines.append(
                f"Left out: classes that '{side.split.ref}' has no image of and the other side has, "
                f"{len(side.missing_wnids)} ({shown})."
            )
    return lines
