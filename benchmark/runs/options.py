"""The options of an evaluation, as the command line and the Python API take them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from imagenet_g.benchmark.backends.choosing import BACKENDS
from imagenet_g.benchmark.engines.opening import ENGINES
from imagenet_g.benchmark.errors import InputError, UnknownNameError, shorten
from imagenet_g.benchmark.feeding.kinds import FeedingKind

FEEDINGS = get_args(FeedingKind)
DTYPES = ("float32", "bfloat16", "float16")
_CHOICES = {"backend": BACKENDS, "feeding": FEEDINGS, "dtype": DTYPES, "engine": ENGINES}
_TEXTS = (
    "checkpoint_key", "templates", "reference", "rows", "training_data", "trained_until", "device", "devices",
    "address",
)  # fmt: skip
_COUNTS = ("limit", "batch_size", "workers", "actors")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """What to evaluate and how, in the words of the user; `imagenet-g evaluate --help` explains each.

    Raises:
        InputError: A number is none, or out of its range, or a text is none.
        UnknownNameError: A choice is none of those there are.
    """

    model: Sequence[str] = ()
    checkpoint: Path | None = None
    checkpoint_key: str | None = None
    class_map: Path | None = None
    templates: str = "openai-80"
    class_names: Path | None = None
    split: Sequence[str] | None = None
    reference: str | None = None
    unfiltered_reference: bool = False
    data: Sequence[str] = ()
    sets: Sequence[Path] = ()
    limit: int | None = None
    rows: str | None = None
    skip_unreadable: bool = False
    stream: bool = False
    baseline: Sequence[str] = ()
    training_data: str | None = None
    trained_until: str | None = None
    trained_on_generated: Sequence[str] = ()
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None
    backend: str = "auto"
    feeding: FeedingKind = "auto"
    compile: bool = False
    dtype: str = "float32"
    devices: str | None = None
    engine: str = "serial"
    address: str | None = None
    actors: int | None = None
    cpus_per_actor: float = 1.0
    out: Path = Path("results")
    keep_features: bool = False
    cache: Path | None = None

    def __post_init__(self) -> None:
        """Check what argparse checks on the command line."""
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InputError(f"argument {_spell(name)}: {shorten(repr(value))} is no text.")
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputError(f"argument {_spell(name)}: '{value}' is not a whole number of at least 1.")
        cpus = self.cpus_per_actor
        if isinstance(cpus, bool) or not isinstance(cpus, int | float) or not 0 < cpus < math.inf:
            raise InputError(
                f"argument --cpus-per-actor: {shorten(repr(cpus))} is no number above 0, such as 0.5."
            )
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UnknownNameError(name, str(getattr(self, name)), known)


def _spell(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def read_options(arguments: Mapping[str, Any]) -> EvaluationOptions:
    """The options of an evaluation among those of a command line.

    Raises:
        InputError: As `EvaluationOptions`.

    Example:
        >>> read_options({"model": ["timm:resnet50"], "list": False}).model
        ['timm:resnet50']
    """
    known = {field.name for field in fields(EvaluationOptions)}
    return EvaluationOptions(**{name: value for name, value in arguments.items() if name in known})
