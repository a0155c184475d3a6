"""What every kind of generator must be able to answer, whatever it is.

A build, a dry run, a pin and a verification ask these questions of a spec and never which kind it is: a new
kind is one class, and no other module changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import FileModel

if TYPE_CHECKING:
    from pydantic import JsonValue

    from imagenet_g.generation.specs.stages import Repository

Inputs = Literal["prompt", "image", "prompt+image", "class"]


class GeneratorSpec(FileModel):
    """One kind of generator: its fields are its keys in a spec, its methods what the package asks of it.

    A kind is a subclass with the fields `kind` (a `Literal` of its name) and `inputs`, and with `made_by`.
    The methods have defaults that fit a generator without weights from a repository.
    """

    made_by: ClassVar[str]
    """"module:name" of what is called with the spec and returns a `generators.Generator`, not yet loaded.

    An address, because specs are read by commands that must not import a generator's libraries."""

    if TYPE_CHECKING:
        # Every kind declares these two itself. Declared here they would come first in a dump, and specs would
        # no longer be written as those of the frozen releases are.
        kind: str
        inputs: Inputs
        """What an image is made from."""

    @property
    def all_repositories(self) -> tuple[Repository, ...]:
        """Everything that is loaded from a repository: what is pinned, and what a dry run looks for."""
        return ()

    @property
    def token_limit(self) -> int | None:
        """Prompt tokens the text encoder keeps, start and end included; None where it is not known."""
        return None

    @property
    def num_cpu_threads(self) -> int:
        """Threads that rendering and scoring use on a CPU: another number gives other last bits."""
        return 1

    @property
    def image_size(self) -> tuple[int | None, int | None]:
        """Height and width in pixels as far as the spec says them, for the estimate of a dry run."""
        return None, None

    def format_settings(self) -> str:
        """The generator in one line of a dry run.

        Raises:
            ImagenetGError: A library that the line needs is not installed, or does not have what is named.
        """
        return self.kind

    def describe_recipe(self) -> dict[str, JsonValue]:
        """The spec as part of a recipe, whose hash stands for the pixels.

        A path says nothing about what lies there: files of this machine must be named by their contents.

        Raises:
            ImagenetGError: A shipped model is named that there is not.
        """
        return self.model_dump(mode="json")

    @classmethod
    def restore_table(cls, recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
        """A spec's table from what `describe_recipe` recorded: the inverse, on another machine.

        Args:
            recorded: From the manifest of a release.
            places: Folders and files here, found by their names.

        Raises:
            InputError: Something local is not among the places, or holds other contents.
        """
        return dict(recorded)

    def replace_pipeline(self, repo: str, revision: str) -> Self:
        """The same generator over another diffusers pipeline, for `imagenet-g build --pipeline`.

        Raises:
            InputError: This kind runs no pipeline.
        """
        raise InputError(
            f"--pipeline replaces a diffusers pipeline; generators of kind '{self.kind}' run none."
        )
