"""The interface of a generator: loaded once, describes itself, and turns rows into images.

Any object with these three methods can build a split. A generator must draw all noise of a row from the row's
own seed, so that an image does not depend on the time of rendering or on the images before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from imagenet_g.benchmark.identity import hash_bytes

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue

    from imagenet_g.generation.generators.machine import MachineOptions


@dataclass(frozen=True, slots=True)
class RenderRow:
    """One image to make.

    Attributes:
        image_id: Its identity.
        label: Class index in 0..999.
        wnid: WordNet id of the class.
        prompt: Text, or None for generators without prompts.
        seed: In [0, 2**63); all randomness of this image must come from it.
        source: The RGB image to start from, untouched, or None.
        settings: Values that the split sweeps, such as {"guidance": 2.5}, in place of the spec's; the same
            for all rows of a batch.
    """

    image_id: str
    label: int
    wnid: str
    prompt: str | None
    seed: int
    source: Image.Image | None = None
    settings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendering:
    """One image made.

    Attributes:
        image: RGB.
        is_flagged_unsafe: Verdict of a safety checker; None without a checker.
    """

    image: Image.Image
    is_flagged_unsafe: bool | None = None


class Generator(Protocol):
    """A text-to-image model, or any other way to make an image of a class."""

    def load(self, device: str) -> None:
        """Load weights onto "cpu", "cuda" or "cuda:N"; called once, before anything else."""

    def describe(self) -> dict[str, JsonValue]:
        """Everything needed to make the images again, for the manifest."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """One image per row, in order. Called with whole batches of the recipe's size."""


@runtime_checkable
class TunedGenerator(Protocol):
    """A generator that can use its machine in several ways; every other one is made as it is."""

    def use_machine(self, machine: MachineOptions) -> None:
        """Take the choices of a run; called once, before `load`."""


def make_retry_seed(seed: int, attempt: int) -> int:
    """Seed of a further attempt at an image, an int in [0, 2**63); attempt 0 keeps the planned one.

    Example:
        >>> make_retry_seed(7, 0), make_retry_seed(7, 1) == make_retry_seed(7, 2)
        (7, False)
    """
    if attempt == 0:
        return seed
    return int(hash_bytes(f"retry/{seed}/{attempt}".encode())[:16], 16) % 2**63
