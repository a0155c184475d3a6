"""The side of a model's input over a training: constant, or growing (progressive resizing)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from imagenet_g.benchmark.records import FileModel

Side = Annotated[int, Field(ge=8, le=4096)]


class ResolutionSpec(FileModel):
    """The side of an input, in pixels."""

    size_px: Side
    """At the start; constant where `final_px` is absent."""
    final_px: Side | None = None
    grows_from: Annotated[float, Field(ge=0)] = 0.0
    """Epoch in which it begins to grow."""
    grows_until: Annotated[float, Field(ge=0)] = 0.0
    """Epoch from which on it is `final_px`."""
    multiple_px: Side = 32
    """Sizes in between are rounded to a multiple of this."""

    @model_validator(mode="after")
    def _validate_growth(self) -> Self:
        if self.final_px is not None and self.grows_until <= self.grows_from:
            raise ValueError("grows_until must lie after grows_from")
        return self

    @property
    def largest_px(self) -> int:
        """The largest side."""
        return max(self.size_px, self.final_px or 0)


def find_side(resolution: ResolutionSpec, epoch: int) -> int:
    """The side in an epoch, in pixels; it is the same for all steps of the epoch.

    As ffcv-imagenet's `get_resolution` (4dd291a): linear between two epochs, rounded to a multiple.

    Example:
        >>> ramp = ResolutionSpec(size_px=160, final_px=192, grows_from=35, grows_until=38)
        >>> [find_side(ramp, epoch) for epoch in (0, 35, 36, 37, 38, 39)]
        [160, 160, 160, 192, 192, 192]
    """
    if resolution.final_px is None or epoch <= resolution.grows_from:
        return resolution.size_px
    if epoch >= resolution.grows_until:
        return resolution.final_px
    gone = (epoch - resolution.grows_from) / (resolution.grows_until - resolution.grows_from)
    between = resolution.size_px + gone * (resolution.final_px - resolution.size_px)
    return round(between / resolution.multiple_px) * resolution.multiple_px
