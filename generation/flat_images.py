"""Images that show nothing: black ones from a safety checker, or one colour from a diverged sampler."""

from __future__ import annotations

from PIL import Image, ImageStat

from imagenet_g.benchmark.identity import hash_bytes


def compute_spread(image: Image.Image) -> float:
    """Largest standard deviation of any RGB channel over the image, in levels of 0..255."""
    # From the histogram of each channel: exact, and much faster than over all pixels.
    return float(max(ImageStat.Stat(image.convert("RGB")).stddev))


def is_flat(image: Image.Image, *, max_std: float) -> bool:
    """Whether no channel varies by more than `max_std` levels."""
    return compute_spread(image) <= max_std


def make_retry_seed(seed: int, attempt: int) -> int:
    """Seed of a further attempt at an image, an int in [0, 2**63); attempt 0 keeps the planned one."""
    if attempt == 0:
        return seed
    return int(hash_bytes(f"retry/{seed}/{attempt}".encode())[:16], 16) % 2**63
