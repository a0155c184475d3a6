"""What is asked of an evaluation, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from imagenet_g.benchmark.backends.settings import RunSettings
from imagenet_g.benchmark.composing.row_shares import RowShare
from imagenet_g.benchmark.composing.scoring_plans import ScoringPlan
from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.evaluation.cache import Cache
from imagenet_g.benchmark.lineage.declarations import TrainingDeclaration
from imagenet_g.benchmark.models.classifiers import ModelRequest
from imagenet_g.benchmark.records import Choice
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.splits.references import SplitRef

PUBLISHED = "published"
"""The word that asks for published clean accuracies in the place of a clean set."""


class EvaluationListener(Protocol):
    """Receives the progress of a run."""

    def say(self, text: str) -> None:
        """A message for the user."""

    def start_split(self, model: str, split: str, unit: str = "images") -> None:
        """A split is about to be run; `unit` is what `advance` counts."""

    def start_prompts(self, model: str) -> None:
        """The prompts of a zero-shot model are about to be encoded."""

    def advance(self, done: int, total: int) -> None:
        """So many of its images, or prompts, are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What to evaluate and how.

    Attributes:
        models: Models, in the order they are run.
        splits: Splits and views.
        reference: A real split to run as the clean set, or None for published accuracies.
        unfiltered_reference: Compare filtered views with all images of the clean set, too, and not with its
            equally filtered ones.
        references: The same for single splits, by their reference, in place of `reference`.
        choices: What was taken by default, by split; a split without any has them all named.
        data: Local copies by name, such as {"imagenet-val": Path(...)}.
        settings: Device, dtype, batch size, workers.
        limit: Run only this many images, spread evenly over the split; None for all.
        skip_unreadable: Leave unreadable images out instead of counting them as wrong.
        out: Folder for results.
        cache: What is kept between runs.
        split_cache: Where hashes of files and downloads are remembered; None for the folder of the cache.
        stream: Read releases on the Hub as they are needed, and keep no copy.
        declaration: What the user declares about the models' training.
        baselines: The lines that effective robustness is to be stated against.
        share: The share of each split's rows to run, for a job of an array; None for all.
    """

    models: tuple[ModelRequest, ...]
    splits: tuple[SplitRef, ...]
    reference: SplitRef | None
    unfiltered_reference: bool = False
    references: Mapping[str, SplitRef | None] = field(default_factory=dict)
    choices: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    data: Mapping[str, Path] = field(default_factory=dict)
    settings: RunSettings
    limit: int | None = None
    skip_unreadable: bool = False
    out: Path
    cache: Cache
    split_cache: Path | None = None
    stream: bool = False
    declaration: TrainingDeclaration = field(default_factory=TrainingDeclaration)
    baselines: tuple[str, ...] = ()
    share: RowShare | None = None

    def find_reference(self, ref: SplitRef) -> SplitRef | None:
        """The clean set to run for a split; None where its accuracy is looked up."""
        return self.references.get(str(ref), self.reference)

    def list_references(self) -> list[SplitRef]:
        """The clean sets to run, each once."""
        found = (self.find_reference(ref) for ref in self.splits)
        return list(dict.fromkeys(ref for ref in found if ref is not None))

    def list_order(self) -> list[SplitRef]:
        """Clean sets, then the splits that are none, each once."""
        return list(dict.fromkeys([*self.list_references(), *self.splits]))

    def make_scoring_plan(self) -> ScoringPlan:
        """What is scored against what."""
        clean = {str(ref): self.find_reference(ref) for ref in self.splits}
        return ScoringPlan(
            splits=tuple(clean),
            references={ref: None if found is None else str(found) for ref, found in clean.items()},
            unfiltered_reference=self.unfiltered_reference,
            skip_unreadable=self.skip_unreadable,
            choices=dict(self.choices),
            baselines=self.baselines,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOutcome:
    """The outcome for one model.

    Attributes:
        requested: The model as requested.
        result: What was measured; None when it failed, and for a share of the rows.
        path: The result file; None when it failed, and for a share of the rows.
        parts: Files of a share of the rows.
        error: Why it failed; None when it did not.
        computed: How many splits had to be run; 0 means all came from the cache.
    """

    requested: str
    result: Result | None
    path: Path | None
    error: ImagenetGError | None
    computed: int
    parts: tuple[Path, ...] = ()
