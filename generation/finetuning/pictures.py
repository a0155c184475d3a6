"""Squares and captions of random images of a split: a training set is too large for memory."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torchvision.transforms.v2 import functional

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.generation.finetuning.specs import FinetuneSpec, ViewSpec
from imagenet_g.generation.prompts.recipes import load_patterns, make_prompts

if TYPE_CHECKING:
    from PIL import Image

READERS = 8


class PictureStream:
    """Random images of a split with their captions.

    Args:
        split: The split.
        spec: Size, crop and captions.

    Raises:
        DataError: The recipe has no prompts, and an image of the split has none either.
    """

    def __init__(self, split: Split, spec: FinetuneSpec) -> None:
        self._split = split
        self._spec = spec
        self._prompts = [] if spec.prompts is not None else read_prompts(split)
        # Decoding leaves Python's lock, so that threads are enough and nothing is copied between processes.
        self._pool = ThreadPoolExecutor(READERS)

    def draw(self, numbers: torch.Generator, count: int) -> tuple[torch.Tensor, list[str]]:
        """Images drawn with replacement, `(N, 3, S, S)` float32 in [-1, 1], and their captions.

        Args:
            numbers: The source of all random numbers: rows, crops, mirrors and patterns.
            count: N.

        Raises:
            DataError: An image cannot be read.
        """
        rows = torch.randint(len(self._split.rows), (count,), generator=numbers).tolist()
        # Drawn before the threads start, whose order differs from run to run.
        shares = torch.rand((count, 4), generator=numbers).tolist()
        squares = list(self._pool.map(self._load_square, rows, shares))
        return torch.stack(squares), [self._write(row, own[3]) for row, own in zip(rows, shares, strict=True)]

    def _load_square(self, row: int, shares: Sequence[float]) -> torch.Tensor:
        try:
            return cut_square(load_image(self._split, row), self._spec.view, shares)
        except DataError as error:
            named = f"Image '{self._split.rows.image_ids[row]}' of '{self._split.record.ref}'"
            raise DataError(f"{named}: {error}. Every image is needed; repair it or take it out.") from error

    def _write(self, row: int, share: float) -> str:
        if self._spec.prompts is None:
            return self._prompts[row]
        patterns = len(load_patterns(self._spec.prompts))
        label = int(self._split.rows.labels[row, 0])
        return make_prompts(self._spec.prompts, label, patterns)[int(share * patterns)]


def read_prompts(split: Split) -> list[str]:
    """The prompt of every image of a split.

    Raises:
        DataError: An image has none.
    """
    found = split.reader.read_column("prompt")
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) < len(split.rows):
        raise DataError(
            f"'{split.record.ref}' has images without a prompt. Write [prompts] into the recipe, which makes "
            "captions from classes."
        )
    return texts


def cut_square(image: Image.Image, view: ViewSpec, shares: Sequence[float]) -> torch.Tensor:
    """`(3, S, S)` float32 in [-1, 1]: the shorter side resized, a square cut, mirrored or not.

    Args:
        image: RGB, of any size.
        view: The size and how it is cut.
        shares: In [0, 1): the square's place down and across, and whether to mirror.
    """
    pixels: torch.Tensor = functional.resize(functional.pil_to_tensor(image), [view.size_px], antialias=True)
    down, across = (0.5, 0.5) if view.crop == "center" else shares[:2]
    top, left = (
        int(share * (side - view.size_px + 1))
        for share, side in zip((down, across), pixels.shape[1:], strict=True)
    )
    square = pixels[:, top : top + view.size_px, left : left + view.size_px]
    square = square.flip(-1) if view.flip and shares[2] < 0.5 else square
    return square.float() / 127.5 - 1
