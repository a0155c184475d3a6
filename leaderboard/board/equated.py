"""Scores of a version as they would be on the version before it, so that both can be compared.

A lower score on a new version may mean harder images or a worse model. The models of the lines that both
versions come with are the panel; its shift in difficulty is taken from a row's score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

from imagenet_g.benchmark.catalogue.catalogue import list_releases
from imagenet_g.benchmark.equating.panels import build_panel
from imagenet_g.benchmark.equating.shifts import Panel, equate_score
from imagenet_g.benchmark.errors import DataError, ImagenetGError, InputError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.predictions.class_counts import count_right
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.predictions.scoring import name_own_outputs
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.benchmark.splits.releases import read_split_origin
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.leaderboard.board.ranked_submissions import AnsweredEntry
from imagenet_g.leaderboard.board.rows import ScoreRow
from imagenet_g.leaderboard.validation.lines import load_all_lines


def equate_rows(
    rows: Iterable[ScoreRow], answered: Mapping[tuple[str, str], AnsweredEntry]
) -> list[ScoreRow]:
    """The rows, those of whole splits with their equated scores where a panel allows them.

    Args:
        rows: Rows of the board.
        answered: Entries with stored answers, by split and model id.
    """
    return [_equate(row, answered.get((row.split, row.model_id))) for row in rows]


def _equate(row: ScoreRow, answered: AnsweredEntry | None) -> ScoreRow:
    if answered is None or answered.entry.split.view is not None:
        return row
    try:
        line, older, panel = find_panel(row.split)
        # Beside the row's own score: over as many classes, else the two would differ by more than the images.
        if line.outputs != choose_headline(answered.entry).outputs:
            return row
        predictions, meta = load_predictions(answered.path)
        stored_as = "all" if line.outputs == "all" else name_own_outputs(meta)
        counts = count_right(predictions, stored_as)
        model = JudgedModel(spec=meta.model.spec, weights_sha256=meta.model.weights_sha256)
        found = equate_score(panel, model, _keep(counts.right, panel), _keep(counts.total, panel))
    # Most versions have no panel: a row without an equated score is nothing to warn about.
    except ImagenetGError:
        return row
    return replace(row, equated=found.value, equated_low=found.low, equated_high=found.high, equated_to=older)


@cache
def find_panel(split: str) -> tuple[MeasuredBaseline, str, Panel]:
    """The line on a split, the split of that name in the version before, and the panel of both.

    Raises:
        InputError: There is no such version, or no line of the same models on both.
        DataError: A line is damaged.
    """
    after = parse_split_ref(split)
    before = find_earlier(after.base.partition("/")[0], after.name)
    if before is None:
        raise InputError(f"'{split}' has no split of its name in an earlier version.")
    sides = [(load_version_lines(ref), list_kin(ref)) for ref in (f"{before}/{after.name}", split)]
    (old, old_kin), (new, new_kin) = sides
    others = [line for ref in (before, split.partition("/")[0]) for line in load_all_lines(ref)]
    pair = next(((a, b) for a in old for b in new if a.id == b.id), None)
    if pair is None:
        raise InputError(f"'{split}' and that of '{before}' have no line of the same models.")
    return pair[1], f"{before}/{after.name}", build_panel(*pair, kin=old_kin | new_kin, others=others)


def find_earlier(version: str, name: str) -> str | None:
    """The newest earlier version with a split of a name: of practice editions for one, of real ones else.

    Example:
        >>> find_earlier("mini-v2", "sd-l"), find_earlier("mini", "sd-l")
        ('mini', None)
    """
    known = load_versions()
    if version not in known:
        return None
    earlier = list(known)[: list(known).index(version)]
    alike = [one for one in earlier if known[one].practice == known[version].practice]
    same = [one for one in alike if name in known[one].splits]
    return same[-1] if same else None


def load_version_lines(ref: str) -> list[MeasuredBaseline]:
    """Measured lines on a split that come with its release."""
    return [line for line in load_all_lines(ref.partition("/")[0]) if line.target == ref]


def list_kin(ref: str) -> set[str]:
    """Hashes of the weights that made or chose the images of a split."""
    version, _, name = ref.partition("/")
    folder = list_releases({}).get(version)
    if folder is None:
        raise DataError(f"No release of '{version}' is available here.")
    origin = read_split_origin(load_manifest(folder), name, hash_file(folder / MANIFEST_NAME))
    return {part.weights_sha256 for part in origin.models if part.weights_sha256 is not None}


def _keep(values: FloatArray, panel: Panel) -> FloatArray:
    # Classes that only one version has are no part of the comparison.
    return np.where((panel.before.total > 0) & (panel.after.total > 0), values, 0.0)
