"""The finding in words: a headline and three sentences, each filled in by the rows or absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.leaderboard.opening.finding import SplitFinding, shorten_model
from imagenet_g.leaderboard.pages.cells import escape, is_missing

MAX_NAMED = 2
NO_ROWS = "No model has been scored on generated images yet."


def format_headline(generated: Sequence[SplitFinding]) -> str:
    """One line: what the median model loses on each kind of generated image, as HTML.

    Where models gain on a kind, the line says that instead.
    """
    known = [one for one in generated if len(one.judged)]
    if not known:
        return NO_ROWS
    if all(one.median_gap < 0 for one in known):
        # The verb once, where it is the same for all.
        parts = [f"<b>{_points(-one.median_gap)} points</b> on {escape(_short(one))}" for one in known]
        return f"From {_clean(known[0])} to generated images, the median model loses {_join(parts)}."
    parts = [f"<b>{_change(one.median_gap)}</b> on {escape(_short(one))}" for one in known]
    return f"From {_clean(known[0])} to generated images, the median model {_join(parts)}."


def list_sentences(generated: Sequence[SplitFinding], real: SplitFinding | None) -> list[str]:
    """How many models lose, whether the order stays, and what a real set costs; as HTML.

    A sentence whose data are missing is left out.
    """
    known = [one for one in generated if len(one.judged)]
    first = [_count_losses(known[0]), _compare_order(known[0])] if known else [NO_ROWS]
    return [sentence for sentence in (*first, _scale(real)) if sentence]


def list_caveats(generated: Sequence[SplitFinding]) -> list[str]:
    """What the sentences leave out and what is unknown, as text."""
    return [*_name_trained(generated), *_name_lines(generated)]


def _count_losses(one: SplitFinding) -> str:
    gaps = one.judged["gap"]
    lost = gaps[gaps < 0]
    if not len(lost):
        return f"None of {len(gaps)} models is less accurate on {escape(_short(one))} than on {_clean(one)}."
    span = f"{_points(-lost.max())} to {_points(-lost.min())}" if len(lost) > 1 else _points(-lost.max())
    among = (
        f"All {len(gaps)} models are" if len(lost) == len(gaps) else f"{len(lost)} of {len(gaps)} models are"
    )
    if len(gaps) == 1:
        among = "The one model is"
    return (
        f"<b>{among} less accurate</b> on {escape(_short(one))} than on {_clean(one)}, "
        f"by {span} points.{_name_gains(one)}"
    )


def _name_gains(one: SplitFinding) -> str:
    gained = one.judged[one.judged["gap"] >= 0].to_dict(orient="records")
    named = [f"{_name(row)} gains {_points(row['gap'])}" for row in gained]
    return f" {_join(named)}." if 0 < len(named) <= MAX_NAMED else ""


def _compare_order(one: SplitFinding) -> str:
    rows = one.judged.sort_values("clean", ascending=False).to_dict(orient="records")
    if len(rows) < 2:
        return ""
    pairs = [(better, worse) for n, better in enumerate(rows) for worse in rows[n + 1 :]]
    turned = [pair for pair in pairs if _is_above(pair[1], pair[0], "top1") and _is_above(*pair, "clean")]
    if not turned:
        return (
            f"No pair of models changes its order beyond chance from {_clean(one)} to {escape(_short(one))}."
        )
    better, worse = max(turned, key=lambda pair: pair[1]["top1"] - pair[0]["top1"])
    return (
        f"<b>Clean accuracy does not settle the order</b>: {len(turned)} of {len(pairs)} pairs of models "
        f"turn round. {_name(worse)}, {_points(better['clean'] - worse['clean'])} points behind "
        f"{_name(better)} on {_clean(one)}, is {_points(worse['top1'] - better['top1'])} points ahead."
    )


def _is_above(one: Mapping[Any, Any], other: Mapping[Any, Any], name: str) -> bool:
    """Whether one is more accurate than the other, and their intervals, where both are known, are apart."""
    low: Any = one.get(f"{name}_low")
    high: Any = other.get(f"{name}_high")
    if is_missing(low) or is_missing(high):
        return bool(one[name] > other[name])
    return bool(low > high)


def _scale(real: SplitFinding | None) -> str:
    if real is None:
        return ""
    line = real.line
    fit = (
        f", where a line through {line.num_models} standard models explains r² = {line.r2:.2f}"
        if line
        else ""
    )
    return (
        f"<b>For scale</b>: on {escape(real.title)}, the real set that costs most, the median of "
        f"{len(real.rows):,} models {_change(real.median_gap)}{fit}."
    )


def _name_trained(generated: Sequence[SplitFinding]) -> Iterator[str]:
    names: dict[str, str] = {}
    for one in generated:
        left = one.rows[~one.rows["model_id"].isin(one.judged["model_id"])]
        names |= dict(zip(left["model_id"], left["model"], strict=True))
    if names:
        listed = _join([shorten_model(name) for name in names.values()])
        yield f"Not counted, because trained on generated images (hollow points): {listed}."


def _name_lines(generated: Sequence[SplitFinding]) -> Iterator[str]:
    without = [one.split for one in generated if one.line is None]
    if without:
        yield (
            f"No line of standard models has been measured on {_join(without)}: effective robustness there "
            "is unknown, and the dashed line is equal accuracy."
        )


def _short(one: SplitFinding) -> str:
    return one.title.partition(",")[0]


def _clean(one: SplitFinding) -> str:
    return escape(one.clean_name)


def _name(row: Mapping[Any, Any]) -> str:
    return escape(shorten_model(str(row["model"])))


def _points(value: float) -> str:
    return format_percent(value, 1)


def _change(gap: float) -> str:
    if abs(gap) < 0.0005:
        return "neither gains nor loses"
    return f"{'loses' if gap < 0 else 'gains'} {_points(abs(gap))} points"


def _join(parts: Sequence[str]) -> str:
    """Parts as a list in a sentence."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]])) if parts else ""
