"""The context of all stages of a training: recipe, images, folders, and the training it continues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.generation.specs.repos import place_folder
from imagenet_g.generation.training.specs import TrainingSpec


@dataclass(frozen=True, slots=True)
class TrainingContext:
    """Data, folders and device of a training.

    Attributes:
        spec: The recipe.
        pictures: The training data.
        folder: One folder for each stage, and the finished models.
        device: "cpu" or "cuda".
        say: Receives a line about each step of progress.
        start_from: Finished models of an earlier training, from which a stage without a checkpoint starts.
    """

    spec: TrainingSpec
    pictures: Pictures
    folder: Path
    device: str
    say: Callable[[str], None]
    start_from: Path | None = None

    @property
    def clip_folder(self) -> Path:
        """The finished CLIP."""
        return self.folder / self.spec.name_folder("clip")

    @property
    def autoencoder_folder(self) -> Path:
        """The finished autoencoder."""
        return self.folder / self.spec.name_folder("autoencoder")

    @property
    def pipeline_folder(self) -> Path:
        """The finished generator."""
        return self.folder / self.spec.name_folder("diffusion")

    def find_finished(self, stage: str) -> Path:
        """The folder of a finished stage that a later one needs: trained here, or in an earlier training."""
        own = self.folder / self.spec.name_folder(stage)
        earlier = None if own.is_dir() else self.find_earlier(stage)
        return own if earlier is None else earlier

    @property
    def continued_folder(self) -> Path | None:
        """The finished pipeline that the recipe continues; None for a recipe that starts from the beginning.

        Raises:
            ImagenetGError: No pipeline has that name.
        """
        return _place(self.spec.continues, subfolder=None)

    @property
    def continued_network(self) -> Path | None:
        """The finished network that the recipe names beside its pipeline, or None.

        Raises:
            ImagenetGError: No network has that name.
        """
        return _place(self.spec.network, subfolder="")

    def find_earlier(self, stage: str) -> Path | None:
        """The finished model that a stage continues; None if it starts from the beginning.

        Raises:
            ImagenetGError: The recipe continues a pipeline that there is not.
        """
        folder = None if self.start_from is None else self.start_from / self.spec.name_folder(stage)
        if folder is not None and folder.is_dir():
            return folder
        named = self.continued_network if stage == "diffusion" else None
        return named or self.continued_folder

    @property
    def side(self) -> int:
        """Side of an image in pixels."""
        return int(self.pictures.pixels.shape[-1])


def _place(repo: str | None, *, subfolder: str | None) -> Path | None:
    if repo is None:
        return None
    folder = place_folder(repo, subfolder=subfolder)
    if not folder.is_dir():
        raise InputError(f"The recipe continues '{repo}', which is no folder.")
    return folder
