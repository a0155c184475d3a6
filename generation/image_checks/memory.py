"""Images that may be copies of training images.

Nearer to one of them than real images that nobody trained on, or much nearer to one than to any other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.critiques.image_checks import MemoryCandidate, MemorySearch
from imagenet_g.generation.image_checks.images import CheckedImages, VectorArray
from imagenet_g.generation.image_checks.nearest import (
    FloatArray,
    TwoNearest,
    find_two_nearest,
    summarize_cosines,
)

MAX_RATIO = 0.5
"""Distance to the nearest over that to the second-nearest training image, from which on down a candidate."""
LEVEL_SHARE = 0.99
NUM_CANDIDATES = 24


def search_memory(
    images: CheckedImages, training: CheckedImages, unseen: CheckedImages | None
) -> tuple[MemorySearch, tuple[tuple[int, int], ...]] | None:
    """Hold images against those that their generator was trained on.

    Args:
        images: The split's, with embeddings.
        training: The training images, with embeddings of the same model.
        unseen: Real images that the generator was not trained on, which give the level; None without.

    Returns:
        The record, and the candidates as places among the images and the training images; None where no image
        or no training image has an embedding.
    """
    (mine, vectors), (theirs, known) = _pick(images), _pick(training)
    if not len(vectors) or not len(known):
        return None
    found = find_two_nearest(vectors, known)
    baseline = None if unseen is None else _measure_unseen(unseen, training, known)
    level = None if baseline is None else float(np.quantile(baseline, LEVEL_SHARE))
    ratios = found.ratios
    # NaN, for an image on two equal training images, compares as not isolated; the level finds such an image.
    isolated = ratios <= MAX_RATIO
    above = np.zeros(len(mine), dtype=np.bool_) if level is None else found.cosine > level
    order = _order_candidates(found, isolated | above)
    record = MemorySearch(
        training=training.describe(),
        nearest=summarize_cosines(found.cosine),
        nearest_unseen=None if baseline is None else summarize_cosines(baseline),
        level=level,
        num_above_level=None if level is None else int(above.sum()),
        num_isolated=int(isolated.sum()),
        max_ratio=MAX_RATIO,
        candidates=tuple(
            _describe(images, training, int(mine[place]), int(theirs[found.rows[place]]), found, place)
            for place in order
        ),
    )
    return record, tuple((int(mine[place]), int(theirs[found.rows[place]])) for place in order)


def _pick(images: CheckedImages) -> tuple[npt.NDArray[np.intp], VectorArray]:
    """Places of the images that have an embedding, and the embeddings."""
    if images.vectors is None:
        return np.empty(0, dtype=np.intp), np.empty((0, 1), dtype=np.float32)
    present = np.flatnonzero(np.isfinite(images.vectors).all(axis=1))
    return present, images.vectors[present]


def _measure_unseen(unseen: CheckedImages, training: CheckedImages, known: VectorArray) -> FloatArray | None:
    # Images that were trained on are copies of themselves, and no level.
    if unseen.split.record.content_sha256 == training.split.record.content_sha256:
        return None
    _, vectors = _pick(unseen)
    return find_two_nearest(vectors, known).cosine if len(vectors) else None


def _order_candidates(found: TwoNearest, chosen: npt.NDArray[np.bool_]) -> list[int]:
    """Places of the candidates, lowest ratio first; two equal training images (no ratio) before all."""
    ratios = np.nan_to_num(found.ratios, nan=-1.0)
    order = np.lexsort((-found.cosine, ratios))
    return [int(place) for place in order if chosen[place]][:NUM_CANDIDATES]


def _describe(
    images: CheckedImages, training: CheckedImages, number: int, other: int, found: TwoNearest, place: int
) -> MemoryCandidate:
    (image_id, wnid), (training_id, training_wnid) = images.name(number), training.name(other)
    ratio = float(found.ratios[place])
    return MemoryCandidate(
        image_id=image_id,
        wnid=wnid,
        training_id=training_id,
        training_wnid=training_wnid,
        cosine=float(found.cosine[place]),
        ratio=None if np.isnan(ratio) else min(1.0, ratio),
    )
