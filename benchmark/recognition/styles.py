"""The style of images by a CLIP: the style whose prompts an image is nearest to.

Each style is a direction: the mean of the embeddings of its prompts, scaled to length 1 (Radford et al. 2021,
section 3.1.4). The prompts name no class, so that one direction serves all images.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.lineage.filter_kin import FilterKinship
from imagenet_g.benchmark.predictions.scoring import estimate_accuracy
from imagenet_g.benchmark.recognition.records import (
    STYLE_CAUTION,
    StylePrompts,
    StyleSection,
    StyleShares,
)
from imagenet_g.benchmark.records import ClipRecord
from imagenet_g.benchmark.statistics.accuracy import IntArray

if TYPE_CHECKING:
    import numpy.typing as npt

    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder

STYLE_PROMPTS: Mapping[str, tuple[str, ...]] = {
    "photograph": ("a photo.", "a photograph.", "a photo taken with a camera."),
    "drawing": ("a drawing.", "a sketch.", "a cartoon drawing."),
    "painting": ("a painting.", "an oil painting.", "a watercolour painting."),
    "rendering": ("a rendering.", "a 3d rendering.", "a computer generated image."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleHead:
    """The text side: a direction for each style.

    Attributes:
        clip: Which CLIP encoded the prompts; the images must be encoded by the same.
        styles: Names and prompts, in the order of the directions.
        directions: `(S, D)` float32 of length 1.
    """

    clip: ClipRecord
    styles: tuple[StylePrompts, ...]
    directions: npt.NDArray[np.float32]


def build_style_head(encoder: ClipEncoder, prompts: Mapping[str, Sequence[str]] = STYLE_PROMPTS) -> StyleHead:
    """Encode the prompts of each style.

    Args:
        encoder: The CLIP.
        prompts: Texts by style; at least two styles with a text each.

    Raises:
        InputError: There are fewer than two styles, or one has no text.
    """
    if len(prompts) < 2 or not all(prompts.values()):
        raise InputError("Styles differ by their texts: give two styles or more, each with a text.")
    rows = [np.asarray(encoder.encode_texts(list(texts)), dtype=np.float32) for texts in prompts.values()]
    return StyleHead(
        clip=encoder.record,
        styles=tuple(StylePrompts(style=name, prompts=tuple(texts)) for name, texts in prompts.items()),
        directions=np.stack([average_directions(one) for one in rows]),
    )


def average_directions(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """`(D,)` the mean of `(T, D)` vectors, scaled to length 1.

    Example:
        >>> average_directions(np.array([[2.0, 0.0], [0.0, 2.0]], dtype=np.float32)).round(3).tolist()
        [0.7070000171661377, 0.7070000171661377]
    """
    mean = vectors.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def find_styles(embeddings: npt.NDArray[np.float32], directions: npt.NDArray[np.float32]) -> IntArray:
    """`(N,)` the number of the style that each of `(N, D)` images is nearest to, by cosine.

    Raises:
        InputError: The numbers of dimensions differ.

    Example:
        >>> axes = np.eye(2, dtype=np.float32)
        >>> find_styles(np.array([[0.9, 0.1], [0.2, 0.5]], dtype=np.float32), axes).tolist()
        [0, 1]
    """
    if embeddings.ndim != 2 or embeddings.shape[1] != directions.shape[1]:
        raise InputError(
            f"Images of shape {embeddings.shape} and styles of {directions.shape[1]} dimensions are not of "
            "one CLIP."
        )
    return np.asarray((embeddings @ directions.T).argmax(axis=1))


def measure_style(
    embeddings: npt.NDArray[np.float32],
    head: StyleHead,
    *,
    split: str,
    reference: tuple[str, npt.NDArray[np.float32]] | None = None,
    kinship: FilterKinship | None = None,
) -> StyleSection:
    """The share of each style among the images of a split.

    Args:
        embeddings: `(N, D)` float32 image embeddings by the CLIP of the head, N >= 1.
        head: The styles.
        split: The split's reference.
        reference: The clean set's reference and its embeddings; None for none.
        kinship: Of the CLIP to the filter of the split; None for unknown.

    Raises:
        InputError: There is no image, or the numbers of dimensions differ.
    """
    return StyleSection(
        clip=head.clip,
        kinship=kinship,
        styles=head.styles,
        split=_count(split, embeddings, head),
        reference=None if reference is None else _count(*reference, head),
        statement=STYLE_CAUTION,
    )


def _count(name: str, embeddings: npt.NDArray[np.float32], head: StyleHead) -> StyleShares:
    if not len(embeddings):
        raise InputError(f"'{name}' has no image whose style could be measured.")
    counts = np.bincount(find_styles(embeddings, head.directions), minlength=len(head.styles))
    return StyleShares(
        set=name,
        num_images=len(embeddings),
        shares={
            one.style: estimate_accuracy(int(count), len(embeddings))
            for one, count in zip(head.styles, counts, strict=True)
        },
    )
