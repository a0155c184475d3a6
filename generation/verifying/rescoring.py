"""A sample of the scores of a release, computed again by the scorers that its recipe records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from imagenet_g.benchmark.environment import choose_workers
from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
from imagenet_g.generation.releases.reading import Damage
from imagenet_g.generation.rendering.pixel_scorer import PIXEL_MODEL
from imagenet_g.generation.rendering.safety_scorer import SAFETY_MODEL
from imagenet_g.generation.rendering.score_batches import score_rows
from imagenet_g.generation.rendering.scorer import Scorer
from imagenet_g.generation.rendering.scorers import Scorers
from imagenet_g.generation.specs.version import (
    ClipScorerSpec,
    JudgeScorerSpec,
    PixelScorerSpec,
    SafetyScorerSpec,
    ScorerSpec,
)
from imagenet_g.generation.verifying.contents import BuiltSplit

NUM_SAMPLED = 32
TOLERANCE = 5e-3
"""Of a cosine, a probability or a margin, relative above 1: other hardware rounds to other digits."""
RANK_TOLERANCE = 10
"""Places among 1000 classes, of which many may have nearly the same score."""
LOCAL = "local-dir:"


@dataclass(slots=True)
class ScoreChecker:
    """Computes scores again; scorers are loaded once for all splits.

    Attributes:
        device: Where they run.
        places: Local folders of models, which a release records by name only.
        num_rows: Images of each split that are scored again; None for all.
        seed: Seed of their choice.
    """

    device: str
    places: Sequence[Path]
    num_rows: int | None
    seed: int
    _loaded: dict[str, Scorers] = field(default_factory=dict)

    def check(self, built: BuiltSplit) -> tuple[list[Damage], list[str]]:
        """Files with a score that the images do not give, and what could not be compared."""
        recorded = built.recipe.scorers
        if not recorded:
            return [], []
        damages, notes, scorers = [], [], {}
        for name, record in recorded.items():
            try:
                scorers[name] = self._load(name, record)
            except _OtherWeightsError as error:
                damages.append(Damage(MANIFEST_NAME, str(error)))
            # A scorer that is not installed here is no fault of the release.
            except ImagenetGError as error:
                notes.append(f"scores of '{name}' were not computed again: {error}")
        images = ParquetImages([built.folder / file.path for file in built.files])
        rows = choose_rows(len(images), self.num_rows, self.seed)
        if scorers:
            notes.append(f"scores of {len(rows)} of {len(images)} images were computed again")
            damages += _compare(built, images, rows, scorers)
        return damages, notes

    def _load(self, name: str, record: JsonValue) -> Scorer:
        spec = restore_scorer(name, record, self.places)
        key = hash_json([name, spec.model_dump(mode="json")])
        if key not in self._loaded:
            self._loaded[key] = Scorers({name: spec}, self.device)
        scorer = self._loaded[key].load(name)
        weights = [_read_text(table, "weights_sha256") for table in (record, scorer.describe())]
        if weights[0] != weights[1]:
            message = f"scorer '{name}' has weights {weights[1]} here, the recipe records {weights[0]}"
            # Weights inside the package are the same everywhere; others may have changed since.
            raise (
                _OtherWeightsError(message)
                if "packaged:" in str(_read_text(record, "model"))
                else InputError(message)
            )
        return scorer


class _OtherWeightsError(ImagenetGError):
    """A packaged scorer whose weights are not those of the recipe."""


def restore_scorer(name: str, record: JsonValue, places: Sequence[Path]) -> ScorerSpec:
    """The spec of a scorer from its record in a recipe.

    Raises:
        InputError: The record names no model, or a local folder that was not given.
    """
    model = _read_text(record, "model")
    if model is None:
        raise InputError(f"the recipe does not say which model '{name}' is")
    if model == PIXEL_MODEL:
        return PixelScorerSpec(kind="pixels")
    if model == SAFETY_MODEL:
        return SafetyScorerSpec(kind="safety")
    scheme, local, folder = model.partition(LOCAL)
    if local:
        place = next((place for place in places if place.name == folder), None)
        if place is None:
            raise InputError(f"give its model by --pipeline PATH/{folder}")
        model = f"{scheme}{local}{place}"
    text = _read_text(record, "text")
    return (
        JudgeScorerSpec(kind="judge", model=model)
        if text is None
        else ClipScorerSpec(kind="clip", model=model, text=text)
    )


def choose_rows(num_images: int, wanted: int | None, seed: int) -> tuple[int, ...]:
    """Rows drawn without replacement, ascending; all of them with None.

    Example:
        >>> choose_rows(3, None, 0), len(choose_rows(100, 5, 0))
        ((0, 1, 2), 5)
    """
    if wanted is None or wanted >= num_images:
        return tuple(range(num_images))
    drawn = np.random.default_rng(seed).choice(num_images, size=wanted, replace=False)
    return tuple(sorted(int(row) for row in drawn))


def _compare(
    built: BuiltSplit, images: ParquetImages, rows: Sequence[int], scorers: Mapping[str, Scorer]
) -> Iterator[Damage]:
    columns = {name: images.read_column(name) for name in ("image_id", "label")}
    loaded = [
        {"image": images.read_image(row), **{name: values[row] for name, values in columns.items()}}
        for row in rows
    ]
    with ThreadPoolExecutor(choose_workers()) as pool:
        found = score_rows(loaded, scorers, None, pool)
    ends = np.cumsum([file.num_rows for file in built.files])
    for scores in found.values():
        margins = next((values for name, values in scores.items() if name.startswith("label_margin.")), None)
        for column, values in scores.items():
            if column not in images.schema.names:
                yield Damage(MANIFEST_NAME, f"'{built.name}' has no column '{column}' of its scorer")
                continue
            stored = images.read_column(column)
            for place, row in enumerate(rows):
                margin = None if margins is None else margins[place]
                if not is_near(column, stored[row], values[place], margin):
                    path = built.files[int(np.searchsorted(ends, row, side="right"))].path
                    image_id = columns["image_id"][row]
                    reason = f"'{column}' is {stored[row]}, its pixels give {values[place]:.6g}"
                    yield Damage(path, f"image '{image_id}': {reason}")
                    break


def is_near(column: str, stored: object, found: float, margin: float | None) -> bool:
    """Whether a stored score is one that other hardware could give.

    Example:
        >>> is_near("clip_score.c", 0.61, 0.55, None), is_near("label_rank.c", 1, 0, 0.0001)
        (False, True)
    """
    if not isinstance(stored, int | float) or not np.isfinite(stored):
        return False
    if column.startswith("label_rank."):
        first = (stored == 0) == (found == 0) or (margin is not None and abs(margin) <= TOLERANCE)
        return first and abs(stored - found) <= RANK_TOLERANCE
    return bool(abs(stored - found) <= TOLERANCE * max(1.0, abs(found)))


def _read_text(record: JsonValue, key: str) -> str | None:
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) else None
