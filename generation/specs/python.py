"""The kind "python": a user's generator, made by a function that the spec names."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from imagenet_g.generation.specs.generator import GeneratorSpec, Inputs
from imagenet_g.generation.specs.stages import Positive


class PythonSpec(GeneratorSpec):
    """A user's generator; see `generators.Generator`."""

    made_by: ClassVar[str] = "imagenet_g.generation.generators.python:make_python_generator"

    kind: Literal["python"]
    inputs: Inputs
    factory: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """"module:function"; called with `options`, returns a Generator."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    clip_token_limit: Positive | None = None

    @property
    def token_limit(self) -> int | None:
        """As in the spec."""
        return self.clip_token_limit

    @property
    def has_text_encoder(self) -> bool:
        """Assumed, because only the user's function decides it."""
        return True

    def format_settings(self) -> str:
        """The address of the function."""
        return f"{self.kind}:{self.factory}"
