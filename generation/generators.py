"""What a generator is: rows in, images out, loaded once, and able to say what it is.

Anything with these three methods builds a split. A generator must draw all noise of a row from the row's own
seed, so that an image does not depend on when it is made or on what was made before it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.generation.generator_specs import (
    AwayFromMeanSpec,
    BackgroundFirstSpec,
    DiffusersSpec,
    GeneratorSpec,
    PythonSpec,
)

if TYPE_CHECKING:
    from PIL import Image
    from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class RenderRow:
    """One image to make.

    Attributes:
        image_id: Its identity.
        label: Class index in 0..999.
        wnid: WordNet id of the class.
        prompt: Text, or None for generators that take none.
        seed: In [0, 2**63); all randomness of this image must come from it.
        source: The RGB image to start from, untouched, or None.
    """

    image_id: str
    label: int
    wnid: str
    prompt: str | None
    seed: int
    source: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Rendering:
    """One image made.

    Attributes:
        image: RGB.
        is_flagged_unsafe: Verdict of a safety checker, None where none was asked.
    """

    image: Image.Image
    is_flagged_unsafe: bool | None = None


class Generator(Protocol):
    """A text-to-image model, or any other way to make an image of a class."""

    def load(self, device: str) -> None:
        """Load weights onto "cpu", "cuda" or "cuda:N"; called once, before anything else."""

    def describe(self) -> dict[str, JsonValue]:
        """What made the images, closely enough to make them again: goes into the manifest."""

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """One image per row, in order. Called with whole batches of the size the recipe says."""


def make_generator(spec: GeneratorSpec) -> Generator:
    """The generator behind a spec, not yet loaded.

    Raises:
        InputError: A factory that cannot be found or does not return a generator.
    """
    if isinstance(spec, BackgroundFirstSpec):
        from imagenet_g.generation.background_first import BackgroundFirstGenerator

        return BackgroundFirstGenerator(spec)
    if isinstance(spec, AwayFromMeanSpec):
        from imagenet_g.generation.away_from_mean import AwayFromMeanGenerator

        return AwayFromMeanGenerator(spec)
    if isinstance(spec, DiffusersSpec):
        from imagenet_g.generation.diffusers_generator import DiffusersGenerator

        return DiffusersGenerator(spec)
    return _call_factory(spec)


def _call_factory(spec: PythonSpec) -> Generator:
    module_name, _, name = spec.factory.partition(":")
    # A person's own module lies in the folder they work in, which is not on an installed command's path.
    sys.path.append(str(Path.cwd()))
    try:
        factory: Callable[..., Generator] = getattr(import_module(module_name), name)
    except ImportError as error:
        raise InputError(f"Generator '{spec.factory}': cannot import '{module_name}': {error}.") from error
    except AttributeError as error:
        raise InputError(f"Generator '{spec.factory}': '{module_name}' has no '{name}'.") from error
    finally:
        sys.path.pop()
    try:
        made = factory(**spec.options)
    except Exception as error:
        raise ModelError(f"Generator '{spec.factory}' cannot be made: {error!r}") from error
    for method in ("load", "describe", "render"):
        if not callable(getattr(made, method, None)):
            raise InputError(f"Generator '{spec.factory}' returned {type(made).__name__} without '{method}'.")
    return made
