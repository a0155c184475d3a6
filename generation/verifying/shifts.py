"""How much harder a split of a new version is than that of the old one, and results equated to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.classes import ClassSet, name_class_set
from imagenet_g.benchmark.equating.panels import build_panel
from imagenet_g.benchmark.equating.shifts import EquatedScore, Panel, Shift, compute_shift, equate_score
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_file, hash_lines
from imagenet_g.benchmark.lines.version_lines import load_lines
from imagenet_g.benchmark.predictions.class_counts import SetCounts, count_right
from imagenet_g.benchmark.predictions.predictions import load_predictions
from imagenet_g.benchmark.records import Outputs
from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME, Manifest, load_manifest
from imagenet_g.benchmark.splits.releases import read_split_origin
from imagenet_g.benchmark.statistics.accuracy import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitShift:
    """What a panel shows of one split.

    Attributes:
        shift: Of the whole panel.
        scores: Results on the new version, equated to the old one.
    """

    shift: Shift
    scores: tuple[EquatedScore, ...]


def compute_split_shift(before: Path, after: Path, split: str, results: Sequence[Path]) -> SplitShift:
    """The shift of a split between two releases, by the models of the lines that both come with.

    Args:
        before: The old release.
        after: The new release.
        split: Name of a split that both have.
        results: Folders that `evaluate` wrote, searched for predictions on the new split.

    Raises:
        InputError: The releases come with no lines of the same models, or too few of them.
        DataError: A line or a predictions file was changed.
    """
    manifests = load_manifest(before), load_manifest(after)
    old, new = _load_split_lines(before, manifests[0], split), _load_split_lines(after, manifests[1], split)
    pair = next(((a, b) for a in old for b in new if a.id == b.id), None)
    if pair is None:
        raise InputError(
            "the two versions come with no line of the same models on this split; measure them on both with "
            "'imagenet-g baselines run --publish RELEASE'"
        )
    # Models that made or chose images of a version find them easier, and do not measure how hard they are.
    kin = {*_list_parts(before, manifests[0], split), *_list_parts(after, manifests[1], split)}
    lines = [*load_lines(before, manifests[0].version), *load_lines(after, manifests[1].version)]
    panel = build_panel(*pair, kin=kin, others=lines)
    content = hash_lines(file.sha256 for file in manifests[1].splits[split].files)
    scores = [
        equate_score(panel, model, _keep(counts.right, panel), _keep(counts.total, panel))
        for model, counts in _load_scored(results, content, pair[1])
    ]
    return SplitShift(shift=compute_shift(panel), scores=tuple(scores))


def _load_split_lines(folder: Path, manifest: Manifest, split: str) -> list[MeasuredBaseline]:
    target = f"{manifest.version}/{split}"
    return [line for line in load_lines(folder, manifest.version) if line.target == target]


def _keep(values: FloatArray, panel: Panel) -> FloatArray:
    # Classes that only one version has are no part of the comparison.
    return np.where((panel.before.total > 0) & (panel.after.total > 0), values, 0.0)


def _list_parts(folder: Path, manifest: Manifest, split: str) -> Iterator[str]:
    """Hashes of the weights that made or chose the images of a split."""
    origin = read_split_origin(manifest, split, hash_file(folder / MANIFEST_NAME))
    yield from (part.weights_sha256 for part in origin.models if part.weights_sha256 is not None)


def _load_scored(
    folders: Sequence[Path], content_sha256: str, line: MeasuredBaseline
) -> Iterator[tuple[JudgedModel, SetCounts]]:
    """Right answers of every model with predictions on all images of a split, under the panel's outputs."""
    found: dict[JudgedModel, SetCounts] = {}
    for path in sorted({path for folder in folders for path in folder.rglob("predictions/*.parquet")}):
        predictions, meta = load_predictions(path)
        if meta.split.content_sha256 != content_sha256 or meta.limit is not None:
            continue
        model = JudgedModel(spec=meta.model.spec, weights_sha256=meta.model.weights_sha256)
        try:
            found[model] = count_right(predictions, _name_outputs(line.outputs, line.class_indices))
        # Predictions of another place may lack the outputs that the panel was scored by.
        except DataError:
            continue
    yield from sorted(found.items(), key=lambda item: item[0].spec)


def _name_outputs(outputs: Outputs, indices: tuple[int, ...]) -> str:
    return "all" if outputs == "all" else name_class_set(ClassSet("split-classes", indices))


def format_shift(found: SplitShift, before: str, after: str) -> list[str]:
    """Lines for a reader: the shift in logits, and each result equated, in percent."""
    shift = found.shift
    panel = f"{shift.num_models} models of {shift.num_families} families, {shift.num_classes} classes"
    over = "models, classes and seeds" if shift.num_replicates else "models and classes"
    lines = [
        f"difficulty, by {panel} (95 % over {over}):",
        f"  shift {shift.value:+.3f} logits [{shift.low:+.3f}, {shift.high:+.3f}]: {_state(shift, after)}",
        _format_seeds(shift),
    ]
    for score in found.scores:
        left_out = f"; the panel goes without {', '.join(score.left_out)}" if score.left_out else ""
        lines.append(
            f"  {score.model}: {100 * score.measured:.1f} % on {after} is {100 * score.value:.1f} % "
            f"[{100 * score.low:.1f}, {100 * score.high:.1f}] on {before}{left_out}"
        )
    return lines


def _format_seeds(shift: Shift) -> str:
    if shift.seed_sd is None:
        return "  what other seeds would change is unknown: neither version has lines on replicates"
    numbers = " and ".join(map(str, shift.num_replicates))
    return f"  seeds change it by {shift.seed_sd:.3f} logits (standard deviation, from {numbers} replicates)"


def _state(shift: Shift, after: str) -> str:
    if shift.low <= 0 <= shift.high:
        return "no evidence either way"
    return f"{after} is {'easier' if shift.value > 0 else 'harder'}"
