"""Pillow's resampling of 8-bit images, for the part of a result that a crop keeps; compiled by Numba.

Import only where Numba is installed.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

PRECISION_BITS = 22
"""Digits behind the point of Pillow's weights: 32, less 8 for the pixel and 2 for sums above 255."""
_HALF = 1 << (PRECISION_BITS - 1)
_ROWS = 64
"""Rows that are resampled together: their sums fill the processor's vectors, and fit into its first cache."""

Pixels = npt.NDArray[np.uint8]
Weights = npt.NDArray[np.int32]


def _resample_across(
    pixels: Pixels, first: Weights, count: Weights, weights: Weights, top: int, height: int
) -> Pixels:
    """The horizontal pass, rounded to 8 bits as in Pillow's `Resample.c`.

    Args:
        pixels: `(H, W, 3)` or `(H, W, 4)` uint8, of which three channels are used.
        first: First pixel in each of w sums.
        count: Number of pixels in each sum.
        weights: `(w, K)` weights times 2 to the power of 22.
        top: The first row that is needed.
        height: The number of rows that are needed.

    Returns:
        `(height, 3 * w)` uint8.
    """
    columns, left = len(first), first[0]
    width = first[-1] + count[-1] - left
    passed = np.empty((height, columns * 3), np.uint8)
    # Channels of a stretch of rows, rows last: one weight then multiplies a whole vector of pixels.
    planes = np.empty((width * 3, _ROWS), np.int32)
    sums = np.empty(_ROWS, np.int32)
    for start in range(0, height, _ROWS):
        here = min(_ROWS, height - start)
        for row in range(here):
            line = pixels[top + start + row]
            for x in range(width):
                planes[3 * x, row] = line[left + x, 0]
                planes[3 * x + 1, row] = line[left + x, 1]
                planes[3 * x + 2, row] = line[left + x, 2]
        for x in range(columns * 3):
            column, channel = x // 3, x % 3
            sums[:] = _HALF
            for k in range(count[column]):
                weight = weights[column, k]
                plane = planes[3 * (first[column] - left + k) + channel]
                for row in range(_ROWS):
                    sums[row] += plane[row] * weight
            for row in range(here):
                passed[start + row, x] = min(max(sums[row] >> PRECISION_BITS, 0), 255)
    return passed


def _resample_down(passed: Pixels, first: Weights, count: Weights, weights: Weights) -> Pixels:
    """The vertical pass, rounded in the same way.

    Args:
        passed: `(H, 3 * w)` uint8: the rows that are needed.
        first: First row in each of h sums; that of the first sum is row 0 of `passed`.
        count: Number of rows in each sum.
        weights: `(h, K)` weights times 2 to the power of 22.

    Returns:
        `(h, w, 3)` uint8.
    """
    rows, columns = len(first), passed.shape[1]
    result = np.empty((rows, columns), np.uint8)
    sums = np.empty(columns, np.int32)
    for y in range(rows):
        sums[:] = _HALF
        for k in range(count[y]):
            weight = weights[y, k]
            line = passed[first[y] - first[0] + k]
            for x in range(columns):
                sums[x] += np.int32(line[x]) * weight
        for x in range(columns):
            result[y, x] = min(max(sums[x] >> PRECISION_BITS, 0), 255)
    return result.reshape(rows, columns // 3, 3)


resample_across = numba.njit(nogil=True, cache=True)(_resample_across)
"""`_resample_across`, compiled at its first call and kept on disk; it holds no lock of the interpreter."""
resample_down = numba.njit(nogil=True, cache=True)(_resample_down)
"""`_resample_down`, compiled in the same way."""
