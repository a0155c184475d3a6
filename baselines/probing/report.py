"""Results of probes as rows of a table, with what the paper prints beside them."""

from __future__ import annotations

from imagenet_g.baselines.probing.records import ProbeEntry, ProbeResult

COLUMNS = ("set", "top-1, %", "mean per class, %", "chosen", "learnt, tested")


def format_percent(value: float, low: float | None = None, high: float | None = None) -> str:
    """A fraction in percent, with its interval.

    Example:
        >>> format_percent(0.5, 0.25, 0.75), format_percent(0.5)
        ('50.0 (25.0 to 75.0)', '50.0')
    """
    text = f"{100 * value:.1f}"
    return text if low is None or high is None else f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def make_row(entry: ProbeEntry) -> tuple[str, ...]:
    """One set."""
    values = ", ".join(f"{name} {value:.3g}" for name, value in entry.seeds[0].chosen.items())
    # Each seed chooses its own; the file has all.
    chosen = (
        values if len(entry.seeds) == 1 else f"{values} (seed {entry.seeds[0].seed} of {len(entry.seeds)})"
    )
    return (
        f"{entry.set}{', in part' if entry.partial else ''}",
        format_percent(entry.top1.value, entry.top1.low, entry.top1.high),
        format_percent(entry.mean_per_class),
        chosen,
        f"{entry.num_learnt}, {entry.num_test}",
    )


def format_means(result: ProbeResult) -> list[str]:
    """Sentences about the means over sets."""
    means = result.means
    if means is None:
        return ["No mean over sets: no whole set was probed."]
    accuracy = format_percent(means.mean, means.mean_low, means.mean_high)
    odds = f"{means.mean_log_odds:.2f} ({means.log_odds_low:.2f} to {means.log_odds_high:.2f})"
    return [
        f"mean over {len(means.sets)} sets ({', '.join(means.sets)}): {accuracy} %; in log odds {odds}, "
        f"which is {format_percent(means.accuracy_at_mean_log_odds)} %"
    ]
