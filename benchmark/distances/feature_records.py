"""What is stored of a CLIP whose features are measured: above all, whether it chose the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from imagenet_g.benchmark.distances.lineage import format_use, is_same_clip
from imagenet_g.benchmark.distances.results import ClipUse
from imagenet_g.benchmark.quality.records import FeatureRecord
from imagenet_g.benchmark.records import ClipRecord


def describe_clip_features(
    clip: ClipRecord, uses: Sequence[ClipUse], refs: Mapping[str, str]
) -> FeatureRecord:
    """The record of a CLIP's features.

    Args:
        clip: The CLIP that measures.
        uses: CLIPs behind the images of both sides, from `lineage.list_clip_uses`.
        refs: Reference of each side by its part, "split" and "reference".

    Returns:
        With a sentence for each use of this CLIP, and for each use of one that the release does not name.
    """
    same = [format_use(use, refs[use.part], clip) for use in uses if is_same_clip(use, clip)]
    unnamed = [
        f"'{refs[use.part]}' was filtered by a CLIP that its release does not name ({use.detail}): whether "
        f"it is {clip.spec} is unknown."
        for use in uses
        if use.spec is None and use.weights_sha256 is None
    ]
    return FeatureRecord(
        name=clip.spec,
        num_dimensions=clip.num_dimensions,
        weights_sha256=clip.weights_sha256,
        resizing=clip.preprocessing.description,
        is_inception=False,
        influences=(*same, *unnamed),
    )
