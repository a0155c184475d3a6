"""The board's files: what `leaderboard build` writes and everything else only reads.

board.json           versions, their splits, what was left out and why
scores.parquet       one row a model and split
robustness.parquet   one row a model, split, baseline and link
lines.json           baseline lines
models.json          what each submission says of its model; absent from boards of version 1
answers/<split>.parquet   the first answer of every model to every image, where predictions are stored
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, TypeAdapter, ValidationError

from imagenet_g.benchmark.errors import DataError, describe_failure
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.records import Count, FileModel
from imagenet_g.benchmark.robustness.fits import LineFit
from imagenet_g.benchmark.storage import replace_file, write_text
from imagenet_g.leaderboard.board.answer_tables import ANSWER, PROBABILITY
from imagenet_g.leaderboard.board.model_facts import SubmissionFacts

if TYPE_CHECKING:
    import pandas as pd

BOARD_NAME = "board.json"
FACTS_NAME = "models.json"
BOARD_FORMAT = 2
"""Version of the files. Those of version 1 have no facts about models."""
ROBUSTNESS_KEYS = ("version", "split", "baseline", "link")
_FACTS = TypeAdapter(tuple[SubmissionFacts, ...])


class BoardVersion(FileModel):
    """One ranking."""

    name: str
    title: str
    notice: str | None
    """A notice about all its splits."""
    split_notices: dict[str, str] = Field(default_factory=dict)
    """Notices about single splits and views, such as what should be used instead."""
    splits: tuple[str, ...]
    num_models: Count
    # Has a default, because boards were written before it existed.
    practice: bool = False
    """Whether its numbers are no measure of a model; it stands behind all others."""

    @property
    def label(self) -> str:
        """Its name as pickers and headings show it."""
        return f"{self.name} (practice)" if self.practice else self.name


class LeftOut(FileModel):
    """A submission that is not on the board."""

    file: str
    reason: str


class BoardInfo(FileModel):
    """`board.json`."""

    schema_version: int = BOARD_FORMAT
    imagenet_g: str
    built_utc: str
    versions: tuple[BoardVersion, ...]
    left_out: tuple[LeftOut, ...]
    # Has a default, because boards were written before it existed.
    unknown_metrics: tuple[str, ...] = ()
    """Metrics of submissions that no package had where the board was built; they have no column."""

    def find_version(self, name: str) -> BoardVersion:
        """A version by name; the first one for an unknown name, as an old link may have."""
        return next((version for version in self.versions if version.name == name), self.versions[0])


@dataclass(frozen=True)
class Board:
    """A board in memory."""

    info: BoardInfo
    scores: pd.DataFrame
    robustness: pd.DataFrame
    lines: tuple[LineFit, ...]
    answers: dict[str, bytes] = field(default_factory=dict)
    """Parquet files of stored answers by split: compressed, as they were when the board was read."""
    facts: tuple[SubmissionFacts, ...] = ()
    """Of submissions; empty on a board of version 1."""

    @cached_property
    def facts_by_model(self) -> dict[tuple[str, str], SubmissionFacts]:
        """Facts by version and model id; absent for published rows."""
        return {(one.version, one.model_id): one for one in self.facts}

    @cached_property
    def baselines(self) -> tuple[str, ...]:
        """Ids of the baselines some row has an effective robustness against."""
        return tuple(sorted(self.robustness["baseline"].unique()))

    @cached_property
    def _baselines_by_version(self) -> dict[str, tuple[str, ...]]:
        found = self.robustness.groupby("version")["baseline"].unique()
        return {str(version): tuple(sorted(names)) for version, names in found.items()}

    def list_baselines(self, version: str) -> tuple[str, ...]:
        """Ids of the baselines of a version's effective robustness; all baselines where it has none."""
        return self._baselines_by_version.get(version, self.baselines)

    @cached_property
    def links(self) -> tuple[str, ...]:
        """Links some row has an effective robustness under."""
        return tuple(sorted(self.robustness["link"].unique()))

    @cached_property
    def values(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """What the rows of a version have in a column that readers filter by, sorted."""
        return {
            (str(version), column): tuple(sorted(rows[column].unique()))
            for version, rows in self.scores.groupby("version")
            for column in ("training_data", "supervision", "trust", "family")
        }

    @cached_property
    def names(self) -> dict[str, str]:
        """Names of all models by id; with the organisation where two models have one name."""
        return {model_id: name for models in self.models.values() for name, model_id in models}

    @cached_property
    def models(self) -> dict[str, list[tuple[str, str]]]:
        """Name and id of the models of a version, by name; with the organisation where a name comes twice."""
        return {str(version): _name_models(rows) for version, rows in self.scores.groupby("version")}

    @cached_property
    def ids_by_version(self) -> dict[str, frozenset[str]]:
        """Ids of the models of a version."""
        return {name: frozenset(model_id for _, model_id in models) for name, models in self.models.items()}

    @cached_property
    def scores_by_split(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Score rows by version and split: every view of the page begins with those of one."""
        # Grouped once and kept: the board does not change while it is served, and every click needs a group.
        return {
            (str(version), str(split)): rows
            for (version, split), rows in self.scores.groupby(["version", "split"], sort=False)
        }

    @cached_property
    def robustness_by_split(self) -> dict[tuple[str, ...], pd.DataFrame]:
        """Robustness rows by version, split, baseline and link, one a model.

        Of two clean axes of one model, the one on the split's own classes counts.
        """
        keys = list(ROBUSTNESS_KEYS)
        # Stable, so that `drop_duplicates` keeps the first of the same-class rows on every machine.
        rows = self.robustness.sort_values("same_classes", ascending=False, kind="stable")
        rows = rows.drop_duplicates([*keys, "model_id"])
        return {
            tuple(map(str, key)): group.drop(columns=keys).rename(columns={"same_classes": "er_same_classes"})
            for key, group in rows.groupby(keys, sort=False)
        }

    def has_answers(self, split: str, model_id: str) -> bool:
        """Whether a model's first answers on a whole split are stored."""
        return ANSWER + model_id in self._answered.get(split, ())

    @cached_property
    def _answered(self) -> dict[str, frozenset[str]]:
        import pyarrow.parquet as pq

        return {split: frozenset(pq.read_schema(BytesIO(data)).names) for split, data in self.answers.items()}

    def load_answers(self, split: str, model_id: str | None = None) -> pd.DataFrame | None:
        """First answers by image, one column pair for each model; None where no predictions are stored.

        Args:
            split: The whole split.
            model_id: Read the answers of this model alone; None where it has none.
        """
        import pandas as pd

        data = self.answers.get(split)
        if data is None or model_id is None:
            return None if data is None else pd.read_parquet(BytesIO(data))
        if not self.has_answers(split, model_id):
            return None
        own = [prefix + model_id for prefix in (ANSWER, PROBABILITY)]
        return pd.read_parquet(BytesIO(data), columns=["image_id", "labels", *own])


def _name_models(rows: pd.DataFrame) -> list[tuple[str, str]]:
    models = rows.drop_duplicates("model_id").sort_values("model")
    twice = models["model"].duplicated(keep=False)
    names = models["model"].where(~twice, models["model"] + " (" + models["organisation"] + ")")
    return list(zip(names.tolist(), models["model_id"].tolist(), strict=True))


def write_board(folder: Path, board: Board, answers: dict[str, pd.DataFrame]) -> None:
    """Write a board; `board.json` comes last, so that its presence means the rest is whole.

    Raises:
        StorageError: The folder cannot be written.
    """
    tables = {"scores": board.scores, "robustness": board.robustness}
    tables |= {f"answers/{make_slug(split)}": frame for split, frame in answers.items()}
    for name, frame in tables.items():
        with replace_file(folder / f"{name}.parquet") as temporary:
            frame.to_parquet(temporary, index=False, compression="zstd")
    lines = TypeAdapter(tuple[LineFit, ...]).dump_json(board.lines, indent=1)
    write_text(folder / "lines.json", lines.decode() + "\n")
    facts = _FACTS.dump_json(board.facts, indent=1)
    write_text(folder / FACTS_NAME, facts.decode() + "\n")
    write_text(folder / BOARD_NAME, board.info.model_dump_json(indent=2) + "\n")


def load_board(folder: Path) -> Board:
    """Read a board.

    Raises:
        DataError: The board is missing or damaged, or a later release wrote it.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        info = BoardInfo.model_validate_json((folder / BOARD_NAME).read_bytes())
        if info.schema_version > BOARD_FORMAT:
            raise DataError(
                f"The board in '{folder}' has format {info.schema_version}; this release knows up to "
                f"{BOARD_FORMAT}. Update imagenet-g, or build it again."
            )
        lines = TypeAdapter(tuple[LineFit, ...]).validate_json((folder / "lines.json").read_bytes())
        # By the version and not by the file: one left by a later release would be of other submissions.
        facts = _FACTS.validate_json((folder / FACTS_NAME).read_bytes()) if info.schema_version > 1 else ()
        scores = pd.read_parquet(folder / "scores.parquet")
        robustness = pd.read_parquet(folder / "robustness.parquet")
    except FileNotFoundError as error:
        raise DataError(
            f"'{folder}' has no complete board. Build one with 'imagenet-g leaderboard build'."
        ) from error
    except (OSError, ValidationError, pa.ArrowException) as error:
        raise DataError(
            f"The board in '{folder}' is damaged: {describe_failure(error)}. Build it again."
        ) from error
    splits = {split for version in info.versions for split in version.splits}
    answers = {split: folder / "answers" / f"{make_slug(split)}.parquet" for split in splits}
    # Read now and not when a visitor asks: a board built again meanwhile would mix with the tables above.
    found = {split: path.read_bytes() for split, path in answers.items() if path.is_file()}
    return Board(info=info, scores=scores, robustness=robustness, lines=lines, answers=found, facts=facts)
