"""The answers behind the rows of submissions, and the rank ranges that follow from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from imagenet_g.benchmark.classes import CLASS_SET_NAMES, name_class_set
from imagenet_g.benchmark.errors import DataError, ImagenetGError
from imagenet_g.benchmark.predictions.entries import choose_headline
from imagenet_g.benchmark.predictions.evidence import Evidence, restrict_to_classes, select_view
from imagenet_g.benchmark.predictions.scoring import select_outputs
from imagenet_g.benchmark.results import Entry
from imagenet_g.benchmark.statistics.accuracy import compute_correct
from imagenet_g.leaderboard.board.ranks import (
    LISTED,
    NO_ANSWERS,
    OTHER_IMAGES,
    RankedAnswers,
    RankRange,
    rank_answers,
)
from imagenet_g.leaderboard.board.rows import ScoreRow
from imagenet_g.leaderboard.submissions.problems import Trust
from imagenet_g.leaderboard.validation.split_store import SplitStore

TIERS: Mapping[Trust, int] = {"verified": 0, "recomputed": 1}
"""The trust levels that are ranked, and in which order."""


@dataclass(frozen=True, slots=True)
class AnsweredEntry:
    """An entry of a submission, and the predictions on its whole split."""

    entry: Entry
    path: Path


@dataclass
class AnswerStore:
    """Reads every file of predictions once, however many views of it have a row."""

    splits: SplitStore = field(default_factory=SplitStore)
    _files: dict[Path, Evidence] = field(default_factory=dict)

    def load(self, answered: AnsweredEntry) -> RankedAnswers:
        """Which images of an entry the model gets right, among the classes of its headline score.

        Raises:
            ImagenetGError: The file is damaged, or its view needs a split that is not available here.
        """
        entry = answered.entry
        if answered.path not in self._files:
            self._files[answered.path] = Evidence.from_file(answered.path)
        evidence = self._restrict(self._files[answered.path], entry)
        if entry.unscored_count_as == "left-out":
            evidence = evidence.without_unscored()
        score, predictions = choose_headline(entry), evidence.predictions
        stored_as = "all" if score.outputs == "all" else name_class_set(evidence.output_set)
        return RankedAnswers(
            image_ids=predictions.image_ids,
            classes=predictions.labels[:, 0],
            right=compute_correct(select_outputs(predictions, stored_as).indices, predictions.labels, k=1),
            outputs=score.num_outputs,
        )

    def _restrict(self, evidence: Evidence, entry: Entry) -> Evidence:
        view = entry.split.view
        if view is None:
            return evidence
        if view in CLASS_SET_NAMES:
            return restrict_to_classes(evidence, view)
        split = self.splits.find_split(entry.split.ref)
        if isinstance(split, str):
            raise DataError(split)
        return select_view(evidence, split, view)


def rank_rows(rows: Iterable[ScoreRow], answered: Mapping[tuple[str, str], AnsweredEntry]) -> list[ScoreRow]:
    """The rows with their rank ranges, or with the reason why a row has no rank.

    Verified rows are ranked first, and self-reported ones never, whatever is stored of them.

    Args:
        rows: Rows of the board.
        answered: Entries with stored answers, by split and model id.
    """
    listed, store = list(rows), AnswerStore()
    tiers = {(row.split, row.model_id): TIERS[row.trust] for row in listed if row.trust in TIERS}
    by_split: dict[str, dict[str, AnsweredEntry]] = {}
    for (split, model_id), one in answered.items():
        if (split, model_id) in tiers:
            by_split.setdefault(split, {})[model_id] = one
    found = {
        split: _rank_split(models, {model: tiers[split, model] for model in models}, store)
        for split, models in by_split.items()
    }
    return [_place(row, found.get(row.split, {}).get(row.model_id, NO_ANSWERS)) for row in listed]


def _rank_split(
    models: Mapping[str, AnsweredEntry], tiers: Mapping[str, int], store: AnswerStore
) -> dict[str, RankRange | str]:
    found: dict[str, RankRange | str] = {}
    answers: dict[str, RankedAnswers] = {}
    for model_id, one in models.items():
        try:
            answers[model_id] = store.load(one)
        except ImagenetGError as problem:
            # A board is built where the images of a version may be missing; its other splits have ranks.
            found[model_id] = f"its answers could not be restricted to this view here: {problem}"
    ranked = rank_answers(answers, tiers)
    return found | {model_id: ranked.get(model_id, OTHER_IMAGES) for model_id in answers}


def _place(row: ScoreRow, ranked: RankRange | str) -> ScoreRow:
    if row.trust == "self-reported":
        return replace(row, unranked=LISTED)
    if isinstance(ranked, str):
        return replace(row, unranked=ranked)
    return replace(row, rank_best=ranked.best, rank_worst=ranked.worst, unranked="")
