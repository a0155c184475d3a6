"""Folders of results that nobody asked to keep."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class ResultFolder:
    """Where results lie: the folder that the user names, or one that is removed when nothing refers to it.

    Args:
        named: The user's folder; None for one of its own.

    Attributes:
        path: The folder.
    """

    def __init__(self, named: str | Path | None) -> None:
        if named is not None:
            self.path = Path(named).expanduser()
            return
        self.path = Path(tempfile.mkdtemp(prefix="imagenet-g-"))
        # Not `TemporaryDirectory`: it warns where it is removed without having been closed.
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
