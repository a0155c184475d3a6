"""A replay as one Markdown page, beside the paper's own numbers where they are transcribed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from imagenet_g.baselines.papers.layout import build_grid
from imagenet_g.baselines.papers.tables import Papers, format_place
from imagenet_g.baselines.replays.comparisons import count_answers, count_answers_alone
from imagenet_g.baselines.replays.records import (
    Answer,
    CellRecord,
    ClaimRecord,
    ComparisonRecord,
    ReplayRecord,
)
from imagenet_g.baselines.replays.specs import ReplaySpec
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.records import Estimate
from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.benchmark.robustness.wording import state_verdict
from imagenet_g.benchmark.terminal.markdown import escape_cell, escape_heading, format_code, format_name

Show = Callable[[float, float | None, float | None], str]
VERDICTS = {
    "agrees": "agrees",
    "disagrees": "does not agree",
    "open": "open: too few images to decide",
    "mixed": "agrees in part",
}

_NOT_TRAINED = (
    "## Trained on real images, on generated ones, on both\n\nNot run: no model was trained for this page, "
    "and the claims about training are left out."
)


def format_page(replay: ReplayRecord, spec: ReplaySpec, papers: Papers) -> str:
    """The page.

    Args:
        replay: What was found.
        spec: What was replayed.
        papers: The tables of the papers.
    """
    sections = (
        _format_head(replay),
        _format_claims(replay.claims),
        _format_section("accuracy gap on generated images", replay.gaps, spec.gaps.published, papers),
        _format_section("the same on filtered images", replay.filtered, spec.filtered.published, papers),
        *([_format_training(replay.training, spec, papers)] if replay.training else [_NOT_TRAINED]),
        _format_end(replay, spec),
    )
    return "\n\n".join(sections) + "\n"


def _format_head(replay: ReplayRecord) -> str:
    return (
        f"# {escape_heading(replay.title)}\n\n{escape_heading(replay.notice)}\n\n"
        "Accuracies in percent, differences in percentage points, 95 % intervals in brackets. AG is accuracy "
        "on the split less accuracy on the clean images of the same classes: a drop is negative."
    )


def _format_claims(claims: Sequence[ClaimRecord]) -> str:
    rows = [
        f"| {escape_cell(claim.text)} | {escape_cell(claim.source)} | {VERDICTS[claim.verdict]} "
        f"| {format_counts(count_answers(claim.comparisons))} |"
        for claim in claims
    ]
    head = [
        "## Claims of the paper, and whether they hold here",
        "",
        "The comparisons of a claim are corrected for their number by Holm's method: the chance that any of "
        "them is falsely called as expected or contrary is at most 5 %.",
        "",
        "| claim | source | here | of the comparisons |",
        "| --- | --- | --- | --- |",
    ]
    return "\n\n".join(["\n".join([*head, *rows]), *(format_claim(claim) for claim in claims)])


def format_counts(counts: Mapping[Answer, int]) -> str:
    """How many comparisons had each answer."""
    return f"{counts['yes']} as expected, {counts['no']} contrary, {counts['open']} open"


def format_claim(claim: ClaimRecord, show: Show | None = None) -> str:
    """A claim as a section: each comparison in a row, and counts by column.

    Args:
        claim: As it was judged.
        show: How a difference and its bounds are written; None for points.
    """
    parts = [
        f"### {escape_heading(claim.text)}",
        _format_comparisons(claim.comparisons, show or format_difference),
    ]
    columns = dict.fromkeys(one.column for one in claim.comparisons)
    # Columns that differ must not hide in one sum: a split may be easier where another is harder.
    if len(columns) > 1 and len(columns) < len(claim.comparisons):
        parts.append("\n".join(_format_column(claim.comparisons, column) for column in columns))
    return "\n\n".join(parts)


def _format_column(comparisons: Sequence[ComparisonRecord], column: str | None) -> str:
    found = [one for one in comparisons if one.column == column]
    return (
        f"- {format_name(str(column))}: {format_counts(count_answers(found))}; each tested alone: "
        f"{format_counts(count_answers_alone(found))}"
    )


def _format_comparisons(comparisons: Sequence[ComparisonRecord], show: Show) -> str:
    rows = [
        f"| {_format_label(it)} | {show(it.value, it.low, it.high)} | {it.expected} "
        f"| {_format_p_value(it.p_value)} | {_format_p_value(it.p_holm)} | {it.answer} |"
        for it in comparisons
    ]
    head = ["| | difference | expected | p | p, corrected | |", "| --- | --- | --- | ---: | ---: | --- |"]
    return "\n".join([*head, *rows])


def _format_label(comparison: ComparisonRecord) -> str:
    names = dict.fromkeys((comparison.label, comparison.column or comparison.label))
    return ", ".join(format_name(name) for name in names)


def _format_p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def _format_section(title: str, cells: Sequence[CellRecord], published: str, papers: Papers) -> str:
    parts = [
        f"## {format_place(published)}: {title}",
        _format_table(cells, "clean", _format_clean, _format_gap),
        "Accuracy:",
        _format_table(cells, "clean", _format_clean, _format_accuracy),
        *_list_cautions(cells),
        format_published(published, papers),
    ]
    return "\n\n".join(parts)


def _format_training(cells: Sequence[CellRecord], spec: ReplaySpec, papers: Papers) -> str:
    mixtures = "\n".join(
        f"- {format_name(mixture.name)}: "
        + ", ".join(_format_part(part.ref, part.images_per_class) for part in mixture.data)
        for mixture in spec.training.mixtures
    )
    # Every mixture has the same line under one shift; it is described once.
    lines = dict.fromkeys(_describe_line(cell) for cell in cells if cell.entry.effective_robustness)
    places = " and ".join(format_place(name) for name in spec.training.published)
    parts = [
        f"## {places}: trained on real images, on generated ones, on both",
        f"One architecture, {format_code(spec.training.model)} of the recipe "
        f"{format_code(spec.training.recipe)}, trained once on each for as many steps. "
        f"The intervals do not include the variance of training.\n\n{mixtures}",
        "Accuracy:",
        _format_table(cells, "clean", _format_clean, _format_accuracy),
        "Accuracy gap:",
        _format_table(cells, "clean", _format_clean, _format_gap),
        f"Effective robustness ({spec.link} link):",
        _format_table(cells, "clean", _format_clean, _format_robustness),
        "\n".join(lines),
        *(format_published(name, papers) for name in spec.training.published),
    ]
    return "\n\n".join(parts)


def _format_part(ref: str, images_per_class: int | None) -> str:
    return format_code(ref) + ("" if images_per_class is None else f", {images_per_class} images a class")


def _format_table(
    cells: Sequence[CellRecord],
    first: str,
    format_first: Callable[[CellRecord], str],
    format_cell: Callable[[CellRecord], str],
) -> str:
    # A dict and not a set: it keeps the order of the replay's file, which is that of the paper's table.
    columns = list(dict.fromkeys(cell.column for cell in cells))
    rows: dict[str, list[CellRecord]] = {}
    for cell in cells:
        rows.setdefault(cell.row, []).append(cell)
    lines = [
        "| | " + " | ".join([first, *(format_name(column) for column in columns)]) + " |",
        "| --- |" + " ---: |" * (len(columns) + 1),
        *(
            f"| {format_name(row)} | {format_first(found[0])} | "
            + " | ".join(format_cell(cell) for cell in found)
            + " |"
            for row, found in rows.items()
        ),
    ]
    return "\n".join(lines)


def _format_clean(cell: CellRecord) -> str:
    return _format_estimate(cell.entry.gaps[0].reference.top1)


def _format_accuracy(cell: CellRecord) -> str:
    return _format_estimate(choose_headline(cell.entry).top1)


def _format_gap(cell: CellRecord) -> str:
    gap = cell.entry.gaps[0]
    return format_difference(gap.value, gap.low, gap.high)


def _format_robustness(cell: CellRecord) -> str:
    if not cell.entry.effective_robustness:
        return "no line"
    found = cell.entry.effective_robustness[0]
    verdict = state_verdict(found.low, found.high)
    flag = f": {verdict}" if verdict else ""
    flag += ", extrapolated" if found.extrapolated else ""
    return format_difference(found.value, found.low, found.high) + flag


def _format_estimate(estimate: Estimate) -> str:
    return f"{format_percent(estimate.value, 1)}{format_bounds(estimate.low, estimate.high, format_percent)}"


def format_difference(value: float, low: float | None, high: float | None) -> str:
    """A difference in points, with its interval."""
    return f"{format_points(value, 1)}{format_bounds(low, high, format_points)}"


def format_bounds(low: float | None, high: float | None, show: Callable[[float, int], str]) -> str:
    """An interval in brackets."""
    return " [unknown]" if low is None or high is None else f" [{show(low, 1)}, {show(high, 1)}]"


def _describe_line(cell: CellRecord) -> str:
    found = cell.entry.effective_robustness[0]
    weak = " The line is weak: read the gap first." if found.weak else ""
    return (
        f"- {format_name(cell.column)}: line through {found.num_models} models of "
        f"{found.num_families} families, r2 {found.r2:.2f}, clean accuracy "
        f"{format_percent(found.reference_low, 1)} to {format_percent(found.reference_high, 1)}.{weak}"
    )


def _list_cautions(cells: Sequence[CellRecord]) -> Iterator[str]:
    if any(not cell.entry.gaps[0].reference.filtered_alike for cell in cells):
        yield (
            "The split is filtered by a score and the clean images are not, so these gaps are not those of "
            "the paper, which filters both."
        )


def format_published(name: str, papers: Papers) -> str:
    """A printed table whole, with what is wrong in print."""
    table = papers.find_table(name)
    return f"The paper's own, {escape_heading(table.source)}, {build_grid(table, papers).format_markdown()}"


def _format_end(replay: ReplayRecord, spec: ReplaySpec) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in replay.environment.versions.items())
    return (
        f"## How it was made\n\n{format_code(f'imagenet-g baselines replay {spec.name}')}, recipe sha256 "
        f"{replay.spec_sha256[:12]}, {replay.environment.created_utc}, imagenet-g "
        f"{replay.environment.imagenet_g}, {versions}. `replay.json` beside this page holds every number."
    )
