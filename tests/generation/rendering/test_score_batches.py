"""Scores of a shard: decoded ahead, each model passed once, and to the bit what a plain loop gives."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from imagenet_g.benchmark.errors import DataError
from imagenet_g.generation.rendering.score_batches import score_rows
from imagenet_g.generation.rendering.scorer import BATCH_SIZE, Columns, ImageModel

NUM_ROWS = 75


def make_image(seed: int) -> Image.Image:
    """Noise of a seed."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8))


def encode(image: Image.Image) -> bytes:
    """PNG bytes."""
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


ROWS = [
    {"image": encode(make_image(n)), "label": n % 7, "image_id": f"i{n}", "source_image_id": f"s{n}"}
    for n in range(NUM_ROWS)
]


def transform(image: Image.Image) -> torch.Tensor:
    """`(3, 9, 9)` float32."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


class MatrixScorer:
    """A product with a fixed matrix, whose last bits depend on the batch as a model's do."""

    compares_sources = True

    def __init__(self) -> None:
        self.batches: list[int] = []
        self._weights = torch.randn(243, 8, generator=torch.Generator().manual_seed(0))
        self.model = ImageModel(transform, self._forward, "cpu")

    def _forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(inputs))
        return inputs.flatten(1) @ self._weights

    def describe(self) -> dict[str, Any]:
        """Nothing that matters here."""
        return {}

    def identify(self) -> str:
        """Its only version."""
        return "one"

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> Columns:
        """The output of the label, and the products with the sources."""
        own = outputs[torch.arange(len(labels)), torch.tensor(labels)]
        products = [(outputs * other).sum(1).tolist() for other in sources]
        return {"own": own.tolist(), **{f"source{n}": values for n, values in enumerate(products)}}


class Sources:
    """Other noise, by id."""

    def load_image(self, image_id: str) -> Image.Image:
        """The source of that id."""
        return make_image(1000 + int(image_id[1:]))


def score(scorers: dict[str, MatrixScorer], rows: list[dict[str, Any]]) -> dict[str, Columns]:
    """Score with two threads."""
    with ThreadPoolExecutor(2) as pool:
        return score_rows(rows, scorers, Sources(), pool)  # type: ignore[arg-type]


def score_plainly(scorer: MatrixScorer) -> Columns:
    """One batch after the other, nothing ahead and nothing shared."""
    columns: Columns = {}
    for first in range(0, NUM_ROWS, BATCH_SIZE):
        numbers = range(first, min(first + BATCH_SIZE, NUM_ROWS))
        stacks = [[make_image(n) for n in numbers]] + [
            [make_image(1000 + (n + shift) % NUM_ROWS) for n in numbers] for shift in (0, NUM_ROWS // 2)
        ]
        outputs = [scorer.model.encode([transform(image) for image in stack]) for stack in stacks]
        for name, values in scorer.rate(outputs[0], [n % 7 for n in numbers], outputs[1:]).items():
            columns.setdefault(name, []).extend(values)
    return columns


def test_scores_are_to_the_bit_those_of_a_plain_loop() -> None:
    """Releases record them, and the last bits depend on the batches."""
    assert score({"a": MatrixScorer()}, ROWS)["a"] == score_plainly(MatrixScorer())


def test_scorers_of_one_model_pass_each_batch_once() -> None:
    """CLIP scorers that differ in their text alone."""
    first, second = MatrixScorer(), MatrixScorer()
    second.model = first.model
    found = score({"a": first, "b": second}, ROWS)
    assert found["a"] == found["b"]
    assert second.batches == []
    assert sorted(first.batches) == sorted([BATCH_SIZE, BATCH_SIZE, NUM_ROWS - 2 * BATCH_SIZE] * 3)


def test_an_image_that_cannot_be_decoded_is_the_error_itself() -> None:
    """It comes from a thread, once, and nothing hangs."""
    broken = [*ROWS[:40], {**ROWS[40], "image": b"no image"}, *ROWS[41:]]
    with pytest.raises(DataError, match="not an image"):
        score({"a": MatrixScorer()}, broken)
