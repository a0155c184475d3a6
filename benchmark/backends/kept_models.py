"""Compiled models that are kept on disk, so that the next run need not compile them.

    <cache>/compiled/<key>.model

A file begins with the sha256 of its key and content; one that is cut short, damaged, renamed or of something
else counts as absent. The models that were used last stay, within `MAX_BYTES`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.storage import write_bytes

if TYPE_CHECKING:
    import openvino

MAX_BYTES = 8_000_000_000
"""Some twenty models of the size of ViT-B."""
_DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class KeptModels:
    """The compiled forms of one model.

    Attributes:
        folder: Where those of all models lie.
        identity: Hash of all that decides what the module computes.
        opened: Those that this process has open, by key: the next split needs neither file nor compiler.
    """

    folder: Path
    identity: str
    opened: dict[str, openvino.CompiledModel] = field(default_factory=dict, compare=False)

    def load(self, key: str) -> bytes | None:
        """What was kept under a key; None where there is nothing whole."""
        path = self._path(key)
        try:
            data = path.read_bytes()
            # The time of the last use decides which ones stay.
            os.utime(path)
        except OSError:
            return None
        content = memoryview(data)[_DIGEST:]
        whole = len(content) > 0 and data[:_DIGEST] == _hash_content(key, content)
        return bytes(content) if whole else None

    def write(self, key: str, content: bytes) -> None:
        """Keep a compiled model, and drop those used longest ago.

        Raises:
            StorageError: The folder cannot be written.
        """
        write_bytes(self._path(key), _hash_content(key, memoryview(content)) + content)
        for path in choose_dropped(_list_files(self.folder), MAX_BYTES):
            path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.model"


def choose_dropped(files: Iterable[tuple[float, int, Path]], max_bytes: int) -> list[Path]:
    """Files to remove so that the rest has at most so many bytes; the newest one always stays.

    Args:
        files: Time of the last use, size in bytes, path.
        max_bytes: Of all that stay.

    Example:
        >>> choose_dropped([(1.0, 5, Path("old")), (3.0, 5, Path("new")), (2.0, 5, Path("between"))], 10)
        [PosixPath('old')]
    """
    newest, *others = sorted(files, reverse=True) or [(0.0, 0, Path())]
    total, dropped = newest[1], []
    for _, size, path in others:
        total += size
        if total > max_bytes:
            dropped.append(path)
    return dropped


def _list_files(folder: Path) -> list[tuple[float, int, Path]]:
    found = []
    for path in folder.glob("*.model"):
        try:
            stat = path.stat()
        except FileNotFoundError:
            # Another run dropped it meanwhile.
            continue
        found.append((stat.st_mtime, stat.st_size, path))
    return found


def _hash_content(key: str, content: memoryview) -> bytes:
    digest = hashlib.sha256(key.encode())
    digest.update(content)
    return digest.digest()
