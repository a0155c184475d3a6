"""From seconds an image to hours of a machine room."""

from __future__ import annotations


def compute_gpu_hours(num_images: int, seconds_per_image: float) -> float:
    """Hours of one GPU for all images.

    Example:
        >>> compute_gpu_hours(1_350_000, 3.2)
        1200.0
    """
    return num_images * seconds_per_image / 3600


def compute_elapsed(num_images: int, rows_per_shard: int, seconds_per_image: float, workers: int) -> float:
    """Seconds until N workers, each of which takes whole shards, have rendered all images.

    The paper of ImageNet-G rendered 1.35 million images on five GPUs in about ten days.

    Example:
        >>> compute_elapsed(1_350_000, 500, 3.2, workers=5) / 86_400
        10.0
        >>> compute_elapsed(1000, 500, 1.0, workers=8)
        500.0
    """
    full, rest = divmod(num_images, rows_per_shard)
    turns, left = divmod(full, workers)
    # A shard is one worker's: with fewer shards than workers, some have nothing to do.
    rows = turns * rows_per_shard + (rows_per_shard if left else rest)
    return rows * seconds_per_image
