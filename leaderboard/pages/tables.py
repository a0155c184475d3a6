"""The columns of the board's table, and how its order is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as remember
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.predictions.metric import Metric
from imagenet_g.benchmark.results import HEADLINE
from imagenet_g.leaderboard.board.rows import list_board_metrics
from imagenet_g.leaderboard.pages.cells import (
    Row,
    escape,
    format_accuracy,
    format_count,
    format_date,
    format_equated,
    format_flags,
    format_gap,
    format_image_distance,
    format_image_share,
    format_metric,
    format_model,
    format_parameters,
    format_plain,
    format_rank,
    format_robustness,
    format_throughput,
    format_trust,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the board.

    Attributes:
        name: Short word in the address.
        title: Heading.
        help: What it is, shown on hover and read out.
        cell: HTML of one row's cell, escaped.
        sort: Column of the frame it sorts by; empty for none.
        numeric: Whether it is set flush right.
        words: What it is sorted by, in a caption; empty for the heading without its unit.
    """

    name: str
    title: str
    help: str
    cell: Callable[[Row], str]
    sort: str = ""
    numeric: bool = True
    words: str = ""


_NO_ER = "No baseline has been measured on this split, or the clean accuracy covers other classes."
_LEADING: tuple[Column, ...] = (
    Column(
        name="rank",
        title="#",
        help="Range of ranks that paired tests leave open; in other orders, the place by their value alone",
        cell=format_rank,
    ),
    Column(
        name="model",
        title="Model",
        help="Name and who submitted or published it",
        cell=format_model,
        sort="model",
        numeric=False,
        words="name",
    ),
)
_DERIVED: tuple[Column, ...] = (
    Column(
        name="gap",
        title="AG, points",
        help="Accuracy gap: top-1 minus the clean reference; a drop is negative",
        cell=format_gap,
        sort="gap",
        words="accuracy gap",
    ),
    Column(
        name="er",
        title="ER, points",
        help="Effective robustness: top-1 minus the baseline's prediction from the clean accuracy",
        cell=lambda r: format_robustness(r, _NO_ER),
        sort="er",
        words="effective robustness",
    ),
    Column(
        name="clean",
        title="Clean, %",
        help="Clean reference accuracy",
        cell=lambda r: format_accuracy(r, "clean"),
        sort="clean",
        words="clean accuracy",
    ),
    Column(
        name="trust",
        title="Trust",
        help="How far the numbers were checked",
        cell=format_trust,
        sort="trust",
        numeric=False,
        words="how far the numbers were checked",
    ),
    Column(
        name="flags",
        title="Flags",
        help="Cautions to read before quoting the row",
        cell=format_flags,
        numeric=False,
    ),
    Column(
        name="training",
        title="Training data",
        help="Labels and images it was trained on",
        cell=format_plain("training_data"),
        sort="training_data",
        numeric=False,
        words="training data",
    ),
    Column(
        name="parameters",
        title="Size",
        help="Number of parameters",
        cell=format_parameters,
        sort="parameters",
        words="number of parameters",
    ),
)
_OTHERS: tuple[Column, ...] = (
    Column(
        name="equated",
        title="Equated, %",
        help="Top-1 as it would be on the earlier version's split, by the models that were run on both",
        cell=format_equated,
        sort="equated",
        words="equated top-1",
    ),
    Column(
        name="images_valid",
        title="Valid images, %",
        help="Share of the split's images that show their class, by people; the same for every model",
        cell=lambda r: format_image_share(r, "images_valid", "Nobody has rated the images of this split."),
    ),
    Column(
        name="images_recognised",
        title="Recognised images, %",
        help="Share of the split's images whose class a judge names among five; no bound of validity",
        cell=lambda r: format_image_share(r, "images_recognised", "No judge was run on this split."),
    ),
    Column(
        name="images_distance",
        title="Image distance",
        help="Fréchet distance of the split's images, by class, less that between halves of the reference",
        cell=format_image_distance,
    ),
    Column(
        name="family",
        title="Family",
        help="Architecture family",
        cell=format_plain("family"),
        sort="family",
        numeric=False,
    ),
    Column(
        name="supervision",
        title="Supervision",
        help="Supervised, self-supervised or zero-shot",
        cell=format_plain("supervision"),
        numeric=False,
    ),
    Column(
        name="generated",
        title="Trained on generated",
        help="Generators whose images it was trained on",
        cell=format_plain("generated"),
        numeric=False,
    ),
    Column(
        name="reference",
        title="Reference",
        help="Whether the clean accuracy was measured or published",
        cell=lambda r: escape(f"{r['clean_set']} {r['clean_kind']}"),
        numeric=False,
    ),
    Column(
        name="n", title="Images", help="Images scored", cell=format_count, sort="n", words="number of images"
    ),
    Column(
        name="throughput",
        title="Images/s",
        help="Images a second of the run that gave the answers, and on what; devices cannot be compared",
        cell=format_throughput,
        sort="throughput",
        words="images a second",
    ),
    Column(
        name="date",
        title="Date",
        help="Day on which the numbers were computed; unknown for published ones",
        cell=format_date,
        sort="date",
        words="date",
    ),
    Column(
        name="source",
        title="Source",
        help="Where the numbers come from",
        cell=format_plain("source"),
        numeric=False,
    ),
)
DEFAULT_COLUMNS = (
    "rank",
    "model",
    "top1",
    "gap",
    "er",
    "clean",
    "trust",
    "flags",
    "training",
    "parameters",
)


@remember
def load_columns() -> Mapping[str, Column]:
    """Every column by name, in their order: top-1 stands first of the numbers, other metrics behind the rest.

    Raises:
        InputError: A metric has the name of another column.
    """
    metrics = {metric.name: _make_metric_column(metric) for metric in list_board_metrics()}
    headline = metrics.pop(HEADLINE)
    columns = (*_LEADING, headline, *_DERIVED, *metrics.values(), *_OTHERS)
    if clashes := set(metrics) & {column.name for column in (*_LEADING, *_DERIVED, *_OTHERS)}:
        raise InputError(f"A metric cannot be named '{min(clashes)}': the board has such a column.")
    return {column.name: column for column in columns}


def _make_metric_column(metric: Metric) -> Column:
    return Column(
        name=metric.name,
        title=metric.heading,
        help=metric.help,
        cell=lambda row: format_metric(row, metric),
        sort=metric.name,
    )


def is_filled(rows: pd.DataFrame, name: str) -> bool:
    """Whether some row has a value in a column, which an older board may lack."""
    return name in rows and bool(rows[name].notna().any())


def list_filled_columns(rows: pd.DataFrame) -> tuple[str, ...]:
    """The usual columns, and those of the other metrics that some row has."""
    filled = (name for name in ("equated", *(m.name for m in list_board_metrics())) if is_filled(rows, name))
    return tuple(dict.fromkeys((*DEFAULT_COLUMNS, *filled)))


def list_columns(text: str) -> tuple[str, ...]:
    """Columns as the address names them, each once; the usual ones where it names none."""
    named = dict.fromkeys(text.split(","))
    return tuple(name for name in named if name in load_columns()) or DEFAULT_COLUMNS


def format_columns(names: Sequence[str]) -> str:
    """Columns for the address; empty for the usual ones."""
    return "" if tuple(names) == DEFAULT_COLUMNS else ",".join(names)
