"""What a replay found: the file behind its page."""

from __future__ import annotations

from typing import Literal

from pydantic import FiniteFloat

from imagenet_g.baselines.replays.cells.specs import Measure
from imagenet_g.benchmark.records import FileModel, Fraction, Sha256
from imagenet_g.benchmark.results import Environment

Answer = Literal["yes", "no", "open"]
Verdict = Literal["agrees", "disagrees", "open", "mixed"]


class ComparisonRecord(FileModel):
    """A difference that a claim is about, with its interval."""

    label: str
    column: str
    """Where: a split or a shift, two of them, or a step of a training."""
    # No bounds: a loss has none, and a difference of two gaps may be 2.
    value: FiniteFloat
    low: FiniteFloat | None
    high: FiniteFloat | None
    expected: Literal["above 0", "below 0"]
    p_value: Fraction | None
    """That the difference is 0, by itself; null without an interval."""
    p_holm: Fraction | None
    """The same with Holm's correction over the comparisons of the claim."""
    # Stored although the p-value decides it: who reads the JSON need not apply the rule a second time.
    answer: Answer
    """Whether it lies on the expected side of 0 beyond chance, on the other, or neither."""


class ClaimRecord(FileModel):
    """A claim of the paper, and the answer of the tables."""

    text: str
    source: str
    comparisons: tuple[ComparisonRecord, ...]
    verdict: Verdict


class NumberRecord(FileModel):
    """One cell of an experiment: the mean over models and seeds."""

    row: str
    column: str
    measure: Measure
    value: FiniteFloat
    """A fraction; of a loss and a coding length, nats; of a distance, its own unit."""
    low: FiniteFloat | None
    high: FiniteFloat | None
    seeds: int
    """The fewest seeds of a model; with fewer than 2 the interval is over images alone. 1 for a CLIP's
    distances, whose intervals are over classes."""


class ExperimentRecord(FileModel):
    """What an experiment found."""

    name: str
    numbers: tuple[NumberRecord, ...]
    claims: tuple[ClaimRecord, ...]
    training: dict[str, str]
    """By row: how many trainings of how many steps."""
    lines: dict[str, str]
    """By column: what effective robustness is measured from."""
    filtered_unlike: tuple[str, ...]
    """Columns that a score filtered otherwise than the clean set."""


class ExperimentsRecord(FileModel):
    """`replay.json`."""

    schema_version: Literal[2] = 2
    name: str
    title: str
    notice: str
    spec_sha256: Sha256
    environment: Environment
    most_seeds: int | None
    """Of a slice: the most seeds of a recipe that were taken; null for all."""
    experiments: tuple[ExperimentRecord, ...]
