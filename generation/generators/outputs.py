"""What a pipeline's call gives: one image a row, from whatever field holds it, marked as a spec says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.generation.specs.pipeline_classes import list_call_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from imagenet_g.generation.generators.pipelines import Pipeline

Output: TypeAlias = Any
"""What a pipeline returns, its images and frames: the classes of diffusers share no typed interface."""
FIELDS = ("images", "image", "frames")
"""Where the outputs of diffusers keep images; its 200 pipelines have no common name for them."""
FRAME_COUNTS = ("num_frames", "video_length", "frames")
"""Arguments that say how long a video is."""
MARKERS = ("watermark", "watermarker")
"""Attributes of the XL pipelines and of DeepFloyd IF that stamp the pixels, or None."""


def read_images(output: Output, *, expected: int, name: str) -> list[Output]:
    """The images of a call, one a row; of a video its only frame.

    Args:
        output: What the pipeline returned.
        expected: Number of rows.
        name: Of the pipeline, for messages.

    Raises:
        ModelError: No field holds images, or not one for each row.

    Example:
        >>> from types import SimpleNamespace
        >>> read_images(SimpleNamespace(frames=[["a"], ["b"]]), expected=2, name="WanPipeline")
        ['a', 'b']
    """
    field = next((one for one in FIELDS if getattr(output, one, None) is not None), None)
    if field is None:
        raise ModelError(
            f"{name} gives neither {', '.join(FIELDS[:-1])} nor {FIELDS[-1]}: it makes no images."
        )
    made = list(getattr(output, field))
    if field == "frames":
        made = [_take_frame(video, name) for video in made]
    if len(made) != expected:
        raise ModelError(f"{name} gave {len(made)} images for {expected} rows.")
    return made


def _take_frame(video: Output, name: str) -> Output:
    # Checked although the spec asked for one: a pipeline may round up to what its decoder can give.
    if len(video) != 1:
        raise ModelError(f"{name} gave {len(video)} frames for a row, and a row is one image.")
    return video[0]


def require_one_frame(pipe: Pipeline, arguments: Mapping[str, JsonValue]) -> None:
    """Refuse a video of many frames before it is rendered: most pipelines make 81 or more if nothing is said.

    Raises:
        InputError: With the key to write.
    """
    known = list_call_arguments(type(pipe))
    for name in FRAME_COUNTS:
        if name in known and arguments.get(name) != 1:
            raise InputError(
                f"{type(pipe).__name__} makes videos, and a row of a split is one image: write "
                f"arguments = {{ {name} = 1 }} in the spec."
            )


def settle_watermark(pipe: Pipeline, wanted: bool | None) -> None:
    """Take a pipeline's watermarker away, or require it; None leaves it as the library has it.

    Raises:
        InputError: A mark is wanted, and the pipeline has nothing that would make one here.
    """
    found = {name: marker for name in MARKERS if (marker := getattr(pipe, name, None)) is not None}
    if wanted and not found:
        raise InputError(
            f"watermark = true: {type(pipe).__name__} has no watermarker here. That of Stable Diffusion XL "
            "needs pip install 'imagenet-g[watermark]'; for any other pipeline write watermark = false."
        )
    if wanted is False:
        for name in found:
            setattr(pipe, name, None)
