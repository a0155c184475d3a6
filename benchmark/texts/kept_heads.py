"""Heads that need not be made again, and those that need not be started over.

    <cache>/heads/<key>.safetensors                     a finished head
    <cache>/heads/<key>-parts/START-STOP.safetensors    embeddings of some names, of an interrupted run

What is read is checked: another user may have filled the cache.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from imagenet_g.benchmark.errors import StorageError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.records import ZeroShot
from imagenet_g.benchmark.storage import replace_file
from imagenet_g.benchmark.texts.heads import Pieces

RULE = "mean of the prompts' embeddings of length 1, scaled to length 1"
_KEY = "imagenet_g_key"
_NAME = "head"
_ROUNDING = 1e-4


def make_head_key(*, weights_sha256: str, text_sha256: str, zero_shot: ZeroShot, device: str) -> str:
    """sha256 of all that decides a head.

    Args:
        weights_sha256: Of the whole model.
        text_sha256: As `fingerprints.text_side.hash_text_side`: tokenizer, settings, code, versions.
        zero_shot: The texts.
        device: Where prompts are encoded; its kind counts.

    Returns:
        64 hex digits; the name of the model and of the template set have no part in it.
    """
    texts = [zero_shot.templates_sha256, zero_shot.class_names_sha256]
    return hash_json([RULE, weights_sha256, text_sha256, texts, "float32", device.partition(":")[0]])


def recall_head(
    build: Callable[[Pieces | None], torch.Tensor], *, folder: Path | None, key: str
) -> torch.Tensor:
    """The head kept under `key`, or a new one, kept for the next time.

    Args:
        build: Makes the `(D, C)` head, given where its pieces are kept; called only when no head is kept.
        folder: Where heads are kept; None to keep none.
        key: Hash of everything the head depends on.

    Raises:
        StorageError: The folder cannot be written.
    """
    if folder is None:
        return build(None)
    path = folder / f"{key}.safetensors"
    kept = _load(path, key)
    if kept is not None and _has_directions(kept.T):
        return kept
    parts = HeadPieces(folder / f"{key}-parts", key)
    head = build(parts)
    _write(path, head, key)
    # After the whole is written: until then they are all that an interruption leaves.
    shutil.rmtree(parts.folder, ignore_errors=True)
    return head


@dataclass(frozen=True, slots=True)
class HeadPieces:
    """Finished pieces of one head.

    Attributes:
        folder: Where they lie.
        key: Of the head; each piece carries it.
    """

    folder: Path
    key: str

    def load(self, start: int, stop: int) -> torch.Tensor | None:
        """`(stop - start, D)` embeddings of some names; None where they are absent or damaged."""
        found = _load(self.folder / f"{start:06d}-{stop:06d}.safetensors", self.key)
        return found if found is not None and len(found) == stop - start and _has_directions(found) else None

    def write(self, start: int, embeddings: torch.Tensor) -> None:
        """Keep `(N, D)` embeddings of the names from `start` on.

        Raises:
            StorageError: The folder cannot be written.
        """
        path = self.folder / f"{start:06d}-{start + len(embeddings):06d}.safetensors"
        for attempt in (1, 2):
            try:
                _write(path, embeddings, self.key)
                return
            except StorageError:
                # Another run of the same may have finished and removed this folder meanwhile.
                if attempt == 2:
                    raise


def _load(path: Path, key: str) -> torch.Tensor | None:
    try:
        # safetensors and no pickle: reading a cache that another user filled must not run code.
        with safe_open(path, framework="pt") as file:
            # The key is compared again, because a user can rename or copy a file.
            if (file.metadata() or {}).get(_KEY) != key:
                return None
            found: torch.Tensor = file.get_tensor(_NAME)
    except (OSError, SafetensorError):
        return None
    return found if found.ndim == 2 and found.dtype == torch.float32 else None


def _write(path: Path, tensor: torch.Tensor, key: str) -> None:
    with replace_file(path) as temporary:
        save_file({_NAME: tensor.contiguous()}, temporary, metadata={_KEY: key})


def _has_directions(rows: torch.Tensor) -> bool:
    """Whether each row has length 1; NaN has none."""
    return bool(((rows.norm(dim=1) - 1).abs() < _ROUNDING).all())
