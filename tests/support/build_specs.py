"""Version specs over tiny pipelines, and stand-in generators for builds."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from client_process import run_in_group
from PIL import Image
from warm_processes import get_warm_context

from imagenet_g.benchmark.records import FileModel
from imagenet_g.generation.building.build import BuildRequest, run_build
from imagenet_g.generation.generators.generator import Rendering, RenderRow
from imagenet_g.generation.rendering.engines import run_serial
from imagenet_g.generation.rendering.tasks import Engine
from imagenet_g.generation.specs.version import VersionSpec

SUPPORT = Path(__file__).parent
CLASSES = ["n01440764", "n01443537", "n01484850"]
TRANSFORMS = {
    "clip": {"size_px": 32, "interpolation": "bicubic", "antialias": False, "normalization": "clip"},
    "pil": {"size_px": 32, "interpolation": "lanczos", "antialias": True, "normalization": "none"},
}
PROMPTS = {"recipe": "openai-80", "class_names": "open_clip"}
SOURCES = {"ref": "mini/renditions"}


def make_stage(pipeline: str, repo: Path, **changes: object) -> dict[str, object]:
    """A generator table over a local folder, two steps."""
    return {
        "kind": "diffusers", "pipeline": pipeline, "repo": str(repo), "revision": "local",
        "dtype": "float32", "steps": 2, "inputs": "prompt", **changes,
    }  # fmt: skip


def make_split(generator: str, **changes: object) -> dict[str, object]:
    """A split table: three classes, four images each, batches of four."""
    return {
        "title": generator, "generator": generator, "classes": CLASSES, "images_per_class": 4,
        "batch_size": 4, "prompts": PROMPTS, **changes,
    }  # fmt: skip


def make_spec(
    generators: Mapping[str, object], splits: Mapping[str, object], **changes: object
) -> VersionSpec:
    """A version spec; shards of four rows unless changed."""
    return VersionSpec.model_validate(
        {
            "schema_version": 1,
            "version": "tiny",
            "title": "Tiny",
            "status": "draft",
            "license": "CC0-1.0",
            "rows_per_shard": 4,
            "encoding": {"format": "png"},
            "generators": dict(generators),
            "splits": dict(splits),
            **changes,
        }
    )


def make_noise_spec(**changes: object) -> VersionSpec:
    """A version of one split made by the noise generator below."""
    wanted = ("role", "classes", "images_per_class", "batch_size", "sources", "scorers", "views")
    split = make_split("noise", **{key: changes.pop(key) for key in wanted if key in changes})
    options = changes.pop("options", {})
    if "scorer_tables" in changes:
        changes["scorers"] = changes.pop("scorer_tables")
    factory = changes.pop("factory", "build_specs:NoiseGenerator")
    generator = {"kind": "python", "inputs": "prompt", "factory": factory, "options": options}
    return make_spec({"noise": generator}, {"sd-l": split}, **changes)


class NoiseGenerator:
    """Draws noise from each row's seed: the cheapest reproducible generator there is."""

    def __init__(self, size_px: int = 16) -> None:
        self._size_px = size_px

    def load(self, device: str) -> None:
        """Nothing to load."""

    def describe(self) -> dict[str, object]:
        """Its name and size."""
        return {"kind": "noise", "size_px": self._size_px}

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise of each row's seed."""
        return [Rendering(self._draw(row)) for row in rows]

    def _draw(self, row: RenderRow) -> Image.Image:
        shape = (self._size_px, self._size_px, 3)
        return Image.fromarray(np.random.default_rng(row.seed).integers(0, 256, shape, dtype=np.uint8))


class FlatFirstGenerator(NoiseGenerator):
    """Black for every planned seed of class 0, noise for any other: what a retry must mend."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Black or noise."""
        from imagenet_g.benchmark.identity import make_seed

        planned = {make_seed("tiny", "sd-l", CLASSES[0], index) for index in range(10)}
        black = Image.new("RGB", (self._size_px, self._size_px))
        return [Rendering(black if row.seed in planned else self._draw(row)) for row in rows]


class BlackGenerator(NoiseGenerator):
    """Black whatever the seed."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Black."""
        return [Rendering(Image.new("RGB", (self._size_px, self._size_px))) for _ in rows]


class BrokenOnceGenerator(NoiseGenerator):
    """Fails on class 1 until a file exists."""

    def __init__(self, mended: str) -> None:
        super().__init__()
        self._mended = Path(mended)

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise, or an error."""
        if any(row.label == 1 for row in rows) and not self._mended.exists():
            raise RuntimeError("class 1 cannot be drawn")
        return super().render(rows)


class DyingOnceGenerator(NoiseGenerator):
    """Kills its own process on class 1, the first time."""

    def __init__(self, marker: str) -> None:
        super().__init__()
        self._marker = Path(marker)

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise, or death."""
        if any(row.label == 1 for row in rows) and not self._marker.exists():
            self._marker.touch()
            os._exit(1)
        return super().render(rows)

    def describe(self) -> dict[str, object]:
        """The same in every process."""
        return {"kind": "dying"}


class SlowGenerator(NoiseGenerator):
    """Takes a twentieth of a second a batch, so that a build can be killed in the middle."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise, later."""
        time.sleep(0.05)
        return super().render(rows)


class GlassGenerator(NoiseGenerator):
    """Gives images with transparency, which no generator should."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise behind glass."""
        return [Rendering(self._draw(row).convert("RGBA")) for row in rows]


class CountingGenerator(NoiseGenerator):
    """Notes the size of every batch it sees."""

    seen: ClassVar[list[int]] = []

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise."""
        self.seen.append(len(rows))
        return super().render(rows)


class PaintingGenerator(NoiseGenerator):
    """Images of the grey level in a file, which it describes by name only."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self._weights = Path(weights)

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """One level, and noise of the seed."""
        level = int(self._weights.read_text())
        return [Rendering(Image.eval(self._draw(row), lambda value: (value + level) % 256)) for row in rows]


class ChangingGenerator(NoiseGenerator):
    """Describes itself by a word that changes from run to run."""

    word: ClassVar[str] = "first"

    def describe(self) -> dict[str, object]:
        """The word."""
        return {"weights": self.word}


class MixingGenerator(NoiseGenerator):
    """Adds a share of the mean of all images of a batch to each of them, as a shared reference does."""

    def __init__(self, share: float = 0.2) -> None:
        super().__init__()
        self._share = share

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise of the seed, and of the seeds beside it."""
        own = [np.asarray(self._draw(row), dtype=np.float64) for row in rows]
        mixed = [(1 - self._share) * pixels + self._share * np.mean(own, axis=0) for pixels in own]
        return [Rendering(Image.fromarray(pixels.round().astype(np.uint8))) for pixels in mixed]


class RestlessGenerator(NoiseGenerator):
    """Draws from one stream for the whole process, so that the same batch comes out differently each time."""

    stream: ClassVar[np.random.Generator] = np.random.default_rng(0)

    def _draw(self, row: RenderRow) -> Image.Image:
        return Image.fromarray(self.stream.integers(0, 256, (8, 8, 3), dtype=np.uint8))


class LonelyGenerator(NoiseGenerator):
    """Cannot render two rows at once."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise, or an error."""
        if len(rows) > 1:
            raise RuntimeError("the sizes of two tensors differ")
        return super().render(rows)


class FailingGenerator(NoiseGenerator):
    """Always fails."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """An error."""
        raise ValueError("out of ideas")


class UnseededGenerator(NoiseGenerator):
    """Draws from torch's own state, as a badly written generator does."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise that no seed decides."""
        import torch

        return [
            Rendering(Image.fromarray(torch.randint(0, 256, (8, 8, 3), dtype=torch.uint8).numpy()))
            for _ in rows
        ]


class SilentListener:
    """Keeps what a build says."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.tasks: list[str] = []

    def start(self, what: str, total: int, done: int) -> None:
        """A pass begins."""

    def report(self, report: object) -> None:
        """A task is done."""
        self.tasks.append(repr(report))

    def note(self, text: str) -> None:
        """Something to know."""
        self.notes.append(text)


def write_spec(path: Path, spec: FileModel) -> Path:
    """A spec as the TOML file a user would have."""
    tables = spec.model_dump(mode="json", exclude_none=True)
    path.write_text("".join(f"{key} = {format_toml(value)}\n" for key, value in tables.items()))
    return path


def format_toml(value: object) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{json.dumps(key)} = {format_toml(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(format_toml, value)) + "]"
    return json.dumps(value)


def read_release(out: Path) -> dict[str, bytes]:
    """Every file of a release by path, without the work behind it."""
    named = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in named.items() if not name.startswith(".build/")}


def build(spec: VersionSpec, out: Path, *, engine: Engine = run_serial, **options: Any) -> SilentListener:
    """Build all splits of a spec; what was said comes back."""
    listener = SilentListener()
    request = BuildRequest(
        spec=spec, source="tiny.toml", splits=tuple(spec.splits), out=out, engine=engine, **options
    )
    run_build(request, listener)
    return listener


def run_cli(*words: object, wait: bool = True) -> subprocess.Popen[str]:
    """`imagenet-g` in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(SUPPORT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "imagenet_g.benchmark.cli", *map(str, words)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if wait:
        output, _ = process.communicate()
        assert process.returncode == 0, output
    return process


def kill_build(
    spec: Path, out: Path, *, after_shards: int, by: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Start a build and end it soon after this many shards are committed; its exit code and errors."""
    errors = out.with_name(f"{out.name}-errors")
    words = ["build", str(spec), "--out", str(out)]
    process = get_warm_context().Process(target=run_in_group, args=(words, errors))
    process.start()
    while len(list((out / ".build").glob("*/*.json"))) < after_shards:
        assert process.is_alive(), errors.read_text()
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.15))
    assert process.pid is not None
    os.kill(process.pid, by)
    process.join()
    return process.exitcode or 0, errors.read_text()


def kill_forked_build(spec: VersionSpec, out: Path, *, after_shards: int) -> None:
    """Kill a build as `kill -9` does, soon after this many shards are committed.

    Forked, because importing the libraries again takes longer than the build.
    """
    child = os.fork()
    if child == 0:
        try:
            build(spec, out)
        finally:
            os._exit(1)
    while len(list((out / ".build").glob("*/*.json"))) < after_shards:
        assert os.waitpid(child, os.WNOHANG) == (0, 0), "the build ended before it was killed"
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.15))
    os.kill(child, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


class CopyingGenerator(NoiseGenerator):
    """Gives the source image back: everything of it survives."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """The sources."""
        return [Rendering(row.source) for row in rows if row.source is not None]


def make_source_spec(ref: str, factory: str = "build_specs:NoiseGenerator", **split: object) -> VersionSpec:
    """A version of one split, made from source images."""
    generator = {"kind": "python", "inputs": "image", "factory": factory}
    scorers = split.pop("scorer_tables", {})
    table = make_split("noise", prompts=None, sources={"ref": ref, "repeat": True}, **split)
    del table["prompts"]
    return make_spec({"noise": generator}, {"sd-i": table}, scorers=scorers)


class ColourGenerator(NoiseGenerator):
    """Draws what `toy_models.make_colour_model` takes for the class: of half of all seeds, the next class."""

    def _draw(self, row: RenderRow) -> Image.Image:
        shown = row.label + row.seed % 2
        return Image.new("RGB", (4, 4), (min(shown, 255), max(0, shown - 255), 0))
