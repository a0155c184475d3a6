"""Watermarks: what a release records, and bits that were put in."""

from __future__ import annotations

import numpy as np
import pytest
from checked_images import check, draw
from PIL import Image
from scipy import stats

from imagenet_g.generation.image_checks import watermarks
from imagenet_g.generation.image_checks.watermarks import (
    MARKS,
    Bits,
    detect_marks,
    find_min_matching,
    measure_watermarks,
    read_recorded,
)


def make_recipe(*stages: dict[str, object]) -> dict[str, object]:
    """A manifest's record of pipelines."""
    return {"generator": {"kind": "diffusers", "stages": list(stages)}}


@pytest.mark.parametrize(
    ("stages", "answer"),
    [
        ([{"pipeline": "StableDiffusionPipeline", "components": {"unet": "U"}}], "does not mark"),
        ([{"pipeline": "IFPipeline", "components": {"watermarker": "IFWatermarker"}}], "marks"),
        ([{"pipeline": "StableDiffusionXLPipeline", "components": {}}], "unknown"),
        ([{"pipeline": "StableDiffusionXLPipeline", "watermarker": None}], "does not mark"),
        ([{"pipeline": "StableDiffusionXLPipeline", "watermarker": "StableDiffusionXLWatermarker"}], "marks"),
        ([{"pipeline": "A"}, {"pipeline": "B", "components": {"watermarker": "W"}}], "marks"),
        ([], "unknown"),
    ],
)
def test_the_record_of_the_pipelines_says_whether_they_mark(
    stages: list[dict[str, object]], answer: str
) -> None:
    """One stage that marks is enough."""
    assert read_recorded(make_recipe(*stages))[0] == answer  # type: ignore[arg-type]


def test_the_bits_of_stable_diffusion_xl_are_those_of_diffusers() -> None:
    """Written here a second time, as hexadecimal digits."""
    from diffusers.pipelines.stable_diffusion_xl.watermark import WATERMARK_BITS

    assert list(MARKS[0].bits) == [bool(bit) for bit in WATERMARK_BITS]


@pytest.mark.parametrize("num_bits", [32, 48, 136])
def test_the_bound_is_the_least_that_chance_reaches_once_in_a_million(num_bits: int) -> None:
    """By the binomial distribution of scipy."""
    least, share = find_min_matching(num_bits)
    assert share == pytest.approx(stats.binom.sf(least - 1, num_bits, 0.5))
    assert share <= 1e-6 < stats.binom.sf(least - 2, num_bits, 0.5)


def test_marked_images_are_counted_and_small_ones_are_not_tested() -> None:
    """The decoder reads the mark of the first picture with five bits wrong, and noise of the second."""
    marked, plain = Image.new("RGB", (256, 256), "red"), Image.new("RGB", (256, 256), "blue")
    rng = np.random.default_rng(0)

    def decode(image: Image.Image, num_bits: int) -> Bits:
        mark = next(mark for mark in MARKS if len(mark.bits) == num_bits)
        if mark is MARKS[0] and image.getpixel((0, 0)) == (255, 0, 0):
            return np.array(mark.bits) ^ (np.arange(num_bits) < 5)
        return rng.random(num_bits) < 0.5

    found = detect_marks(check([marked, plain, draw(0), b"no image"], [0] * 4), decode, workers=1)
    assert [one.num_marked for one in found] == [1, 0, 0]
    assert {(one.num_tested, one.num_too_small) for one in found} == {(2, 2)}


def test_without_the_detector_it_is_unknown_and_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without the extra."""
    monkeypatch.setattr(watermarks, "find_decoder", lambda: None)
    section = measure_watermarks(check([draw(0)], [0]))
    assert (section.recorded, section.detections) == ("unknown", ())
    assert "imagenet-g[watermark]" in str(section.detection_reason)


def test_images_that_are_all_too_small_leave_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """48 x 48 pixels."""
    monkeypatch.setattr(
        watermarks, "find_decoder", lambda: lambda image, num_bits: np.zeros(num_bits, dtype=bool)
    )
    section = measure_watermarks(check([draw(0)], [0]))
    assert "no image has the 65536 pixels" in str(section.detection_reason)
