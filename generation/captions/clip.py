"""Captions encoded by a CLIP's text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import ModelError
from imagenet_g.generation.captions.records import WeightsRecord

if TYPE_CHECKING:
    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder

BATCH_SIZE = 64
"""Texts a forward pass; fixed, because the last bits of an embedding depend on it."""


def encode_captions(clip: ClipEncoder, captions: Sequence[str]) -> npt.NDArray[np.float64]:
    """`(N, D)` embeddings of length 1; tokens beyond the text encoder's limit are cut off."""
    # numpy refuses to concatenate nothing.
    if not captions:
        return np.zeros((0, clip.record.num_dimensions))
    starts = range(0, len(captions), BATCH_SIZE)
    parts = [clip.encode_texts(captions[start : start + BATCH_SIZE]).numpy() for start in starts]
    return np.concatenate(parts).astype(np.float64)


def read_context_length(clip: ClipEncoder) -> int:
    """Most tokens the text encoder accepts, begin and end marks included.

    Raises:
        ModelError: The model does not state its limit.
    """
    length = getattr(clip.model, "context_length", None)
    if length is None:
        raise ModelError(
            f"'{clip.record.spec}' does not state its longest text (context_length); choose another CLIP."
        )
    return int(length)


def count_tokens(clip: ClipEncoder, caption: str) -> int:
    """Tokens of a caption, begin and end marks included."""
    tokenizer: Any = clip.tokenizer
    # open_clip's own tokenizer leaves the two marks out; its wrapper around one of transformers has no
    # `encode`, and the tokenizer inside adds the marks.
    if hasattr(tokenizer, "encode"):
        return len(tokenizer.encode(caption)) + 2
    # Not verbose: it would warn of each text that is too long, which is what is asked here.
    return len(tokenizer.tokenizer(caption, verbose=False)["input_ids"])


def find_too_long(clip: ClipEncoder, captions: Sequence[str]) -> list[str]:
    """Captions that the text encoder would cut."""
    limit = read_context_length(clip)
    return [caption for caption in captions if count_tokens(clip, caption) > limit]


def describe_clip(clip: ClipEncoder) -> WeightsRecord:
    """The CLIP's record in a caption file."""
    record = clip.record
    return WeightsRecord(spec=record.spec, revision=record.revision, weights_sha256=record.weights_sha256)
