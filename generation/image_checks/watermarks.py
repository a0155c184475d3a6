"""Whether a generator marks its images: what the release records of it, and marks looked for in the pixels.

Known invisible marks are those of three programs, which all write bits into the blocks of a wavelet transform
(method "dwtDct" of the package `invisible-watermark`). A mark that the weights themselves make is not looked
for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.critiques.image_checks import WatermarkDetection, WatermarkSection
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.feeding.ahead import map_ahead
from imagenet_g.benchmark.images.hashes import ProgressCallback
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.generation.image_checks.images import CheckedImages

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue

INSTALL_COMMAND = "pip install 'imagenet-g[watermark]'"
MIN_PIXELS = 256 * 256
"""The package reads no mark from a smaller image, and no generator puts one there."""
# With three marks and 50,000 images, 0.15 unmarked images are expected to be counted.
MAX_FALSE_SHARE = 1e-6
_WINDOW = 64
Recorded = Literal["marks", "does not mark", "unknown"]
Bits = npt.NDArray[np.bool_]
Decode = Callable[["Image.Image", int], Bits]


@dataclass(frozen=True, slots=True)
class Mark:
    """A known mark.

    Attributes:
        name: What writes it.
        bits: The bits that it writes.
    """

    name: str
    bits: tuple[bool, ...]


def _make_bits(content: bytes) -> tuple[bool, ...]:
    return tuple(bool(bit) for bit in np.unpackbits(np.frombuffer(content, dtype=np.uint8)))


MARKS = (
    # Of diffusers' StableDiffusionXLWatermarker: 0b101100111110110010010000011110111011000110011110.
    Mark("Stable Diffusion XL", _make_bits(bytes.fromhex("b3ec907bb19e"))),
    # Of the scripts that came with the first weights, and of those of Stable Diffusion 2.
    Mark("Stable Diffusion 1 (CompVis)", _make_bits(b"StableDiffusionV1")),
    Mark("Stable Diffusion 2 (Stability AI)", _make_bits(b"SDV2")),
)


def measure_watermarks(
    images: CheckedImages,
    *,
    workers: int = 2,
    on_progress: ProgressCallback = lambda done, total: None,
) -> WatermarkSection:
    """What the release says of marks, and known marks looked for where the detector is installed.

    Args:
        images: The split's.
        workers: Threads that decode.
        on_progress: Called with the number of images looked at and of all.
    """
    recorded, detail = read_recorded(images.recipe)
    decode = find_decoder()
    if decode is None:
        detections: tuple[WatermarkDetection, ...] = ()
        reason = f"unknown: the detector is not installed. Run: {INSTALL_COMMAND}"
    else:
        detections, reason = detect_marks(images, decode, workers=workers, on_progress=on_progress), ""
        if not any(one.num_tested for one in detections):
            reason = f"unknown: no image has the {MIN_PIXELS} pixels that a mark needs"
    return WatermarkSection(
        recorded=recorded, recorded_detail=detail, detections=detections, detection_reason=reason or None
    )


def read_recorded(recipe: JsonValue) -> tuple[Recorded, str]:
    """What a manifest's `recipe` of a split says of the generator's marks, and why.

    Example:
        >>> stage = {"pipeline": "StableDiffusionPipeline", "components": {"unet": "UNet2DConditionModel"}}
        >>> read_recorded({"generator": {"kind": "diffusers", "stages": [stage]}})[0]
        'does not mark'
        >>> stage = {"pipeline": "StableDiffusionXLPipeline", "components": {}}
        >>> read_recorded({"generator": {"kind": "diffusers", "stages": [stage]}})[0]
        'unknown'
        >>> read_recorded(None)[0]
        'unknown'
    """
    described = recipe.get("generator") if isinstance(recipe, Mapping) else None
    stages = described.get("stages") if isinstance(described, Mapping) else None
    if not isinstance(stages, list) or not stages:
        return "unknown", "the release does not record a diffusers pipeline that made the images"
    found = [_read_stage(stage) for stage in stages if isinstance(stage, Mapping)]
    # One stage that marks is enough, and one that is unknown leaves the whole unknown.
    for wanted in ("marks", "unknown"):
        for answer, detail in found:
            if answer == wanted:
                return answer, detail
    return "does not mark", "; ".join(dict.fromkeys(detail for _, detail in found))


def _read_stage(stage: Mapping[str, JsonValue]) -> tuple[Recorded, str]:
    pipeline = str(stage.get("pipeline", "a pipeline without a name"))
    components = stage.get("components")
    if "watermarker" in stage:
        name = stage["watermarker"]
        answer: Recorded = "does not mark" if name is None else "marks"
        return (
            answer,
            f"{pipeline} ran without a watermarker" if name is None else f"{pipeline} ran with {name}",
        )
    # DeepFloyd IF writes its logo into a corner; the watermarker is one of its components.
    if isinstance(components, Mapping) and "watermarker" in components:
        return "marks", f"{pipeline} has the component {components['watermarker']}"
    # diffusers adds the mark by itself where it finds the package.
    if "XL" in pipeline:
        return "unknown", (
            f"{pipeline} marks its images where the package 'invisible-watermark' is installed, and the "
            "release does not record whether it was"
        )
    return "does not mark", f"{pipeline} has no watermarker"


def find_decoder() -> Decode | None:
    """Reads bits from an image; None where `invisible-watermark` is not installed."""
    return decode_bits if find_spec("imwatermark") is not None else None


def decode_bits(image: Image.Image, num_bits: int) -> Bits:
    """`(num_bits,)` bits that the mark of an image would be, whether it has one or not.

    Args:
        image: RGB, of at least `MIN_PIXELS`.
        num_bits: Length of the mark.
    """
    from imwatermark import WatermarkDecoder

    # The package takes the order of OpenCV: blue, green, red.
    pixels = np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])
    return np.asarray(WatermarkDecoder("bits", num_bits).decode(pixels, "dwtDct"), dtype=np.bool_)


def detect_marks(
    images: CheckedImages,
    decode: Decode,
    *,
    workers: int,
    on_progress: ProgressCallback = lambda done, total: None,
) -> tuple[WatermarkDetection, ...]:
    """Look for each known mark in each image.

    Args:
        images: N images.
        decode: Reads bits from an image.
        workers: Threads that decode.
        on_progress: Called with the number of images looked at and of all.
    """
    rows = images.rows.tolist()
    matching = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        read = partial(_count_matching, images, decode)
        for number, counts in enumerate(map_ahead(pool, read, rows, window=_WINDOW), start=1):
            matching.append(counts)
            if number % _WINDOW == 0 or number == len(rows):
                on_progress(number, len(rows))
    tested = [counts for counts in matching if counts is not None]
    return tuple(
        _describe_mark(mark, [counts[place] for counts in tested], len(rows))
        for place, mark in enumerate(MARKS)
    )


def find_min_matching(num_bits: int) -> tuple[int, float]:
    """Matching bits that an unmarked image reaches with a probability of at most one in a million.

    Returns:
        The number, and that probability, if each bit matches with probability 1/2.

    Example:
        >>> find_min_matching(48)[0], find_min_matching(32)[0]
        (41, 30)
    """
    from scipy.special import bdtrc

    number = next(k for k in range(num_bits + 1) if bdtrc(k - 1, num_bits, 0.5) <= MAX_FALSE_SHARE)
    return number, float(bdtrc(number - 1, num_bits, 0.5))


def _count_matching(images: CheckedImages, decode: Decode, row: int) -> tuple[int, ...] | None:
    """Matching bits of each mark; None for an image that is too small or cannot be read."""
    try:
        image = load_image(images.split, row)
    except DataError:
        return None
    if image.width * image.height < MIN_PIXELS:
        return None
    return tuple(_compare(mark, decode(image, len(mark.bits))) for mark in MARKS)


def _compare(mark: Mark, bits: Bits) -> int:
    return int((bits == np.array(mark.bits)).sum())


def _describe_mark(mark: Mark, matching: list[int], num_images: int) -> WatermarkDetection:
    least, false_share = find_min_matching(len(mark.bits))
    return WatermarkDetection(
        mark=mark.name,
        num_bits=len(mark.bits),
        min_matching=least,
        false_share=false_share,
        num_tested=len(matching),
        num_too_small=num_images - len(matching),
        num_marked=sum(count >= least for count in matching),
    )
