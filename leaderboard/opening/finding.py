"""The rows of the finding: the newest version that measures something, and a real set beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from imagenet_g.benchmark.robustness.fits import LineFit
from imagenet_g.leaderboard.board.board import Board, BoardVersion
from imagenet_g.leaderboard.board.published_rows import VERSION as REAL_SETS
from imagenet_g.leaderboard.board.rows import NONE, UNKNOWN
from imagenet_g.leaderboard.pages.pages import choose_line
from imagenet_g.leaderboard.pages.queries import BoardQuery, keep_comparable, select_rows, settle_query
from imagenet_g.leaderboard.validation.lines import FULL_AXIS

if TYPE_CHECKING:
    import pandas as pd

MAX_PANELS = 4
STRATEGIES = {
    "sd-l": "SD-L, from the label",
    "sd-i": "SD-I, from a real image",
    "sd-li": "SD-LI, from both",
    "ood": "OOD, from unusual captions",
}
"""What a split's images were generated from, by the split's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFinding:
    """What models scored on one split, beside their clean accuracy.

    Attributes:
        split: Reference.
        title: Its name for readers.
        rows: Rows with a top-1 and a clean accuracy on comparable classes; self-reported ones are left out.
        line: The line of standard models; None where none was measured.
        clean_set: Where the clean accuracy is from.
        generated: Whether a generator made the images.
    """

    split: str
    title: str
    rows: pd.DataFrame
    line: LineFit | None
    clean_set: str
    generated: bool

    @property
    def clean_name(self) -> str:
        """The clean set for readers."""
        return "photographs" if self.clean_set == "imagenet-val" else self.clean_set

    @property
    def judged(self) -> pd.DataFrame:
        """Rows that sentences count: without models that were trained on generated images."""
        trained = ~self.rows["generated"].isin([NONE, UNKNOWN])
        return self.rows[~trained] if self.generated else self.rows

    @property
    def median_gap(self) -> float:
        """Median accuracy gap of the judged rows, a fraction; NaN without rows."""
        return float(self.judged["gap"].median())


def choose_version(board: Board) -> BoardVersion:
    """The newest version that measures something; one for practice where there is no other."""
    return board.info.versions[0]


def list_generated(board: Board) -> tuple[SplitFinding, ...]:
    """Whole generated splits of the version that the page opens on, at most `MAX_PANELS`, with any row."""
    version = choose_version(board)
    if version.name == REAL_SETS:
        return ()
    splits = [split for split in version.splits if split.partition("/")[2] in STRATEGIES]
    found = (find_split(board, version.name, split, generated=True) for split in splits[:MAX_PANELS])
    return tuple(one for one in found if len(one.rows))


def find_real(board: Board, clean_set: str) -> SplitFinding | None:
    """The real set that costs models most, of those with a line on the whole clean set; None without one."""
    version = next((one for one in board.info.versions if one.name == REAL_SETS), None)
    splits = version.splits if version is not None else ()
    found = [find_split(board, REAL_SETS, split, generated=False) for split in splits]
    # Accuracies on some of the clean set's classes would lie elsewhere on the same axis.
    found = [
        one
        for one in found
        if one.clean_set == clean_set and one.line is not None and one.line.axes == (FULL_AXIS,)
    ]
    return min(found, key=lambda one: one.median_gap, default=None)


def find_split(board: Board, version: str, split: str, *, generated: bool) -> SplitFinding:
    """Comparable rows of a split and its line."""
    query = settle_query(board, BoardQuery(version=version, split=split))
    every = keep_comparable(select_rows(board, query))
    rows = every[every["gap"].notna() & (every["trust"] != "self-reported")]
    sets = rows["clean_set"].mode()
    clean_set = "" if sets.empty else str(sets.iloc[0])
    return SplitFinding(
        split=split,
        title=name_split(split),
        # Of several clean sets the most frequent: accuracies on others have another axis.
        rows=rows[rows["clean_set"] == clean_set],
        line=choose_line(board, query, rows) if len(rows) else None,
        clean_set=clean_set,
        generated=generated,
    )


def name_split(split: str) -> str:
    """A split for readers: by what its images were generated from, else its own name.

    Example:
        >>> name_split("v1/sd-i"), name_split("v1/sd-i:clip-filtered"), name_split("imagenet-r")
        ('SD-I, from a real image', 'SD-I, from a real image, clip-filtered', 'imagenet-r')
    """
    base, _, view = split.partition(":")
    name = STRATEGIES.get(base.partition("/")[2], base)
    return f"{name}, {view}" if view else name


def shorten_model(name: str) -> str:
    """The name of a model without what stands in brackets behind it.

    Example:
        >>> shorten_model("ViT-L/14-336 (pre-trained on ImageNet-12k, fine-tuned)")
        'ViT-L/14-336'
    """
    return name.partition(" (")[0]


def number_models(board: Board, version: str) -> dict[str, int]:
    """A number for each model of a version, 1 for the most accurate on clean images.

    Figure and overview show them, so that a point is found in the table.
    """
    rows = board.scores[board.scores["version"] == version]
    own = rows.groupby("model_id", sort=False)["clean"].first().reset_index()
    # By id where two are equal, so that a point keeps its number from one build to the next.
    order = own.sort_values(["clean", "model_id"], ascending=[False, True])["model_id"]
    return {str(model_id): number for number, model_id in enumerate(order, 1)}
