"""Images prepared by worker processes, which hand over whole batches in shared memory.

The processes, their queues and their end are those of PyTorch's `DataLoader`: it keeps the order, bounds what
is ahead, and ends its workers with this process however that ends. They are started anew and not forked,
because a fork of a process with threads or CUDA may stand still for ever.

A worker reads the split from a file. Through the pipe that starts a process, a large split would stop this
process for ever when the new one ends before it has read all of it.
"""

from __future__ import annotations

import io
import pickle
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Self

from torch.utils.data import DataLoader, Dataset

from imagenet_g.benchmark.errors import ImagenetGError, ModelError
from imagenet_g.benchmark.feeding.batches import Batch, make_batch
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.feeding.resampling import prepare_kernel
from imagenet_g.benchmark.feeding.threads import prepare_image
from imagenet_g.benchmark.models.classifiers import Transform
from imagenet_g.benchmark.splits.splits import Split

_AHEAD = 2
"""Batches that each worker prepares before they are taken."""
_SHARED = Path("/dev/shm")
_SHARED_BYTES = 2 << 30
"""What sixteen workers fill: two batches each of 256 images of 224 x 224 are 1.2 GB."""


class ProcessFeeder:
    """Prepares images in processes of their own.

    Args:
        content: What `pack` made of the split and its preparation.
        workers: Processes.
        pinned: Whether batches lie in memory that a GPU reads by itself.
    """

    def __init__(self, content: bytes, *, workers: int, pinned: bool = False) -> None:
        self._content = content
        self._workers = workers
        self._pinned = pinned
        self._batches: Iterator[Batch | str] | None = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # The loader's iterator stops and joins its workers when nothing holds it any more.
        self._batches = None
        self._opened.close()

    def feed(self, rows: Sequence[int], batch_size: int) -> Iterator[Batch]:
        """Batches in the order of the rows; two for each worker are prepared before they are taken.

        Raises:
            ModelError: The transform fails, gives inputs of several shapes, or a worker was ended.
        """
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="imagenet-g-"))
        path = Path(folder) / "split.pickle"
        path.write_bytes(self._content)
        chosen = [list(rows[start : start + batch_size]) for start in range(0, len(rows), batch_size)]
        loader: DataLoader[Batch | str] = DataLoader(
            _Rows(path, num_rows=len(rows)),
            batch_sampler=chosen,
            num_workers=min(self._workers, max(1, len(chosen))),
            collate_fn=_keep,
            prefetch_factor=_AHEAD,
            multiprocessing_context="spawn",
            pin_memory=self._pinned,
        )
        with _hold_signals(), hide_script():
            self._batches = iter(loader)
        for _ in chosen:
            yield self._take()

    def _take(self) -> Batch:
        if self._batches is None:
            raise RuntimeError("`feed` goes on only while the feeder is open")
        try:
            batch = next(self._batches)
        except (RuntimeError, OSError, EOFError) as error:
            # The loader's words for a worker that has gone, or those of the connection over which its last
            # batch was to come; what a worker itself says comes as text.
            raise ModelError(
                f"A process that prepares images was ended, perhaps for want of memory ({error}). Use fewer "
                "--workers, or --feeding threads; the same command goes on where this one stopped."
            ) from error
        if isinstance(batch, str):
            raise ModelError(batch)
        return batch


class _Rows(Dataset[Batch | str]):
    """The rows of a split, in a worker.

    Args:
        path: Of what `pack` made.
        num_rows: The work of all workers.
    """

    def __init__(self, path: Path, *, num_rows: int) -> None:
        self._path = path
        self._num_rows = num_rows

    @cached_property
    def _packed(self) -> tuple[Split, Transform]:
        # This process's parent wrote it, in a folder that belongs to this user alone.
        split, prepare = pickle.loads(self._path.read_bytes())
        return split, prepare

    def __getitem__(self, row: int) -> Batch | str:
        return self.__getitems__([row])

    def __getitems__(self, rows: list[int]) -> Batch | str:
        """A batch; or the reason for its absence as a text: an error would bring a worker's traceback."""
        prepare_kernel(self._num_rows)
        try:
            split, prepare = self._packed
            return make_batch([prepare_image(split, row, prepare) for row in rows])
        except ImagenetGError as error:
            return str(error)


def pack(split: Split, preparation: Preparation) -> bytes | None:
    """What worker processes need of a split and its preparation; None where threads must do the work.

    A file that is open over the network, a function that has no name to import it by, and a class of a module
    that a new process does not find cannot be sent; and the processes need memory to share.
    """
    stream = io.BytesIO()
    pickler = _NamingPickler(stream)
    try:
        pickler.dump((split, preparation.prepare))
    except Exception:
        # Pickling calls the code of users' own classes, which may raise anything.
        return None
    sendable = all(map(_can_be_imported, pickler.modules)) and _has_shared_memory()
    return stream.getvalue() if sendable else None


class _NamingPickler(pickle.Pickler):
    """Notes the modules that must be imported to read what it writes."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()

    def reducer_override(self, value: Any) -> Any:  # noqa: ANN401
        named = value if isinstance(value, (type, FunctionType)) else type(value)
        self.modules.add(str(named.__module__))
        return NotImplemented


def _can_be_imported(name: str) -> bool:
    """Whether a new process finds a module: a user's file in the current folder is loaded by name alone.

    By the finders that a new process has too, those of packages installed in place among them, and not by
    what is loaded here.
    """
    package = name.partition(".")[0]
    return package in sys.stdlib_module_names or (
        package != "__main__" and any(finder.find_spec(package, None) for finder in sys.meta_path)
    )


def _has_shared_memory() -> bool:
    # A container has 64 MB unless it is given more, and a process that fills them is ended at once.
    return not _SHARED.is_dir() or shutil.disk_usage(_SHARED).free >= _SHARED_BYTES


def _keep(batch: Any) -> Any:  # noqa: ANN401
    """A batch is put together by the worker already; of the loader's own type it would be a list."""
    return batch


@contextmanager
def hide_script() -> Iterator[None]:
    """Start processes that do not run the user's script again.

    They need nothing of it, and one that calls this package at its top level would start processes without
    end.
    """
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


@contextmanager
def _hold_signals() -> Iterator[None]:
    """Start processes that ignore Ctrl-C, which reaches all at once: this one ends them in good order.

    The loader's handler for the end of a worker goes as well. It raises its error wherever this process is at
    work, in the middle of a model's forward pass; without it the error comes where the next batch is taken.
    """
    # Handlers belong to the main thread, and no other may set them.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = (signal.SIGINT, signal.SIGCHLD)
    before = [signal.getsignal(number) for number in held]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in zip(held, before, strict=True):
            signal.signal(number, handler)
