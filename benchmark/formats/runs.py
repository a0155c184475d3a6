"""How predictions were computed, as every file records it: the device, the backend, and what was checked."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from imagenet_g.benchmark.records import Count, FileModel, Fraction, Sha256

ANSWERS = "answers"
"""The backend of answers that came from elsewhere as a file."""


class BatchCheck(FileModel):
    """Images that were run alone as well as in their batch."""

    images: Count
    batch_size: Count
    max_difference: Fraction
    """Largest difference of a probability, alone and in the batch."""


class BackendCheck(FileModel):
    """Images that were answered by PyTorch as well as by the backend of a run."""

    images: Count
    max_difference: Annotated[float, Field(ge=0.0)]
    """Largest difference of a logit."""
    top1_equal: Count
    """Images with the same top-1; any other is a tie within twice the tolerance."""


class RunRecord(FileModel):
    """Where and how predictions were computed."""

    device: str
    device_name: str
    dtype: str
    backend: str
    batch_size: Count
    seconds: float
    images_per_second: float
    started_utc: str
    versions: dict[str, str]
    # Has a default because results were written before the field existed.
    logits_dtype: str | None = None
    """Type of the logits as the model gave them: "float32" at every `dtype`, unless the model rounds them
    itself or its head was not found; null for unknown."""
    batch_check: BatchCheck | None = None
    """That batch size, order and neighbours decide no answer, as measured; null for not checked."""
    shared_with: Count | None = None
    """Other models in the same pass, of which `seconds` are the whole; null for none, and for unknown."""
    row_shares: Count | None = None
    """In how many shares of the rows it ran, all added up here; null for one run, and for unknown."""
    precision: str | None = None
    """Type in which the model was computed, read back from a backend that chooses it; null for unknown."""
    warm_up_seconds: Annotated[float, Field(ge=0.0)] | None = None
    """Of `seconds`, those until the first batch was answered, with the model compiled and compared, and its
    check for neighbours made; null for unknown. What is left is the time of the images behind that batch."""
    backend_check: BackendCheck | None = None
    """How the backend's answers compare with those of PyTorch; null for PyTorch, and for unknown."""
    features_sha256: Sha256 | None = None
    """Of image features that were kept: hash of their values, as in the file beside the predictions. The
    logits were computed from them in float64 and rounded to float32. Null where none were kept."""
    features_reused: bool | None = None
    """Whether an earlier run had kept those features, and no image was encoded; null where none were kept."""
