"""Worker processes: the batches of threads, and nothing left behind."""

from __future__ import annotations

import importlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from child_processes import list_group, wait_until
from PIL import Image
from slow_feeding import feed_slowly
from timm.data.transforms_factory import create_transform
from toy_models import read_corner
from warm_processes import get_warm_context

from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.feeding.feeder import open_feeder
from imagenet_g.benchmark.feeding.preparation import Preparation
from imagenet_g.benchmark.feeding.processes import ProcessFeeder, _Rows, pack
from imagenet_g.benchmark.feeding.splitting import split_transform
from imagenet_g.benchmark.feeding.threads import ThreadFeeder
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.splits import Split

NUM_IMAGES = 23
PREPARATION = split_transform(create_transform(input_size=(3, 32, 32), is_training=False))
OWN = Preparation(read_corner)
"""As good where the pixels are not the claim: a process that has it to import starts in half the time."""
SUPPORT = Path(__file__).parents[2] / "support"


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """A folder of small images, one of them broken."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(NUM_IMAGES):
        path = root / "n01440764" / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40 + number, 50, 3), dtype=np.uint8)).save(path)
    (root / "n01440764" / "07.png").write_bytes(b"not an image")
    return load_folder(root, cache=None)


@pytest.fixture(scope="module")
def in_parquet(split: Split, tmp_path_factory: pytest.TempPathFactory) -> Split:
    """The same images in row groups of five."""
    path = tmp_path_factory.mktemp("parquet") / "images.parquet"
    values = [(split.reader.read_image(row)) for row in range(NUM_IMAGES)]
    pq.write_table(pa.table({"image": pa.array(values, pa.binary())}), path, row_group_size=5)
    return replace(split, reader=ParquetImages([path]))


def collect(feeder: ThreadFeeder | ProcessFeeder) -> list[tuple[object, ...]]:
    """All batches, their pixels as lists."""
    with feeder:
        return [
            (batch.rows, batch.errors, None if batch.inputs is None else batch.inputs.tolist())
            for batch in feeder.feed(range(NUM_IMAGES), 4)
        ]


def send(split: Split, preparation: Preparation, *, workers: int) -> ProcessFeeder:
    """A feeder whose processes are given these."""
    content = pack(split, preparation)
    assert content is not None
    return ProcessFeeder(content, workers=workers)


def list_children() -> set[int]:
    """Processes of this one."""
    task = Path(f"/proc/{os.getpid()}/task")
    found: set[int] = set()
    for path in task.iterdir():
        found |= {int(word) for word in (path / "children").read_text().split()}
    return found


def test_batches_are_those_of_threads(split: Split) -> None:
    """In order, bit by bit, with the words for what cannot be read."""
    expected = collect(ThreadFeeder(split, PREPARATION, workers=2))
    assert collect(send(split, PREPARATION, workers=2)) == expected
    assert expected[1][1] == (None, None, None, "not an image file but a text file")


def test_parquet_is_opened_by_each_process(in_parquet: Split, split: Split) -> None:
    """Open files are not sent."""
    expected = collect(ThreadFeeder(split, OWN, workers=1))
    assert collect(send(in_parquet, OWN, workers=1)) == expected


def test_a_parquet_file_that_was_exchanged_is_not_read_by_another_process(tmp_path: Path) -> None:
    """The other process opens it anew, and it is not the one whose hash the split has."""
    path = tmp_path / "images.parquet"
    pq.write_table(pa.table({"image": pa.array([b"first"], pa.binary())}), path)
    sent = pickle.dumps(ParquetImages([path]))
    other = tmp_path / "other.parquet"
    pq.write_table(pa.table({"image": pa.array([b"other"], pa.binary())}), other)
    other.replace(path)
    with pytest.raises(DataError, match="written over"):
        pickle.loads(sent).read_image(0)


def test_leaving_early_leaves_no_process_and_no_shared_memory(split: Split) -> None:
    """As after Ctrl-C, or an error of the model."""
    before, shared = list_children(), set(Path("/dev/shm").glob("torch*"))
    with send(split, OWN, workers=2) as feeder:
        next(feeder.feed(range(NUM_IMAGES), 2))
        assert list_children() - before
    # The resource tracker of the standard library is one for all, and stays.
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in list_children() - before}
    assert [name for name in names.values() if b"resource_tracker" not in name] == []
    assert set(Path("/dev/shm").glob("torch*")) <= shared


def test_a_process_that_was_killed_is_one_clear_message(split: Split) -> None:
    """As by a machine without memory left."""
    before = list_children()
    with send(split, OWN, workers=1) as feeder:
        batches = feeder.feed(list(range(NUM_IMAGES)) * 40, 1)
        next(batches)
        for pid in list_children() - before:
            if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(ModelError, match="was ended, perhaps for want of memory"):
            list(batches)


class Refusing:
    """A transform that fails on some image."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Fails."""
        raise ValueError("too tall")


def test_a_transform_that_fails_is_named_without_a_traceback(split: Split, tmp_path: Path) -> None:
    """In the words of threads."""
    preparation = Preparation(Refusing())
    with ThreadFeeder(split, preparation, workers=1) as feeder, pytest.raises(ModelError) as expected:
        list(feeder.feed(range(2), 2))
    # A worker finds a class of this file by its path, which pytest alone knows.
    path = tmp_path / "split.pickle"
    path.write_bytes(pickle.dumps((split, Refusing())))
    assert _Rows(path, num_rows=1)[0] == str(expected.value)


def test_what_cannot_be_sent_is_prepared_by_threads(split: Split) -> None:
    """A function without a name, and anything that is open over the network."""
    preparation = Preparation(lambda image: torch.zeros(3, 2, 2))
    assert pack(split, preparation) is None
    assert isinstance(open_feeder(split, preparation, workers=1, kind="processes"), ThreadFeeder)


def test_a_class_that_a_new_process_does_not_find_is_not_sent(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's file in the current folder, as `python:my_model:make` loads it."""
    (tmp_path / "my_transform.py").write_text(
        "class Own:\n    def __call__(self, image):\n        return image\n"
    )
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path)
        own = importlib.import_module("my_transform").Own()
        assert pack(split, Preparation(own)) is not None
    assert pack(split, Preparation(own)) is None


def test_too_little_shared_memory_takes_threads(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container of 64 MB."""
    few = shutil.disk_usage("/")._replace(free=64 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda path: few)
    assert pack(split, PREPARATION) is None


def test_a_gpu_is_fed_by_processes_and_a_cpu_by_threads(split: Split) -> None:
    """Unless the user decides."""
    assert isinstance(open_feeder(split, PREPARATION, workers=1, device="cuda:1"), ProcessFeeder)
    assert isinstance(open_feeder(split, PREPARATION, workers=1, device="cpu"), ThreadFeeder)
    forced = open_feeder(split, PREPARATION, workers=1, device="cuda", kind="threads")
    assert isinstance(forced, ThreadFeeder)


def start_warm(root: Path, said: Path) -> ForkServerProcess:
    """Feed in a process of its own."""
    process = get_warm_context().Process(target=feed_slowly, args=(root, said))
    process.start()
    return process


def start_script(root: Path, said: Path) -> subprocess.Popen[bytes]:
    """The same at the top level of a script: without `if __name__ == "__main__"`, as a notebook is."""
    script = said.with_suffix(".py")
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom slow_feeding import feed_slowly\n"
        "feed_slowly(*map(Path, sys.argv[1:]))\n"
    )
    words = [sys.executable, str(script), str(root), str(said)]
    return subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(SUPPORT)})


@pytest.mark.parametrize(
    ("by", "start"),
    # One that is started anew takes seconds to import what it needs; one is enough to run a script.
    [(signal.SIGKILL, start_warm), (signal.SIGTERM, start_warm), (signal.SIGINT, start_script)],
)
def test_workers_end_with_the_process_however_it_ends(
    by: signal.Signals,
    start: Callable[[Path, Path], ForkServerProcess | subprocess.Popen[bytes]],
    split: Split,
    tmp_path: Path,
) -> None:
    """After kill -9 they notice it; Ctrl-C reaches them too, and they print nothing."""
    said = tmp_path / "said"
    process = start(split.reader._root, said)  # type: ignore[attr-defined]
    group = process.pid
    assert group is not None
    wait_until(lambda: said.exists() and said.read_text().startswith("batch\n"))
    if by == signal.SIGINT:
        os.killpg(group, by)
    else:
        os.kill(group, by)
    wait_until(lambda: not list_group(group), seconds=60)
    process.wait() if isinstance(process, subprocess.Popen) else process.join()
    words = said.read_text()
    # After kill -9 the standard library's tracker says that it cleans up.
    assert "SpawnProcess" not in words
    assert words.count("Traceback") == (by == signal.SIGINT)
