"""Whether a model may have seen a split, or images like it, while it was trained.

A split published before the model's data were gathered may be among them; and a model trained on images of
the generator that drew the split has trained on images like those of the test. Neither is proof, so a result
is flagged, not refused. What is not declared is unknown, and raises no flag.
"""

from __future__ import annotations

import calendar
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache as remember
from importlib.resources import files

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import FileModel, ModelRecord
from imagenet_g.benchmark.results import ContaminationFlag, Entry
from imagenet_g.benchmark.splits.registry import KnownVersion, load_versions

NO_GENERATOR = "none"


class TrainingSetSpec(FileModel):
    """A training set and the last day its images can be from."""

    name: str
    until: date
    source: str


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
        data = self.data or record.training_data
        # The day a known training set ended stands in for a date that is not declared.
        known = load_training_sets().get((data or "").lower())
        until = self.until or record.trained_until or (known.until if known else None)
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


def flag_entry(entry: Entry, model: ModelRecord) -> Entry:
    """The entry with its contamination flags, and each of them among the warnings a reader sees."""
    spec = load_versions().get(entry.split.version or "")
    flags = find_contamination(model, spec)
    if not flags:
        return entry
    warnings = (*entry.warnings, *(f"Possible contamination: {flag.reason}" for flag in flags))
    return entry.model_copy(update={"contamination": flags, "warnings": warnings})


def find_contamination(model: ModelRecord, version: KnownVersion | None) -> tuple[ContaminationFlag, ...]:
    """Reasons to think that a model has seen a version, or images like it.

    Args:
        model: With what is declared of its training.
        version: The version's row of the registry; None for a split of no known version.
    """
    if version is None:
        return ()
    flags = []
    published = version.published
    # The same day counts too: which came first is unknown.
    if published and model.trained_until and published.released <= model.trained_until:
        reason = (
            f"{version.name} was published on {published.released}, and the model's training data go up to "
            f"{model.trained_until}."
        )
        flags.append(ContaminationFlag(kind="data-after-release", reason=reason))
    # Compared by a simplified name: users write `sd-1.5` where a registry has the repository.
    drawn_by = {normalize_generator(name): name for name in version.generators}
    for name in model.generated_training_data or ():
        if (key := normalize_generator(name)) in drawn_by:
            reason = (
                f"the model was trained on images of {name}, which drew {version.name} ({drawn_by[key]})."
            )
            flags.append(ContaminationFlag(kind="same-generator", reason=reason))
    return tuple(flags)


def normalize_generator(name: str) -> str:
    """A generator's name without owner, punctuation and version letter: "sd-1.5" is "stablediffusion15".

    Example:
        >>> normalize_generator("SD-1.5"), normalize_generator("runwayml/stable-diffusion-v1-5")
        ('stablediffusion15', 'stablediffusion15')
        >>> normalize_generator("SDXL")
        'sdxl'
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower().split("/")[-1])
    # Only before a number: `sdxl` and `sd-turbo` are other models.
    plain = re.sub(r"^sd(?=v?\d)", "stablediffusion", plain)
    return re.sub(r"v(?=\d)", "", plain)


@remember
def load_training_sets() -> dict[str, TrainingSetSpec]:
    """Known training sets by name. Do not mutate."""
    text = (files("imagenet_g.benchmark.data") / "training_sets.toml").read_text(encoding="utf-8")
    specs = (TrainingSetSpec.model_validate(table) for table in tomllib.loads(text)["set"])
    return {spec.name: spec for spec in specs}
