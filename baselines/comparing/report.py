"""A comparison of models in words."""

from __future__ import annotations

from collections.abc import Sequence

from imagenet_g.baselines.comparing.comparison import ModelComparison, ModelStanding, PairComparison
from imagenet_g.baselines.comparing.stored_runs import StoredRun
from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.statistics.groups import GroupTable
from imagenet_g.benchmark.statistics.paired import describe_verdict, format_bounds

MAX_GROUPS = 15
"""Rows printed of a group table."""


def format_comparison(
    comparison: ModelComparison, runs: Sequence[StoredRun], *, max_groups: int = MAX_GROUPS
) -> str:
    """Standings, pairs, groups; numbers in percent and percentage points.

    Args:
        comparison: Of the models.
        runs: Their stored predictions.
        max_groups: Rows of a table by group.
    """
    lines = [format_images(comparison, runs), ""]
    lines += [
        f"  {format_top1(standing):>24}  {f'rank {format_rank(standing)}':12} {standing.model}"
        for standing in comparison.standings
    ]
    for pair in comparison.pairs:
        lines += ["", *_format_pair(pair, max_groups)]
    return "\n".join(lines)


def format_images(comparison: ModelComparison, runs: Sequence[StoredRun]) -> str:
    """The split, and what of it is compared."""
    # Files may cover different images; only the shared ones are compared, and the line states both numbers.
    sizes = {len(run.predictions) for run in runs}
    partly = f" ({max(sizes)} in the longest file)" if sizes != {comparison.num_images} else ""
    return (
        f"{runs[0].meta.split.ref}: {comparison.num_images} images{partly} of {comparison.num_classes} "
        f"classes, outputs: {_name_outputs(comparison.outputs)}"
    )


def format_top1(standing: ModelStanding) -> str:
    """An accuracy with its interval.

    Example:
        >>> format_top1(ModelStanding(model="m", top1=0.5, low=0.25, high=0.75, best_rank=1, worst_rank=2))
        '50.00 % (25.00 to 75.00)'
    """
    return f"{100 * standing.top1:.2f} % ({100 * standing.low:.2f} to {100 * standing.high:.2f})"


def format_rank(standing: ModelStanding) -> str:
    """The ranks that a model may have.

    Example:
        >>> format_rank(ModelStanding(model="m", top1=0.5, low=0.25, high=0.75, best_rank=1, worst_rank=2))
        '1 to 2'
    """
    best, worst = standing.best_rank, standing.worst_rank
    return f"{best}" if best == worst else f"{best} to {worst}"


def format_difference(pair: PairComparison) -> str:
    """The difference of two models with its interval."""
    difference = pair.difference
    return (
        f"difference {100 * difference.value:+.2f} points, {100 * difference.confidence:.4g} % interval "
        f"{format_bounds(difference)}, clustered by class"
    )


def _name_outputs(outputs: str) -> str:
    # A class set that has no name is stored under a hash of its classes.
    return "the split's own classes" if outputs.startswith("classes-") else outputs


def _format_pair(pair: PairComparison, max_groups: int) -> list[str]:
    test, difference = pair.mcnemar, pair.difference
    kappa = "undefined" if pair.kappa is None else f"{pair.kappa:.3f}"
    lines = [
        f"{pair.first} less {pair.second}: {describe_verdict(difference, pair.first, pair.second)}",
        f"  {format_difference(pair)}",
        f"  p = {pair.p_value:.3g}, after Holm's correction over all pairs {difference.p_value:.3g}",
        f"  only the first right {test.only_first}, only the second {test.only_second}; "
        f"McNemar, which takes images as independent: p = {test.p_value:.3g}",
        f"  both right {100 * pair.both_right:.2f} %, both wrong {100 * pair.both_wrong:.2f} %, "
        f"same answer {100 * pair.same_answer:.2f} %, error consistency {kappa}",
    ]
    for name, table in pair.by_group.items():
        lines += _format_groups(name, table, max_groups)
    return lines


def _format_groups(name: str, table: GroupTable, max_groups: int) -> list[str]:
    # All of a few recipes are of interest; of 1000 classes only those that differ at 5 % false discoveries.
    # Holm's correction over 1000 classes is too strict to find those.
    few = len(table.names) <= max_groups
    chosen = [row for row in range(len(table.names)) if (few and name != "class") or table.p_fdr[row] < 0.05]
    chosen = sorted(chosen, key=lambda row: table.p_values[row])[:max_groups]
    found_holm, found_fdr = int((table.p_holm < 0.05).sum()), int((table.p_fdr < 0.05).sum())
    lines = [
        f"  by {name}: {len(table.names)} groups, {found_holm} differ (Holm), "
        f"{found_fdr} differ (5 % false discoveries)"
    ]
    lines += [
        f"    {_name_group(name, table.names[row])}: {100 * table.differences[row]:+.1f} points of "
        f"{table.num_images[row]} images, p {table.p_values[row]:.2g}, Holm {table.p_holm[row]:.2g}, "
        f"false discovery {table.p_fdr[row]:.2g}"
        for row in chosen
    ]
    return lines


def _name_group(name: str, group: str) -> str:
    if name != "class":
        return group or "unknown"
    return f"{group} {load_classes()[load_index_by_wnid()[group]].name}"
