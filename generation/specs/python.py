"""The kind "python": a user's generator, made by a function that the spec names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from imagenet_g.generation.specs.generator import GeneratorSpec, Inputs, is_own_module
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
    def code_modules(self) -> tuple[str, ...]:
        """The module of the function, unless it is of this package."""
        name = self.factory.partition(":")[0]
        return () if is_own_module(name) else (name,)

    def list_local_files(self) -> list[Path]:
        """Files that an option names, and the files of folders that one names by a path."""
        return sorted({file for text in _list_texts(self.options) for file in _list_files(text)})

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


def _list_texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _list_texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_texts(part)


def _list_files(text: str) -> Iterator[Path]:
    # An option may be any text; one that no file system accepts as a path names no file.
    with suppress(OSError, ValueError):
        path = Path(text).expanduser()
        if path.is_file():
            yield path
        # Only with a slash, and none that the current folder lies in: a word such as "data" or "." may be a
        # setting, and the folder of that name may hold anything.
        elif "/" in text and path.is_dir() and not Path.cwd().is_relative_to(path.resolve()):
            yield from (file for file in path.rglob("*") if file.is_file())
