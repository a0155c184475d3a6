"""From the evidence of a model on its splits to its result: clean sets first, then gaps from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from imagenet_g.benchmark.composing.kept_entries import list_kept_entries
from imagenet_g.benchmark.composing.scoring_plans import ScoringPlan
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.lineage.flags import flag_entry
from imagenet_g.benchmark.naming.published import load_published_accuracies
from imagenet_g.benchmark.predictions.entries import make_entry
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.predictions.sanity import check_clean_accuracy
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import STATISTICS_VERSION, Entry, Result

FindTwin = Callable[[Evidence, Evidence], Evidence]
"""From all of the clean set, and a split's evidence, to the clean images that the split is compared with."""


class ResultBuilder:
    """Scores evidence as it comes.

    Args:
        record: The model.
        plan: What is scored against what.
        find_twin: As `FindTwin`.
        say: Takes a sentence for the user.
    """

    def __init__(
        self, record: ModelRecord, plan: ScoringPlan, *, find_twin: FindTwin, say: Callable[[str], None]
    ) -> None:
        self._record = record
        self._plan = plan
        self._find_twin = find_twin
        self._say = say
        self._published = load_published_accuracies(record.spec)
        self._clean: dict[str, Evidence] = {}
        self._entries: list[Entry] = []

    def add(self, ref: str, found: Evidence) -> None:
        """Score a clean set or a split; clean sets come first (`ScoringPlan.list_order`).

        Raises:
            DataError: No image has a prediction.
        """
        if ref in self._plan.list_clean_sets():
            self._add_clean(ref, found)
        else:
            self._add_split(ref, found)

    def write(self, folder: Path, *, data: Mapping[str, Path]) -> tuple[Result, Path]:
        """The result in its folder, with what an earlier one has on other splits.

        Args:
            folder: Of the result.
            data: Local copies of splits, needed to score earlier entries again.

        Raises:
            StorageError: The folder cannot be written.
        """
        flagged = tuple(flag_entry(self._add_choices(entry), self._record) for entry in self._entries)
        refs = {entry.split.ref for entry in flagged}
        kept, lost = list_kept_entries(folder, self._record, refs, data=data)
        if lost:
            self._say(lost)
        result = Result(
            statistics=STATISTICS_VERSION,
            model=self._record,
            environment=make_environment(),
            entries=(*flagged, *kept),
        )
        return result, write_result(folder, result)

    def _add_clean(self, ref: str, clean: Evidence) -> None:
        self._clean[ref] = clean
        doubts = check_clean_accuracy(clean, self._published, spec=self._record.spec)
        # At once, so that a wrongly set up model shows before hours are spent on it.
        for doubt in doubts:
            self._say(doubt)
        skip = self._plan.skip_unreadable
        self._entries.append(
            make_entry(clean, reference=None, published=(), skip_unscored=skip, warnings=doubts)
        )

    def _add_split(self, ref: str, found: Evidence) -> None:
        skip = self._plan.skip_unreadable
        reference = self._choose_clean(ref, found)
        self._entries.append(
            make_entry(found, reference=reference, published=self._published, skip_unscored=skip)
        )

    def _choose_clean(self, ref: str, found: Evidence) -> Evidence | None:
        clean = self._plan.references.get(ref)
        if clean is None:
            return None
        whole = self._clean[clean]
        return whole if self._plan.unfiltered_reference else self._find_twin(whole, found)

    def _add_choices(self, entry: Entry) -> Entry:
        return entry.model_copy(update={"choices": self._plan.choices.get(entry.split.ref, ())})
