"""What an evaluation scores, as far as it needs no model."""

from __future__ import annotations

from imagenet_g.benchmark.records import Choice, FileModel


class ScoringPlan(FileModel):
    """What is scored, against what: all of an evaluation that needs no model.

    Splits, views and clean sets are named by their references.
    """

    splits: tuple[str, ...]
    references: dict[str, str | None]
    """The clean set of each split; null to look its accuracy up."""
    unfiltered_reference: bool
    """Compare filtered views with all images of the clean set."""
    skip_unreadable: bool
    """Leave unreadable images out instead of counting them as wrong."""
    choices: dict[str, tuple[Choice, ...]]
    """What was taken by default, by split or clean set."""
    baselines: tuple[str, ...] = ()
    """The lines that effective robustness is stated against."""

    def list_clean_sets(self) -> list[str]:
        """The clean sets to run, each once."""
        return list(dict.fromkeys(clean for clean in map(self.references.get, self.splits) if clean))

    def list_order(self) -> list[str]:
        """Clean sets, then the splits that are none, each once."""
        return list(dict.fromkeys([*self.list_clean_sets(), *self.splits]))
