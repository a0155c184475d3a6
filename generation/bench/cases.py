"""What the stage `overlap` builds: images of the embedded pipeline, and photos as if a GPU drew them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from PIL import Image

    from imagenet_g.generation.generators.generator import Rendering, RenderRow
    from imagenet_g.generation.specs.version import VersionSpec

SPLIT, SCORER = "sd-l", "clip"
_CLASS_SET, _NUM_CLASSES = "drawn-104", 104
_JPEG_QUALITY = 92
_NUM_PHOTOS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapCase:
    """What is built.

    Attributes:
        title: What its lines begin with.
        format: How images are encoded.
        wait_ms: How long the stand-in for a generator on a GPU waits for an image; None for mini-sd.
        num_images: Images a turn, one shard.
        steps: Denoising steps of mini-sd.
    """

    title: str
    format: Literal["jpeg", "png"]
    wait_ms: float | None = None
    num_images: int = 32
    steps: int = 14


CASES = (
    OverlapCase(title="drawn by mini-sd, 64 pixels, JPEG", format="jpeg"),
    OverlapCase(title="drawn by mini-sd, 64 pixels, PNG", format="png"),
    OverlapCase(title="photos of 512 pixels, 50 ms each on another device, JPEG", format="jpeg", wait_ms=50),
    OverlapCase(title="photos of 512 pixels, 50 ms each on another device, PNG", format="png", wait_ms=50),
)
DRY_CASES = (
    OverlapCase(title="drawn by mini-sd, one step, PNG", format="png", num_images=8, steps=1),
    OverlapCase(title="photos of 512 pixels, JPEG", format="jpeg", wait_ms=1, num_images=8),
)


class WaitingGenerator:
    """A stand-in for a generator on a GPU: it leaves the cores free while it waits, then gives photos.

    Args:
        wait_ms: How long it waits for each image.
        size_px: Width and height of the photos.
    """

    def __init__(self, wait_ms: float, size_px: int = 512) -> None:
        self._wait_ms, self._size_px = wait_ms, size_px
        self._photos: list[Image.Image] = []

    def load(self, device: str) -> None:
        """Make the photos."""
        from imagenet_g.benchmark.bench.photos import make_photo
        from imagenet_g.benchmark.images.decoding import decode_image

        size = (self._size_px, self._size_px)
        self._photos = [decode_image(make_photo(number)).resize(size) for number in range(_NUM_PHOTOS)]

    def describe(self) -> dict[str, Any]:
        """Its name and size."""
        return {"kind": "waiting", "size_px": self._size_px}

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """A photo for each row's seed."""
        from imagenet_g.generation.generators.generator import Rendering

        time.sleep(self._wait_ms * len(rows) / 1000)
        return [Rendering(self._photos[row.seed % _NUM_PHOTOS]) for row in rows]


def make_case_spec(case: OverlapCase, *, num_shards: int) -> VersionSpec:
    """A version of one split, with as many shards as are wanted or more, scored by the embedded CLIP."""
    from imagenet_g.generation.specs.version import VersionSpec

    quality = {"quality": _JPEG_QUALITY} if case.format == "jpeg" else {}
    split = {
        "title": "bench", "generator": "bench", "classes": _CLASS_SET, "batch_size": 8, "scorers": [SCORER],
        "images_per_class": -(-case.num_images * num_shards // _NUM_CLASSES),
        "prompts": {"recipe": "openai-80", "class_names": "open_clip"},
    }  # fmt: skip
    scorer = {"kind": "clip", "model": "open_clip:packaged:mini-clip", "text": "a photo of a {c}"}
    return VersionSpec.model_validate(
        {
            "schema_version": 1, "version": "bench", "title": "bench", "status": "draft",
            "license": "CC0-1.0", "rows_per_shard": case.num_images,
            "encoding": {"format": case.format, **quality},
            "generators": {"bench": _make_generator_table(case)}, "scorers": {SCORER: scorer},
            "splits": {SPLIT: split},
        }
    )  # fmt: skip


def _make_generator_table(case: OverlapCase) -> dict[str, Any]:
    if case.wait_ms is not None:
        factory, options = f"{__name__}:{WaitingGenerator.__name__}", {"wait_ms": case.wait_ms}
        return {"kind": "python", "inputs": "prompt", "factory": factory, "options": options}
    return {
        "kind": "diffusers", "pipeline": "StableDiffusionPipeline", "repo": "packaged:mini-sd",
        "revision": "local", "dtype": "float32", "inputs": "prompt", "steps": case.steps, "guidance": 7.5,
        "clip_token_limit": 32,
    }  # fmt: skip
