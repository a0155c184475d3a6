"""Hashes of weights, kept for the files they came from: gigabytes are hashed once."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import StorageError
from imagenet_g.benchmark.file_stamps import FileStamp, make_stamp
from imagenet_g.benchmark.fingerprints.library_code import hash_library
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.naming.libraries import list_packages
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.storage import write_text

if TYPE_CHECKING:
    import torch

_SAMPLED = 256
# Clocks of a kernel and of Python differ by a tick, those of a file server by more.
_SETTLED_NS = 100_000_000


class KeptHash(FileModel):
    """What is kept: the hash of a state dict."""

    weights_sha256: Sha256


@dataclass(frozen=True, slots=True)
class KeptHashes:
    """Hashes of the weights of models that a library makes of files.

    Attributes:
        folder: Where they are kept.
        scheme: Scheme of the model library.
        since_ns: When loading began, in ns since 1970. A hash is kept only for files that were last changed
            before: those are the ones that were read.
    """

    folder: Path
    scheme: str
    since_ns: int = field(default_factory=time.time_ns)

    def hash_state(
        self, state: Mapping[str, torch.Tensor], files: Sequence[Path], named: Sequence[str | None]
    ) -> str:
        """As `hash_state_dict`, from memory where the files and what was asked of them are the same.

        Args:
            state: Tensors by name, as the library made them of the files.
            files: All files that decide them; without any the hash is computed.
            named: What was asked of the files: the spec in full, a key in the file.

        Returns:
            64 hex digits.
        """
        # `fingerprints.weights` imports torch, and a request that holds this class must not.
        from imagenet_g.benchmark.fingerprints.weights import hash_state_dict

        stamps = self._stamp(files)
        if not stamps:
            return hash_state_dict(state)
        path = self.folder / f"{self._make_key(state, stamps, named)}.json"
        found = _load(path)
        if found is None:
            found = hash_state_dict(state)
            # A cache that cannot be written costs time on the next run and nothing else.
            with contextlib.suppress(StorageError):
                write_text(path, KeptHash(weights_sha256=found).model_dump_json())
        return found

    def _stamp(self, files: Sequence[Path]) -> list[FileStamp]:
        try:
            stamps = [make_stamp(path) for path in files]
        except OSError:
            return []
        latest = max((stamp.changed_ns for stamp in stamps), default=0)
        return stamps if latest < self.since_ns - _SETTLED_NS else []

    def _make_key(
        self, state: Mapping[str, torch.Tensor], stamps: Sequence[FileStamp], named: Sequence[str | None]
    ) -> str:
        # Another version of a library may make other tensors of the same file.
        code = [list_versions(("imagenet-g", *list_packages(self.scheme))), hash_library(self.scheme)]
        files = [stamp.model_dump() for stamp in stamps]
        return hash_json([files, list(named), code, sample_state(state)])


def sample_state(state: Mapping[str, torch.Tensor]) -> str:
    """sha256 of the name, dtype, shape and first 256 values of each tensor.

    Values that no file decided, such as a layer left at its random start, differ here in nearly every run.

    Example:
        >>> import torch
        >>> long = torch.arange(1000.0)
        >>> sample_state({"w": long}) == sample_state({"w": long.reshape(10, 100)})
        False
    """
    from imagenet_g.benchmark.fingerprints.weights import update_with_tensor

    digest = hashlib.sha256()
    for name in sorted(state):
        update_with_tensor(digest, f"{name} {list(state[name].shape)}", state[name].reshape(-1)[:_SAMPLED])
    return digest.hexdigest()


def _load(path: Path) -> str | None:
    try:
        return KeptHash.model_validate_json(path.read_bytes()).weights_sha256
    except (OSError, ValidationError):
        return None
