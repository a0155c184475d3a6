"""What a replay found: the file behind its page."""

from __future__ import annotations

from typing import Literal

from imagenet_g.benchmark.records import Difference, FileModel, Sha256
from imagenet_g.benchmark.results import Entry, Environment

Answer = Literal["yes", "no", "open"]
Verdict = Literal["agrees", "disagrees", "open", "mixed"]


class CellRecord(FileModel):
    """One cell of a table: a model on a split."""

    row: str
    column: str
    entry: Entry


class ComparisonRecord(FileModel):
    """A difference that a claim is about, with its interval."""

    label: str
    value: Difference
    low: Difference | None
    high: Difference | None
    expected: Literal["above 0", "below 0"]
    # Stored although the bounds decide it: who reads the JSON need not apply the rule a second time.
    answer: Answer
    """Whether the interval lies on the expected side of 0, on the other, or holds it."""


class ClaimRecord(FileModel):
    """A claim of the paper, and the answer of the tables."""

    text: str
    source: str
    comparisons: tuple[ComparisonRecord, ...]
    verdict: Verdict


class ReplayRecord(FileModel):
    """`replay.json`."""

    schema_version: Literal[1] = 1
    name: str
    title: str
    notice: str
    spec_sha256: Sha256
    environment: Environment
    gaps: tuple[CellRecord, ...]
    filtered: tuple[CellRecord, ...]
    training: tuple[CellRecord, ...]
    claims: tuple[ClaimRecord, ...]
