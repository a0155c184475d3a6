"""Resized and cropped pixels are Pillow's own, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagenet_g.benchmark.feeding import resampling
from imagenet_g.benchmark.feeding.resampling import load_kernel, prepare_kernel, resize_and_crop, view_pixels

FILTERS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
sizes = st.tuples(st.integers(1, 180), st.integers(1, 180))


@pytest.fixture(autouse=True, scope="module")
def kernel() -> None:
    """Loaded for all tests here, few as their images are."""
    load_kernel()


def test_a_small_run_loads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled code takes longer to load than some hundred images to resize."""
    loaded: list[int] = []
    monkeypatch.setattr(resampling, "load_kernel", lambda: loaded.append(1))
    prepare_kernel(999)
    assert loaded == []
    prepare_kernel(1000)
    assert loaded == [1]


def make_noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """An image in which neighbours have nothing in common, black and white among them."""
    values = np.random.default_rng(seed).choice([0, 1, 60, 127, 128, 200, 254, 255], (size[1], size[0], 3))
    return Image.fromarray(values.astype(np.uint8))


def test_the_compiled_passes_are_in_use() -> None:
    """The development install has Numba; without it these tests would compare Pillow with itself."""
    assert load_kernel() is not None


@given(sizes, sizes, st.sampled_from(FILTERS), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_every_size_and_crop_gives_pillows_pixels(
    before: tuple[int, int], after: tuple[int, int], filter_: Image.Resampling, seed: int
) -> None:
    """Larger and smaller, one direction or both, at the edges and inside."""
    rng = np.random.default_rng(seed)
    left, right = sorted(rng.integers(0, after[0] + 1, 2).tolist())
    upper, lower = sorted(rng.integers(0, after[1] + 1, 2).tolist())
    box = (left, upper, max(right, left + 1), max(lower, upper + 1))
    image = make_noise(before, seed)
    found = resize_and_crop(image, after, box, filter_)
    assert np.array_equal(found, np.asarray(image.resize(after, filter_).crop(box)))


@pytest.mark.parametrize("filter_", FILTERS)
def test_a_photograph_is_resized_as_pillow_does(filter_: Image.Resampling) -> None:
    """At the sizes of an evaluation."""
    image = make_noise((500, 375))
    box = (58, 16, 282, 240)
    found = resize_and_crop(image, (341, 256), box, filter_)
    assert np.array_equal(found, np.asarray(image.resize((341, 256), filter_).crop(box)))


@pytest.mark.parametrize("filter_", [Image.Resampling.LANCZOS, Image.Resampling.NEAREST])
def test_other_filters_are_left_to_pillow(filter_: Image.Resampling) -> None:
    """The same function serves them all."""
    image = make_noise((50, 40))
    found = resize_and_crop(image, (30, 30), (1, 2, 20, 30), filter_)
    assert np.array_equal(found, np.asarray(image.resize((30, 30), filter_).crop((1, 2, 20, 30))))


def test_a_crop_beyond_the_edge_is_padded_as_pillow_pads_it() -> None:
    """A small image in a large crop has a black border."""
    image = make_noise((20, 20))
    found = resize_and_crop(image, (20, 20), (-4, -4, 24, 24), Image.Resampling.BICUBIC)
    assert np.array_equal(found, np.asarray(image.crop((-4, -4, 24, 24))))


def compute_by_pillows_loop(num_pixels: int, num_results: int, result: int) -> list[int]:
    """Bicubic weights of one result, one after the other, as the loop in `Resample.c` has them."""
    scale = num_pixels / num_results
    support, center = 2.0 * max(scale, 1.0), (result + 0.5) * scale
    start = max(int(center - support + 0.5), 0)
    end = min(int(center + support + 0.5), num_pixels)
    values = []
    for pixel in range(end - start):
        x = abs((pixel + start - center + 0.5) * (1.0 / max(scale, 1.0)))
        near, far = ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1, (((x - 5) * x + 8) * x - 4) * -0.5
        values.append(near if x < 1.0 else far if x < 2.0 else 0.0)
    total = 0.0
    for value in values:
        total += value
    return [int(value / total * (1 << 22) + (0.5 if value / total >= 0 else -0.5)) for value in values]


@given(st.integers(1, 5000), st.integers(1, 600), st.data())
@settings(max_examples=100, deadline=None)
def test_weights_are_those_of_pillows_loop(num_pixels: int, num_results: int, data: st.DataObject) -> None:
    """Computed for all results at once, in the same order of additions."""
    result = data.draw(st.integers(0, num_results - 1))
    kept = (result, result + 1)
    _, count, weights = resampling.compute_weights(num_pixels, num_results, kept, FILTERS[1])
    assert weights[0, : count[0]].tolist() == compute_by_pillows_loop(num_pixels, num_results, result)
    assert not weights[0, count[0] :].any()


def test_a_long_strip_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred kilobytes of PNG would otherwise take gigabytes of memory."""
    image = Image.new("RGB", (resampling._MAX_SIDE_PX + 1, 1), (1, 2, 3))
    monkeypatch.setattr(resampling, "_resample", None)
    found = resize_and_crop(image, (8, 8), (1, 1, 7, 7), Image.Resampling.BICUBIC)
    assert found.tolist() == [[[1, 2, 3]] * 6] * 6


def test_pixels_are_viewed_and_not_copied() -> None:
    """Pillow keeps a fourth byte for each pixel; the first three are the image."""
    image = make_noise((7, 5))
    viewed = view_pixels(image)
    assert viewed.shape == (5, 7, 4)
    assert np.array_equal(viewed[..., :3], np.asarray(image))


def test_an_image_that_pillow_does_not_show_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of many blocks, and versions of Pillow before 11.2."""
    image = make_noise((9, 8))
    monkeypatch.setattr("pyarrow.array", lambda _: (_ for _ in ()).throw(TypeError()))
    found = resize_and_crop(image, (6, 6), (0, 0, 6, 6), Image.Resampling.BICUBIC)
    assert np.array_equal(found, np.asarray(image.resize((6, 6), Image.Resampling.BICUBIC)))


def test_a_pillow_that_rounds_in_another_way_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled passes are compared with Pillow before they are used."""
    load_kernel.cache_clear()
    wrong = dict.fromkeys(resampling._KERNELS, (lambda x: np.maximum(1.0 - abs(x) / 2, 0.0), 2.0))
    resampling.compute_weights.cache_clear()
    monkeypatch.setattr(resampling, "_KERNELS", wrong)
    try:
        assert load_kernel() is None
    finally:
        load_kernel.cache_clear()
        resampling.compute_weights.cache_clear()
