"""What a user declares of a model's training, and what its name says of it."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.lineage.training_sets import find_last_day, find_published_data
from imagenet_g.benchmark.records import ModelRecord

NO_GENERATOR = "none"


@dataclass(frozen=True, slots=True)
class TrainingDeclaration:
    """What the user declares of a model's training; None where nothing is declared.

    Attributes:
        data: Names of the training data.
        until: Last day the data can be from.
        generators: Generators whose images were trained on; empty for none.
    """

    data: str | None = None
    until: date | None = None
    generators: tuple[str, ...] | None = None

    def apply(self, record: ModelRecord) -> ModelRecord:
        """The record with what was declared, and with the date of a known training set."""
        data = self.data or record.training_data or find_published_data(record.spec)
        # The day a known training set ended stands in for a date that is not declared.
        until = self.until or record.trained_until or find_last_day(data)
        generators = record.generated_training_data if self.generators is None else self.generators
        return record.model_copy(
            update={"training_data": data, "trained_until": until, "generated_training_data": generators}
        )


def parse_declaration(data: str | None, until: str | None, generators: Sequence[str]) -> TrainingDeclaration:
    """A declaration from the words of the command line.

    Args:
        data: Name of the training data, or None.
        until: "YYYY-MM-DD", "YYYY-MM" or "YYYY"; the last day of it counts. None: not declared.
        generators: Names; the one word "none" declares that there were no generators.

    Raises:
        InputError: No date, or "none" beside a name.

    Example:
        >>> parse_declaration("laion-400m", None, ["none"])
        TrainingDeclaration(data='laion-400m', until=None, generators=())
    """
    if NO_GENERATOR in generators and len(generators) > 1:
        raise InputError("--trained-on-generated has both 'none' and a name; give one of the two.")
    named = tuple(name for name in generators if name != NO_GENERATOR)
    return TrainingDeclaration(
        data=data,
        until=None if until is None else parse_last_day(until),
        generators=named if generators else None,
    )


def parse_last_day(text: str) -> date:
    """The last day of a year, a month or a day.

    Raises:
        InputError: It has another form.

    Example:
        >>> str(parse_last_day("2024-02")), str(parse_last_day("2023"))
        ('2024-02-29', '2023-12-31')
    """
    match = re.fullmatch(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", text)
    try:
        if match is None:
            raise ValueError
        year, month = int(match[1]), int(match[2] or 12)
        return date(year, month, int(match[3] or calendar.monthrange(year, month)[1]))
    # `monthrange` has its own error class for a 13th month.
    except (ValueError, calendar.IllegalMonthError) as error:
        raise InputError(f"'{text}' is no date. Use YYYY, YYYY-MM or YYYY-MM-DD.") from error
