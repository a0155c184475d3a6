"""Several values of one setting in one split: a ladder of the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.records import FileModel
from imagenet_g.generation.specs.stages import Positive

if TYPE_CHECKING:
    from imagenet_g.generation.specs.generator import GeneratorSpec
    from imagenet_g.generation.specs.version import SplitSpec

SWEPT = ("strength", "guidance", "steps")
"""Settings that may be swept, the one that orders the ladder first."""
_Guidance = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
_Strength = Annotated[float, Field(ge=0, le=1, strict=True)]


class SweepSpec(FileModel):
    """Values of one or more settings of the generator; each combination renders the whole split once.

    Images of one prompt, source and seed form a series, so that a difference between values is one of the
    setting alone.
    """

    strength: tuple[_Strength, ...] | None = None
    """Of image-to-image pipelines; 1 replaces the source by noise."""
    guidance: tuple[_Guidance, ...] | None = None
    """Guidance scales."""
    steps: tuple[Positive, ...] | None = None
    """Numbers of denoising steps."""

    @model_validator(mode="after")
    def _validate_values(self) -> Self:
        if not self.axes:
            raise ValueError(f"a sweep needs one of {', '.join(SWEPT)}")
        for name, values in self.axes.items():
            if len(values) < 2 or list(values) != sorted(set(values)):
                raise ValueError(f"sweep.{name} needs two or more values, each above the one before")
        return self

    @property
    def axes(self) -> dict[str, tuple[float, ...]]:
        """Values by setting; the first setting is the one that a ladder of strengths goes by.

        Example:
            >>> list(SweepSpec(steps=(10, 50), guidance=(1.0, 7.5)).axes)
            ['guidance', 'steps']
        """
        found = {name: getattr(self, name) for name in SWEPT}
        return {name: tuple(values) for name, values in found.items() if values is not None}


def validate_cells(name: str, split: SplitSpec, generator: GeneratorSpec) -> None:
    """Refuse seeds and sweeps that a split cannot have.

    Raises:
        ValueError: Their number or the generator does not fit; pydantic reports it with the spec.
    """
    if split.seeds is not None:
        if split.replicates > 1:
            raise ValueError(f"split '{name}': replicates need other seeds, and 'seeds' fixes them; give one")
        if len(set(split.seeds)) != len(split.seeds) or len(split.seeds) != split.images_per_class:
            raise ValueError(
                f"split '{name}': images_per_class = {split.images_per_class} needs as many different seeds, "
                f"and seeds = {list(split.seeds)}"
            )
    if split.sweep is None:
        return
    for key in split.sweep.axes:
        if key not in generator.sweepable:
            known = ", ".join(generator.sweepable) or "nothing"
            raise ValueError(
                f"split '{name}': sweep.{key} does not fit generator '{split.generator}', which takes {known}"
            )
    if split.images_per_class is None:
        raise ValueError(f"split '{name}': a sweep needs 'images_per_class', and takes no 'counts'")
    images = len(split.class_indices) * split.images_per_class * split.replicates
    # A pipeline is called once for a batch, so that a batch cannot hold two values of a setting.
    if images % split.batch_size:
        raise ValueError(
            f"split '{name}': each value of a sweep has {images} images, which batches of {split.batch_size} "
            "do not divide; choose a batch_size that does"
        )
