"""Two comparators of Ramos et al. 2023, on whatever pipeline a spec names.

Both are other ways than captions to move a class away from its usual look. Each class says which parts of its
source it follows and which it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.repos import find_place
from imagenet_g.generation.specs.stages import Positive, StageWork

if TYPE_CHECKING:
    from pydantic import JsonValue

_LOCAL_CLIP = "local-dir:"
MEANS_SUFFIX = ".safetensors"


def find_means_file(name_or_path: str) -> Path:
    """Path of class means that ship with the package, by name, or of the file itself.

    Raises:
        UnknownNameError: No class means of this name ship with the package.
    """
    if name_or_path.endswith(MEANS_SUFFIX):
        return Path(name_or_path)
    folder = Path(str(files("imagenet_g.generation.data") / "means"))
    shipped = {path.stem: path for path in sorted(folder.glob(f"*{MEANS_SUFFIX}"))}
    if name_or_path not in shipped:
        raise UnknownNameError("class means", name_or_path, shipped, hint=f"A file ends with {MEANS_SUFFIX}.")
    return shipped[name_or_path]


class BackgroundFirstSpec(DiffusersSpec):
    """An object in a mismatched background, after D3S: the background is drawn first, the object into it.

    The pipeline draws the prompt's scene without the object; the first upscaler, an image-to-image pipeline,
    starts from that image with the whole prompt. Prompts come from the recipe "mismatched-scene".

    Source: Kattakinda, Levine and Feizi 2022, "Invariant Learning via Diffusion Dreamed Distribution Shifts".
    Faithful: Stable Diffusion, conditioned on a prompt that names object and background and on an image of
    the background, so that objects appear in unusual places.
    Not faithful: the original pastes a real object into real templates of ten backgrounds; here the initial
    image is generated, shows no object, and is of one of the 365 scenes of Places. That a scene
    does not suit a class is decided from words alone, and nobody checked it.
    """

    made_by: ClassVar[str] = "imagenet_g.generation.generators.background_first:BackgroundFirstGenerator"

    kind: Literal["background-first"]  # type: ignore[assignment]
    inputs: Literal["prompt"]
    background: Annotated[str, Field(pattern=r"^[^{}]*\{b\}[^{}]*$")] = "a photo of a {b}"
    """Prompt of the initial image."""

    @model_validator(mode="after")
    def _validate_second_stage(self) -> Self:
        if not self.upscalers:
            raise ValueError(
                "kind = 'background-first' needs an image-to-image pipeline as its first upscaler"
            )
        return self


class AwaySpec(FileModel):
    """The class means that images are guided away from, and the strength."""

    model: Annotated[str, Field(pattern=r"^open_clip:")]
    """The CLIP that embeds the image."""
    means: str
    """File with the mean embedding of each class under that CLIP, or the name of one that ships; see
    `captions.class_means`."""
    sha256: Sha256 | None = None
    """Hash of the means, stored in the file; absent: not pinned yet, and cannot be built."""
    scale: Annotated[float, Field(ge=0.0)]
    """Weight of the gradient; 0 leaves the images unchanged."""
    every: Positive = 1
    """Guide every n-th step; a guided step takes about twice as long."""


class AwayFromMeanSpec(DiffusersSpec):
    """Guidance away from the mean of the class, after low-density sampling.

    In each step the final image is estimated, decoded and embedded by a CLIP, and the predicted noise is
    moved along the gradient of its cosine to the class mean, as classifier guidance does with a class
    probability (Dhariwal and Nichol 2021, Algorithm 2), with the opposite sign.

    Source: Sehwag et al. 2022, "Generating High Fidelity Data from Low-density Regions using Diffusion
    Models".
    Faithful: sampling is guided, without training, away from the mean embedding of the class.
    Not faithful: the original guides a class-conditional model, and a second guidance, from a network that
    separates real from synthetic, keeps it near real images. Here the pipeline follows its prompt by
    classifier-free guidance, which takes that part, and the CLIP is an ordinary one, applied to an
    estimate of the clean picture.
    """

    made_by: ClassVar[str] = "imagenet_g.generation.generators.away_from_mean:AwayFromMeanGenerator"

    kind: Literal["away-from-mean"]  # type: ignore[assignment]
    inputs: Literal["prompt"]
    away: AwaySpec

    def describe_recipe(self) -> dict[str, JsonValue]:
        """The recipe, with the means and a local CLIP by name only: the hash of the means is in the spec.

        Raises:
            UnknownNameError: The spec names a shipped model that does not exist.
        """
        scheme, local, path = self.away.model.partition(_LOCAL_CLIP)
        away = {
            **self.away.model_dump(mode="json"),
            "model": f"{scheme}{local}{Path(path).name}" if local else self.away.model,
            "means": Path(self.away.means).name,
        }
        return {**super().describe_recipe(), "away": away}

    def list_work(self) -> tuple[StageWork, ...]:
        """Empty: the gradients of the CLIP cost more than the pipeline, and nobody measured how much."""
        return ()

    def list_local_files(self) -> list[Path]:
        """The files of a local CLIP, which the recipe names without a hash."""
        folder = self.away.model.partition(_LOCAL_CLIP)[2]
        return sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else []

    def require_files(self) -> None:
        """Look for the class means.

        Raises:
            InputError: The file does not exist.
        """
        if not find_means_file(self.away.means).is_file():
            raise InputError(
                f"There are no class means '{self.away.means}'. Write them with 'imagenet-g captions means "
                "SETTINGS --out FILE.safetensors', and put path and hash into [generators.NAME.away]."
            )

    @classmethod
    def restore_table(cls, recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
        """The table, with the paths of the means and of a local CLIP on this machine.

        Raises:
            InputError: A file is not among the places, or has other contents.
        """
        restored = super().restore_table(recorded, places)
        if isinstance(away := recorded.get("away"), dict):
            restored["away"] = _restore_away(away, places)
        return restored


def _restore_away(recorded: dict[str, JsonValue], places: Sequence[Path]) -> dict[str, JsonValue]:
    scheme, local, name = str(recorded["model"]).partition(_LOCAL_CLIP)
    model = f"{scheme}{local}{find_place(name, places)}" if local else recorded["model"]
    means = str(recorded["means"])
    # Those that ship are found by their name; any other is a file, whose path is another on each machine.
    is_file = means.endswith(MEANS_SUFFIX)
    return {**recorded, "model": model, "means": str(find_place(means, places)) if is_file else means}
