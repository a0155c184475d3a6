"""CLIP embeddings (or those of another encoder) of a split's images, each computed once.

    <cache>/embeddings/<key>/<hash of rows>.npz     rows of the split and their vectors, about 128 at a time

The key hashes weights, architecture, behaviour, preprocessing, images, dtype and backend. Rows are looked up
one by one: a view, a class or a rerun after an interruption computes only what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from imagenet_g.benchmark.backends.precision import hold_head, lower_precision
from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.evaluation.cache import name_precision
from imagenet_g.benchmark.features.row_store import VectorArray, keep_rows, load_rows
from imagenet_g.benchmark.feeding.batches import stack_inputs
from imagenet_g.benchmark.feeding.threads import prepare_ahead
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.classifiers import Transform
from imagenet_g.benchmark.records import ClipRecord
from imagenet_g.benchmark.splits.splits import Split

CHUNK_ROWS = 128
"""Fewest rows of a file: what an interruption costs at most, plus one batch."""
NOT_FINITE = "its embedding is zero or not finite"

RowArray = npt.NDArray[np.intp]


class ImageEncoder(Protocol):
    """What turns images into vectors: a CLIP (`ClipEncoder`), or the Inception of FID."""

    @property
    def record(self) -> ClipRecord:
        """Which one."""
        ...

    @property
    def model(self) -> torch.nn.Module:
        """The module; `visual` is its part for images."""
        ...

    @property
    def transform(self) -> Transform:
        """PIL RGB image to `(3, H, W)` float32."""
        ...

    @property
    def architecture_sha256(self) -> str:
        """Hash of its layers and settings."""
        ...

    @property
    def behaviour_sha256(self) -> str:
        """Hash of what it makes of fixed inputs."""
        ...

    def encode_tensors(self, inputs: torch.Tensor) -> torch.Tensor:
        """`(N, D)` float32 vectors on the CPU, from `(N, 3, H, W)` on the model's device."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Embeddings:
    """Embeddings of some rows of a split.

    Attributes:
        rows: `(M,)` row numbers, the requested ones without the unreadable, in the requested order.
        vectors: `(M, D)` float32; of a CLIP each of length 1.
        errors: Why a row has no embedding, by row.
        seconds: How long this run took.
        num_computed: How many rows this run computed; fewer than all when some were kept from before.
    """

    rows: RowArray
    vectors: VectorArray
    errors: dict[int, str]
    seconds: float
    num_computed: int


def embed_rows(
    encoder: ImageEncoder,
    split: Split,
    rows: Sequence[int],
    *,
    settings: InferenceSettings,
    cache: Path | None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Embeddings:
    """Embed the given rows, taking from the cache what is there.

    Args:
        encoder: The CLIP or other encoder; it is moved to the device and left there.
        split: The images.
        rows: Which rows, without repeats.
        settings: Device, dtype, batch size and threads; the batch size is taken as it is.
        cache: Where embeddings are kept between runs; None keeps none.
        on_progress: Called with rows done and rows in all, after every chunk.

    Raises:
        ModelError: The model fails.
        StorageError: The cache cannot be written.
    """
    started = time.perf_counter()
    folder = None if cache is None else cache / "embeddings" / make_key(encoder, split, settings)
    known = {} if folder is None else load_rows(folder, encoder.record.num_dimensions).vectors
    # Row by row and not all or nothing: a view needs some of the rows that its whole split has already.
    missing = [row for row in rows if row not in known]
    errors: dict[int, str] = {}
    done = len(rows) - len(missing)
    on_progress(done, len(rows))
    for chunk, batch_errors, seen in _compute(encoder, split, missing, settings):
        known |= chunk
        errors |= batch_errors
        done += seen
        if folder is not None:
            keep_rows(folder, chunk)
        on_progress(done, len(rows))
    readable = [row for row in rows if row in known]
    vectors = np.stack([known[row] for row in readable]) if readable else _make_empty(encoder)
    return Embeddings(
        rows=np.array(readable, dtype=np.intp),
        vectors=vectors,
        errors=errors,
        seconds=time.perf_counter() - started,
        num_computed=len(missing),
    )


def make_key(encoder: ImageEncoder, split: Split, settings: InferenceSettings) -> str:
    """Cache key: a hash of all that decides an embedding beyond rounding."""
    record = encoder.record
    return hash_json(
        {
            "weights": record.weights_sha256,
            "architecture": encoder.architecture_sha256,
            "behaviour": encoder.behaviour_sha256,
            "preprocessing": record.preprocessing.model_dump(),
            "content": split.record.content_sha256,
            "border_px": split.border_px,
            "dtype": name_precision(settings.dtype),
            # The batch size is left out: it changes an embedding by rounding only.
            "backend": make_backend(settings),
        }
    )


def make_backend(settings: InferenceSettings) -> str:
    """What computes: library and kind of device."""
    return f"torch-{version('torch')}/{settings.device.partition(':')[0]}"


def _compute(
    encoder: ImageEncoder, split: Split, rows: Sequence[int], settings: InferenceSettings
) -> Iterator[tuple[dict[int, VectorArray], dict[int, str], int]]:
    """Chunks of vectors by row, the errors among them, and how many rows they come from."""
    if not rows:
        return
    device, dtype = torch.device(settings.device), getattr(torch, settings.dtype)
    if device.type == "cuda":
        # TF32 rounds to 10 bits; float32 must mean float32.
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False
    # Only the image tower runs here. Its projection is the last product before the cosine.
    tower = lower_precision(
        encoder.model.get_submodule("visual"), dtype, encoder.record.preprocessing.input_size_px
    )
    encoder.model.to(device)
    size = settings.batch_size
    # Rounded up to whole batches, so that no file ends inside one.
    chunk_rows = size * -(-CHUNK_ROWS // size)
    with ThreadPoolExecutor(max(1, settings.workers)) as pool:
        prepared = prepare_ahead(pool, split, rows, transform=encoder.transform, window=2 * size)
        try:
            for _ in range(0, len(rows), chunk_rows):
                chunk: dict[int, VectorArray] = {}
                errors: dict[int, str] = {}
                seen = 0
                while seen < chunk_rows and (batch := list(islice(prepared, size))):
                    seen += len(batch)
                    errors |= {image.row: image.error for image in batch if image.error is not None}
                    ready = {image.row: image.tensor for image in batch if image.tensor is not None}
                    with hold_head(tower):
                        _add_vectors(encoder, ready, chunk, errors, device=device, dtype=dtype)
                yield chunk, errors, seen
        except BaseException:
            # Without this, Ctrl-C would wait for every image in the queue.
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _add_vectors(
    encoder: ImageEncoder,
    ready: dict[int, torch.Tensor],
    chunk: dict[int, VectorArray],
    errors: dict[int, str],
    *,
    device: torch.device,
    dtype: torch.dtype,
) -> None:
    if not ready:
        return
    inputs = stack_inputs(list(ready.values())).to(device=device, dtype=dtype)
    try:
        vectors = encoder.encode_tensors(inputs).numpy()
    except RuntimeError as error:
        reason = (str(error).splitlines() or ["no reason given"])[0]
        raise ModelError(
            f"'{encoder.record.spec}' failed on a batch of {len(inputs)} images: {reason}. "
            "Try a smaller --batch-size, or --device cpu."
        ) from error
    for row, vector in zip(ready, vectors, strict=True):
        # A zero vector has no direction, and one that is not finite would spoil the mean of its class.
        if np.isfinite(vector).all() and vector.any():
            chunk[row] = vector
        else:
            errors[row] = NOT_FINITE


def _make_empty(encoder: ImageEncoder) -> VectorArray:
    return np.empty((0, encoder.record.num_dimensions), dtype=np.float32)
