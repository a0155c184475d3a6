"""The options of scoring, as the command line and the Python API take them; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.outside_answers.options import PUBLISHED, REFERENCE_SPLIT, UNMATCHED
from imagenet_g.benchmark.outside_answers.tables import is_table


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreOptions:
    """What to score and how, in the words of the user; `imagenet-g score --help` explains each.

    Raises:
        InputError: Options contradict one another, or answers come without what they are about.
        UnknownNameError: A choice is none of those there are.
    """

    predictions: Sequence[Path] = ()
    reference: str = PUBLISHED
    unfiltered_reference: bool = False
    view: str | None = None
    data: Sequence[str] = ()
    skip_unreadable: bool = False
    pairs: bool = False
    out: Path | None = None
    split: Sequence[str] = ()
    reference_split: str = REFERENCE_SPLIT
    name: str | None = None
    questions: Path | None = None
    unmatched: str = "refuse"
    real_labels: str | None = None
    cache: Path | None = None

    def __post_init__(self) -> None:
        """Refuse words that contradict one another."""
        if self.unmatched not in UNMATCHED:
            raise UnknownNameError("unmatched", str(self.unmatched), UNMATCHED)
        self._check_answers()
        if self.real_labels and (self.view or self.pairs or self.reference != PUBLISHED):
            raise InputError(
                "--real-labels scores all of imagenet-val: leave out --view, --pairs and --reference."
            )

    def _check_answers(self) -> None:
        answers = self.list_answers()
        # One for one, because answers say nothing of the split that their images are from.
        if len(self.split) != len(answers):
            raise InputError(
                f"{len(answers)} files of answers (.csv, .tsv, .jsonl) and {len(self.split)} times --split: "
                "name the split of each, in their order. Predictions files need none."
            )
        if answers and not self.name:
            raise InputError("Name the system that gave the answers with --name.")
        if not answers and (self.name or self.questions):
            raise InputError("--name and --questions go with answers: a .csv, .tsv or .jsonl file.")

    def list_answers(self) -> list[Path]:
        """The files of answers among those to be scored; the others are predictions."""
        return [path for path in self.predictions if is_table(path)]


def read_options(arguments: Mapping[str, Any]) -> ScoreOptions:
    """The options of scoring among those of a command line.

    Raises:
        InputError: As `ScoreOptions`.

    Example:
        >>> read_options({"view": "imagenet-r", "upgrade": None}).view
        'imagenet-r'
    """
    # A command line holds more than these, such as whether a result is upgraded.
    known = {field.name for field in fields(ScoreOptions)}
    return ScoreOptions(**{name: value for name, value in arguments.items() if name in known})
