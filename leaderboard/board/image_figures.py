"""How good the images of a split are, beside its scores: from the critique that comes with its version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from imagenet_g.benchmark.catalogue.catalogue import list_releases
from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.shipped import load_critiques
from imagenet_g.leaderboard.board.rows import ScoreRow


def add_image_figures(rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """The rows, each with the figures of its split's critique where one comes with the version.

    Raises:
        DataError: A critique was changed after it was stored.
    """
    return [_add(row) for row in rows]


def _add(row: ScoreRow) -> ScoreRow:
    critique = load_version_critiques(row.split.partition("/")[0]).get(row.split)
    if critique is None:
        return row
    distances = next((one.means for one in critique.distances or () if one.means is not None), None)
    return replace(
        row,
        images_distance=None if distances is None else distances.frechet_excess.value,
        images_recognised=None if critique.recognition is None else critique.recognition.share.value,
        images_valid=find_validity(critique),
    )


def find_validity(critique: Critique) -> float | None:
    """The share of valid images by people, corrected where it can be; None for simulated ratings."""
    audit = critique.audit
    # A rating that no person gave must not stand beside the scores of models.
    if audit is None or audit.simulated:
        return None
    share = audit.not_valid.corrected or audit.not_valid.consistency
    return None if share is None else share.value


@cache
def load_version_critiques(version: str) -> dict[str, Critique]:
    """Critiques of a version whose release is on this machine, by split. Do not mutate.

    Raises:
        DataError: A critique was changed after it was stored.
    """
    folder = list_releases({}).get(version)
    return {} if folder is None else load_critiques(folder)
