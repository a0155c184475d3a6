"""A build that continues after its generator was exchanged: one message, and no split of two generators."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from build_specs import (
    ChangingGenerator,
    CountingGenerator,
    NoiseGenerator,
    build,
    make_noise_spec,
    read_release,
)
from PIL import Image

from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.rendering.shards import load_shard_record
from imagenet_g.generation.specs.comparators import AwayFromMeanSpec
from imagenet_g.generation.specs.version import VersionSpec

CODE = """
from build_specs import NoiseGenerator
from PIL import Image
import helper_of_painter

class Painter(NoiseGenerator):
    def __init__(self, weights=""):
        super().__init__(helper_of_painter.SIZE_PX)
"""


def exchange(path: Path, text: str) -> None:
    """Other bytes of the same size under the same modification time, as `cp -p` leaves them."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


@pytest.fixture
def painter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a generator's module and of the module it imports."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "painter.py").write_text(CODE)
    (folder / "helper_of_painter.py").write_text("SIZE_PX = 16\n")
    monkeypatch.syspath_prepend(folder)
    yield folder
    forget()


def forget() -> None:
    """As in a new process: modules are imported again."""
    for name in ("painter", "helper_of_painter"):
        sys.modules.pop(name, None)


def make_painted(tmp_path: Path) -> tuple[VersionSpec, Path]:
    """A version whose generator reads a file of its options, and the file."""
    weights = tmp_path / "weights"
    weights.write_text("10")
    options = {"weights": str(weights)}
    return make_noise_spec(factory="build_specs:PaintingGenerator", options=options), weights


@pytest.mark.parametrize("shards", [(0, 1), None])
@pytest.mark.parametrize("file", ["painter.py", "helper_of_painter.py"])
def test_another_code_of_the_generator_is_refused(
    painter: Path, tmp_path: Path, file: str, shards: tuple[int, int] | None
) -> None:
    """Its own file and one that it imports, in the middle of a build and after its end."""
    spec = make_noise_spec(factory="painter:Painter")
    build(spec, tmp_path / "out", shards=shards)
    (painter / file).write_text((painter / file).read_text() + "# edited\n")
    forget()
    with pytest.raises(DataError, match="code of generator 'noise' has changed since shard 0"):
        build(spec, tmp_path / "out")


def test_weights_exchanged_under_one_size_and_date_are_refused(tmp_path: Path) -> None:
    """The generator describes them by name: only its images show it."""
    spec, weights = make_painted(tmp_path)
    build(spec, tmp_path / "out", shards=(0, 1))
    exchange(weights, "90")
    with pytest.raises(DataError, match="no longer draws the images of shard 0"):
        build(spec, tmp_path / "out")
    exchange(weights, "10")
    build(spec, tmp_path / "out")
    build(spec, tmp_path / "straight")
    assert read_release(tmp_path / "out") == read_release(tmp_path / "straight")


def test_weights_that_no_option_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is done is drawn again before the next one."""
    spec = make_noise_spec()
    build(spec, tmp_path, shards=(0, 1))
    monkeypatch.setattr(NoiseGenerator, "_draw", lambda self, row: Image.new("RGB", (16, 16), "red"))
    with pytest.raises(DataError, match="no longer draws"):
        build(spec, tmp_path)


def test_a_finished_build_over_other_weights_is_refused(tmp_path: Path) -> None:
    """Its release is of the old ones."""
    spec, weights = make_painted(tmp_path)
    build(spec, tmp_path / "out")
    exchange(weights, "90")
    with pytest.raises(DataError, match="no longer draws"):
        build(spec, tmp_path / "out")


def test_a_file_of_an_option_that_changes_no_image_is_accepted(tmp_path: Path) -> None:
    """Such as a log that the generator writes."""
    spec, weights = make_painted(tmp_path)
    build(spec, tmp_path / "out")
    before = read_release(tmp_path / "out")
    weights.write_text("010")
    assert build(spec, tmp_path / "out").tasks == []
    assert read_release(tmp_path / "out") == before


def test_a_generator_that_describes_other_weights_is_refused_before_it_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after hours, when the release is written."""
    spec = make_noise_spec(factory="build_specs:ChangingGenerator")
    build(spec, tmp_path, shards=(0, 1))
    monkeypatch.setattr(ChangingGenerator, "word", "second")
    with pytest.raises(DataError, match="weights: 'first' became 'second'"):
        build(spec, tmp_path)
    assert load_shard_record(tmp_path, "sd-l", 1) is None


def test_one_batch_is_drawn_again_where_a_build_continues(tmp_path: Path) -> None:
    """And none where it begins."""
    spec = make_noise_spec(factory="build_specs:CountingGenerator")
    CountingGenerator.seen.clear()
    build(spec, tmp_path, shards=(0, 1))
    assert len(CountingGenerator.seen) == 2
    build(spec, tmp_path)
    assert len(CountingGenerator.seen) == 2 + 1 + 2


def test_a_local_clip_counts_among_the_files_of_a_guided_generator(tmp_path: Path) -> None:
    """Its recipe holds the name of the folder."""
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip" / "tokenizer.json").write_text("{}")
    away = {"model": f"open_clip:local-dir:{tmp_path / 'clip'}", "means": "means", "scale": 1.0}
    table = {"kind": "away-from-mean", "inputs": "prompt", "pipeline": "StableDiffusionPipeline",
             "repo": "a/b", "revision": "local", "dtype": "float32", "away": away}  # fmt: skip
    spec = AwayFromMeanSpec.model_validate(table)
    assert spec.list_local_files() == [tmp_path / "clip" / "tokenizer.json"]
    shutil.rmtree(tmp_path / "clip")
    assert spec.list_local_files() == []
