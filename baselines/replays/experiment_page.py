"""A replay of experiments as one Markdown page: our numbers, the papers' beside them, verdicts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imagenet_g.baselines.papers.tables import Papers, format_place
from imagenet_g.baselines.replays.cells.plots import embed_plot
from imagenet_g.baselines.replays.cells.specs import DISTANCES, FEATURES, Measure
from imagenet_g.baselines.replays.comparisons import count_answers
from imagenet_g.baselines.replays.experiments import ExperimentSpec, ExperimentsSpec
from imagenet_g.baselines.replays.page_parts import (
    VERDICTS,
    Show,
    format_bounds,
    format_claim,
    format_counts,
    format_difference,
    format_published,
)
from imagenet_g.baselines.replays.records import ExperimentRecord, ExperimentsRecord, NumberRecord
from imagenet_g.benchmark.predictions.metric import MINUS
from imagenet_g.benchmark.reports.numbers import format_percent
from imagenet_g.benchmark.terminal.markdown import escape_cell, escape_heading, format_code, format_name

_MEASURES: dict[Measure, str] = {
    "top-1": "Accuracy:",
    "gap": "Accuracy gap, accuracy on the column less accuracy on the clean images of its classes:",
    "robustness": "Effective robustness, accuracy above the line of the baseline's models:",
    "loss": "Training loss in nats, of one augmented batch with the recipe's label smoothing:",
    "probe": "Accuracy of linear probes on frozen features, on images of other tasks:",
    "sparsity": "Sparsity, the share of dimensions with |x| < 1e-5 (features of length 1):",
    "intra-class distance": "Mean distance of two images of a class (features of length 1):",
    "redundancy": "Redundancy, the mean absolute correlation of two dimensions (features as given):",
    "coding length": "Coding length in nats, squared precision 0.5 (features as given):",
    "redundancy at length 1": "Redundancy (features of length 1):",
    "coding length at length 1": "Coding length in nats (features of length 1):",
    "CLIP similarity": "Cosine to the mean of the class in the reference, times 100 (lower is farther):",
    "Mahalanobis distance": "Mahalanobis distance from the class in the reference (higher is farther):",
}


def format_experiments(found: ExperimentsRecord, spec: ExperimentsSpec, papers: Papers) -> str:
    """The page.

    Args:
        found: What was found.
        spec: What was replayed; experiments that were not run are left out.
        papers: The tables of the papers.
    """
    # The record holds what was run: with a slice, less than the file.
    specs = {experiment.name: experiment for experiment in spec.experiments}
    sections = (
        _format_head(found),
        _format_verdicts(found, specs),
        *(_format_experiment(one, specs[one.name], papers) for one in found.experiments),
        _format_end(found),
    )
    return "\n\n".join(sections) + "\n"


def _format_head(found: ExperimentsRecord) -> str:
    few = "" if found.most_seeds is None else f" At most {found.most_seeds} seeds of each recipe were taken."
    return (
        f"# {escape_heading(found.title)}\n\n{escape_heading(found.notice)}\n\n"
        "Accuracies in percent, differences in percentage points, 95 % intervals in brackets. A row that is "
        "trained is the mean over models and seeds; its interval is over seeds and images, where a model has "
        f"two seeds or more.{few}"
    )


def _format_verdicts(found: ExperimentsRecord, specs: dict[str, ExperimentSpec]) -> str:
    lines = [
        "## Claims of the papers, and whether they hold here",
        "",
        "The comparisons of a claim are corrected for their number by Holm's method: the chance that any of "
        "them is falsely called as expected or contrary is at most 5 %.",
        "",
        "| stands for | claim | source | here | of the comparisons |",
        "| --- | --- | --- | --- | --- |",
    ]
    for one in found.experiments:
        # First in the row: a reader looks a claim up by the table in print.
        places = escape_cell(name_places(specs[one.name]))
        lines += [
            f"| {places} | {escape_cell(claim.text)} | {escape_cell(claim.source)} "
            f"| {VERDICTS[claim.verdict]} | {format_counts(count_answers(claim.comparisons))} |"
            for claim in one.claims
        ]
    return "\n".join(lines)


def name_places(spec: ExperimentSpec) -> str:
    """The printed tables and figures that an experiment stands for, in words."""
    return ", ".join((*(_name_table(name) for name in spec.published), *spec.figures))


def _name_table(name: str) -> str:
    # Three papers have a Table 1 each.
    return f"{name.partition('/')[0]}, {format_place(name)}"


def _format_experiment(found: ExperimentRecord, spec: ExperimentSpec, papers: Papers) -> str:
    rows = [f"- {format_name(row)}: {text}" for row, text in found.training.items()]
    lines = [f"- {format_name(column)}: {text}" for column, text in found.lines.items()]
    parts = [
        f"## {escape_heading(spec.title)}",
        f"Stands for {escape_heading(name_places(spec))}. {_explain_seeds(found.numbers)}",
        "\n".join(rows),
        *_format_measures(found, spec),
        "\n".join(lines),
        "\n".join(_explain_means(spec)),
        _format_unlike(found.filtered_unlike),
        *([embed_plot(spec)] if spec.plot else []),
        *(format_claim(claim, _choose_show(spec, claim.text)) for claim in found.claims),
        *(format_published(name, papers) for name in spec.published),
    ]
    return "\n\n".join(part for part in parts if part)


def _explain_means(spec: ExperimentSpec) -> Iterator[str]:
    for column in spec.columns:
        if column.refs:
            # Named: whoever compares with a printed mean must know over what it is.
            names = ", ".join(format_name(ref) for ref in column.refs)
            yield (
                f"- {format_name(column.column)}: the mean over {len(column.refs)} splits, each weighing the "
                f"same; an image that they share counts once, with its share of right answers: {names}"
            )


def _format_unlike(columns: Sequence[str]) -> str:
    if not columns:
        return ""
    # Filtered images are easier, and the papers filter both sets: these gaps are not theirs.
    names = ", ".join(format_name(column) for column in columns)
    return f"Filtered by a score otherwise than the clean images: {names}. Part of that gap is the filter's."


def _explain_seeds(numbers: Sequence[NumberRecord]) -> str:
    fewest, measures = min(number.seeds for number in numbers), {number.measure for number in numbers}
    if measures <= {*DISTANCES}:
        return "Means over classes; intervals from drawing classes."
    # The images of a logged step are given by its seed, and those of features are measured together.
    if fewest > 1 and measures <= {"loss", *FEATURES}:
        return f"Intervals over {fewest} seeds."
    # Said beside the numbers: an interval without seeds looks like any other, and is too short.
    if fewest < 2:
        return "One training or model a row: seeds are not in the intervals."
    return f"Intervals over {fewest} seeds and the images."


def _format_measures(found: ExperimentRecord, spec: ExperimentSpec) -> Iterator[str]:
    for measure in spec.measures:
        numbers = [number for number in found.numbers if number.measure == measure]
        yield _MEASURES[measure]
        yield format_numbers(numbers, spec.list_columns(measure))


def format_numbers(numbers: Sequence[NumberRecord], columns: Sequence[str]) -> str:
    """The cells of one measure as a table.

    Args:
        numbers: Row by row.
        columns: Their names, in order.
    """
    cells = {(number.row, number.column): number for number in numbers}
    lines = [
        "| | " + " | ".join(format_name(column) for column in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for row in dict.fromkeys(number.row for number in numbers):
        texts = (format_number(cells[row, column]) for column in columns)
        lines.append(f"| {format_name(row)} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def format_number(number: NumberRecord) -> str:
    """A cell with its interval.

    Example:
        >>> cell = NumberRecord(row="r", column="c", measure="loss", value=2.5, low=2.25, high=2.75, seeds=3)
        >>> format_number(cell)
        '2.500 [2.250, 2.750]'
    """
    match number.measure:
        case "gap" | "robustness":
            return format_difference(number.value, number.low, number.high)
        case "top-1" | "probe" | "CLIP similarity":
            bounds = format_bounds(number.low, number.high, format_percent)
            return f"{format_percent(number.value, 1)}{bounds}"
        case _:
            return _format_plain(number.value, number.low, number.high)


def _format_plain(value: float, low: float | None, high: float | None) -> str:
    bounds = " [unknown]" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{value:.3f}{bounds}".replace("-", MINUS)


def _choose_show(spec: ExperimentSpec, text: str) -> Show:
    measure = next(claim.measure for claim in spec.claims if claim.text == text)
    # A loss is no share: in points it would read a hundred times too large.
    plain = measure in ("loss", "Mahalanobis distance") or measure in FEATURES
    return _format_plain if plain else format_difference


def _format_end(found: ExperimentsRecord) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in found.environment.versions.items())
    return (
        f"## How it was made\n\n{format_code(f'imagenet-g baselines replay {found.name}')}, spec sha256 "
        f"{found.spec_sha256[:12]}, {found.environment.created_utc}, imagenet-g "
        f"{found.environment.imagenet_g}, {versions}. `replay.json` beside this page holds every number."
    )
