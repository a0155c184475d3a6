"""The interface of every kind of generator.

Build, dry run, pin and verification use this interface and never test for a kind, so that a new kind is one
class and no other module changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import FileModel

if TYPE_CHECKING:
    from pydantic import JsonValue

    from imagenet_g.generation.specs.stages import Repository, StageWork

Inputs = Literal["prompt", "image", "prompt+image", "class"]


def is_own_module(name: str) -> bool:
    """Whether a module is of this package.

    Example:
        >>> is_own_module("imagenet_g.generation.composites"), is_own_module("imagenet_generators")
        (True, False)
    """
    return name.partition(".")[0] == "imagenet_g"


class GeneratorSpec(FileModel):
    """One kind of generator: its fields are the keys of its table in a spec.

    A kind is a subclass with the fields `kind` (a `Literal` of its name) and `inputs`, and with `made_by`.
    The methods have defaults that fit a generator without weights from a repository.
    """

    takes_machine: ClassVar[bool] = False
    """Whether it runs pipelines that can be offloaded, compiled and so on; see `generators.machine`."""
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
        """Everything that is loaded from a repository, to be pinned and to be found by a dry run."""
        return ()

    @property
    def token_limit(self) -> int | None:
        """Prompt tokens the text encoder keeps, start and end included; None if unknown or without one."""
        return None

    @property
    def has_text_encoder(self) -> bool:
        """Whether prompts are read by a text encoder, which may cut them; a kind that draws has none."""
        return self.token_limit is not None

    @property
    def code_modules(self) -> tuple[str, ...]:
        """Modules whose code decides the pixels, without those of this package: its version is recorded."""
        named = (self.made_by.partition(":")[0], type(self).__module__)
        return tuple(dict.fromkeys(name for name in named if not is_own_module(name)))

    def list_local_files(self) -> list[Path]:
        """Files on this machine that decide the pixels and that `describe_recipe` names without a hash."""
        return []

    def require_files(self) -> None:
        """Look for the files on this machine that the spec names and that no repository has.

        Raises:
            InputError: One is missing; the message says how it is made.
        """

    @property
    def has_longer_encoder(self) -> bool:
        """Whether a second text encoder reads more of a prompt than `token_limit`."""
        return False

    @property
    def fixed_texts(self) -> dict[str, str]:
        """Texts that are the same for every image, such as a negative prompt, by the name of their key."""
        return {}

    @property
    def sweepable(self) -> tuple[str, ...]:
        """Settings that a split may sweep; the generator then takes them from `RenderRow.settings`."""
        return ()

    @property
    def machine_hints(self) -> dict[str, Any]:
        """Fields of `MachineOptions` that a spec gives by keys of before these were choices of a run."""
        return {}

    @property
    def num_cpu_threads(self) -> int:
        """Threads that rendering and scoring use on a CPU: another number gives other last bits."""
        return 1

    @property
    def image_size(self) -> tuple[int | None, int | None]:
        """Height and width in pixels if the spec gives them, for the estimate of a dry run."""
        return None, None

    def list_work(self) -> tuple[StageWork, ...]:
        """The pipelines that draw an image, for what they cost; empty where that says nothing of the time."""
        return ()

    def format_settings(self) -> str:
        """The generator in one line of a dry run.

        Raises:
            ImagenetGError: A library is not installed, or lacks a class that the spec names.
        """
        return self.kind

    def describe_recipe(self) -> dict[str, JsonValue]:
        """The spec as part of a recipe, whose hash identifies the pixels.

        Files of this machine must be identified by their contents, because a path does not identify them.

        Raises:
            ImagenetGError: The spec names a shipped model that does not exist.
        """
        return self.model_dump(mode="json")

    @classmethod
    def restore_table(cls, recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
        """A spec's table from what `describe_recipe` recorded: the inverse, on another machine.

        Args:
            recorded: From the manifest of a release.
            places: Folders and files here, found by their names.

        Raises:
            InputError: A local file is not among the places, or has other contents.
        """
        return dict(recorded)

    def replace_pipeline(self, repo: str, revision: str) -> Self:
        """The same generator over another diffusers pipeline, for `imagenet-g build --pipeline`.

        Raises:
            InputError: This kind runs no pipeline.
        """
        raise InputError(
            f"--pipeline replaces a diffusers pipeline; generators of kind '{self.kind}' have no pipeline."
        )
