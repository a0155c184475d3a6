"""A result of earlier statistics computed again by the rules of today: no model, no images.

The same functions score the stored predictions as score a run, so an upgraded result has the numbers that an
evaluation would give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import DataError, UnknownNameError
from imagenet_g.benchmark.plugins import list_points, load_point
from imagenet_g.benchmark.predictions.class_counts import load_pair_counts
from imagenet_g.benchmark.predictions.rescoring import rescore_entry
from imagenet_g.benchmark.results import STATISTICS_VERSION, EffectiveRobustness, Result
from imagenet_g.benchmark.robustness.attach import (
    Baseline,
    attach_effective_robustness,
    explain_mismatch,
    name_baseline,
)

ROBUSTNESS_GROUP = "imagenet_g.robustness"


def _find_nothing(name: str) -> Baseline | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeRequest:
    """A result, and what its numbers are computed from.

    Attributes:
        result: Of any statistics.
        folder: Where it lies; predictions are named relative to it.
        data: Local copies of splits, needed for views by a column.
        baselines: Measured baselines that may stand behind its effective robustness.
        find_published: From the id of a table of published figures to the table; None for an unknown one.
    """

    result: Result
    folder: Path
    data: Mapping[str, Path] = field(default_factory=dict)
    baselines: Sequence[Baseline] = ()
    find_published: Callable[[str], Baseline | None] = _find_nothing


def upgrade_result(request: UpgradeRequest) -> Result:
    """The result with every number computed by today's rules.

    Raises:
        DataError: Predictions are missing, were changed or are of another model, or a baseline behind its
            effective robustness is not available.
        InputError: A view needs a local copy of its split.
    """
    result, folder = request.result, request.folder
    entries = tuple(rescore_entry(entry, result, folder, data=request.data) for entry in result.entries)
    fresh = {"statistics": STATISTICS_VERSION, "environment": make_environment(), "entries": entries}
    return _attach_again(result.model_copy(update=fresh), request)


def _attach_again(upgraded: Result, request: UpgradeRequest) -> Result:
    """Effective robustness against the baselines and links that the earlier result has."""
    records = [record for entry in request.result.entries for record in entry.effective_robustness]
    if not records:
        return upgraded
    counts = load_pair_counts(upgraded, request.folder, data=request.data)
    for baseline in _choose_baselines(records, upgraded, request):
        links = dict.fromkeys(record.link for record in records if record.baseline == name_baseline(baseline))
        upgraded = attach_effective_robustness(upgraded, baseline, tuple(links), counts=counts)
    return upgraded


def _choose_baselines(
    records: Sequence[EffectiveRobustness], upgraded: Result, request: UpgradeRequest
) -> list[Baseline]:
    chosen: dict[str, Baseline] = {}
    for record in records:
        published = request.find_published(record.baseline)
        known = [*request.baselines, *([] if published is None else [published])]
        named = [one for one in known if name_baseline(one) == record.baseline]
        if not any(one.sha256 == record.baseline_sha256 for one in named):
            raise DataError(_explain_missing(record))
        # Those of the same id that fit another of its splits are taken as well.
        chosen |= {one.sha256: one for one in named if _fits(upgraded, one)}
    return list(chosen.values())


def _fits(result: Result, baseline: Baseline) -> bool:
    return any(explain_mismatch(entry, baseline) is None for entry in result.entries)


def _explain_missing(record: EffectiveRobustness) -> str:
    return (
        f"its effective robustness is against the baseline '{record.baseline}' with the hash "
        f"{record.baseline_sha256[:16]}, which is not available; give its file with --baseline FILE"
    )


def find_published(name: str) -> Baseline | None:
    """A table of published figures by its id, through the entry point that `evaluate --baseline` uses.

    Raises:
        InputError: The package's code fails.
    """
    for point in list_points(ROBUSTNESS_GROUP).get("check", ()):
        load: Callable[[str], Baseline] = load_point(point, "baselines")  # type: ignore[assignment]
        try:
            return load(name)
        # The id of a line that was measured, and is no table.
        except UnknownNameError:
            continue
    return None
