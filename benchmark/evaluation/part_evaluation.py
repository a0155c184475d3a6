"""One model through a job of an array: a share of the rows of each split, and no score."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import ClassSet
from imagenet_g.benchmark.composing.part_files import PartMeta, load_part, name_part, write_part
from imagenet_g.benchmark.composing.row_shares import RowShare
from imagenet_g.benchmark.environment import find_version
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.evaluation.model_evaluation import ModelEvaluation
from imagenet_g.benchmark.evaluation.requests import EvaluationOutcome
from imagenet_g.benchmark.evaluation.selection import count_rows
from imagenet_g.benchmark.results import STATISTICS_VERSION
from imagenet_g.benchmark.splits.references import SplitRef
from imagenet_g.benchmark.splits.splits import Split

if TYPE_CHECKING:
    from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask


class PartEvaluation(ModelEvaluation):
    """As `ModelEvaluation`, for a request with a share: files of rows in the place of a result."""

    def start(self) -> None:
        """Find out which model it is."""
        with self.drop_out():
            self.load_declared()
            self.choose_backend()

    def has_predictions(self, split: Split, class_sets: Mapping[str, ClassSet]) -> bool:
        """Whether the share is stored, by the same model, rows and plan.

        Raises:
            ImagenetGError: The model cannot be loaded.
            StorageError: A share that is to be scored otherwise cannot be written anew.
        """
        path = self._name_part(split)
        try:
            found = load_part(path)
        except DataError:
            return False
        if not self._is_wanted(found.meta, split, class_sets):
            return False
        # Another clean set or declaration changes no answer, but what the shares are joined to.
        fresh = found.meta.model_copy(
            update={"model": self.load_declared(), "plan": self.request.make_scoring_plan()}
        )
        if fresh != found.meta:
            write_part(path, found.predictions, fresh)
        return True

    def make_task(self, split: Split, class_sets: Mapping[str, ClassSet]) -> InferenceTask:
        """What is left to be computed of the share.

        Raises:
            ImagenetGError: The model cannot be loaded.
        """
        return self.run.make_task(split, class_sets, limit=self.request.limit, share=self._share)

    def keep(self, outcome: InferenceOutcome, split: Split, class_sets: Mapping[str, ClassSet]) -> None:
        """Write the share.

        Raises:
            StorageError: It cannot be written.
        """
        task = self.make_task(split, class_sets)
        start, stop = task.bounds or (0, 0)
        limit = self.request.limit
        meta = PartMeta(
            number=self._share.number,
            of=self._share.of,
            start=start,
            stop=stop,
            num_rows=count_rows(split, limit),
            predictions=self.run.make_meta(outcome, split, class_sets, limit),
            model=self.load_declared(),
            plan=self.request.make_scoring_plan(),
            imagenet_g=find_version("imagenet-g"),
            statistics=STATISTICS_VERSION,
        )
        self.run.computed += 1
        write_part(self._name_part(split), outcome.predictions, meta)
        task.parts.clear()

    def is_stored(self, split: Split) -> bool:
        """Whether the file of the share is there, unread."""
        return self._name_part(split).exists()

    def add(self, ref: SplitRef) -> None:
        """Nothing: a share is not scored."""

    def finish(self) -> None:
        """Nothing: a share is no result."""

    def make_outcome(self) -> EvaluationOutcome:
        """Which files there are now."""
        parts: tuple[Path, ...] = ()
        if self.error is None:
            parts = tuple(map(self._name_part, self.splits.values()))
        return EvaluationOutcome(
            requested=self.run.request.requested,
            result=None,
            path=None,
            error=self.error,
            computed=self.run.computed,
            parts=parts,
        )

    @property
    def _share(self) -> RowShare:
        if self.request.share is None:
            raise RuntimeError("a share is asked for by the request")
        return self.request.share

    def _is_wanted(self, meta: PartMeta, split: Split, class_sets: Mapping[str, ClassSet]) -> bool:
        """Whether a stored share is what would be computed now."""
        about, limit = meta.predictions, self.request.limit
        stored = {name: one.indices for name, one in about.class_sets.items()}
        return (
            about.key == self._make_key(split)
            and meta.share == self._share
            and (meta.start, meta.stop) == self.run.find_bounds(split, limit=limit, share=self._share)
            and stored == {name: one.indices for name, one in class_sets.items()}
            # Shares of two versions of the code are not joined.
            and (meta.imagenet_g, meta.statistics) == (find_version("imagenet-g"), STATISTICS_VERSION)
        )

    def _make_key(self, split: Split) -> str:
        return self.run.make_key(split, limit=self.request.limit)

    def _name_part(self, split: Split) -> Path:
        folder = self.request.out / self.make_slug()
        return name_part(folder, split=split.record.ref, key=self._make_key(split), share=self._share)
