"""How models are named: `timm:resnet50.a1_in1k`, `open_clip:ViT-B-32/laion2b_s34b_b79k`, ...

`resolve` turns a short name into a library's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.libraries import find_library, format_examples, list_libraries, list_schemes

LIVE = "python:live:"
"""Begins the spec of a model that was given and not named."""
OWN_WEIGHTS = "+checkpoint"
"""Ends the spec of a model that runs with the user's own weights: published figures are not about it."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed model spec.

    Attributes:
        scheme: That of a model library in `libraries`.
        name: Architecture, hub name ("hf-hub:org/name"), wheel name, or "module:factory" for python.
        weights: Pretrained tag for open_clip and torchvision; None where the name carries it or none is
            given.
    """

    scheme: str
    name: str
    weights: str | None

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}" + (f"/{self.weights}" if self.weights else "")


def parse_model_spec(text: str) -> ModelSpec:
    """Parse `<scheme>:<name>[/<weights>]`.

    Raises:
        UnknownNameError: No model library has the scheme.
        InputError: There is no scheme, or nothing usable behind it, or the library's row is broken.

    >>> parse_model_spec("torchvision:resnet50/IMAGENET1K_V2")
    ModelSpec(scheme='torchvision', name='resnet50', weights='IMAGENET1K_V2')
    """
    scheme, separator, rest = text.partition(":")
    if not separator and scheme in list_schemes():
        raise InputError(
            f"'{scheme}' is a model library; name a model of it, such as {find_library(scheme).example}."
        )
    if not separator or not scheme:
        raise InputError(
            f"Model '{text}' has no scheme. Write for example 'timm:{rest or text}'. {format_examples()}"
        )
    if scheme == "hf-hub":
        raise InputError(
            f"Model '{text}' does not name the library that loads it. {_suggest_hub_specs(text)}"
        )
    library = find_library(scheme)
    try:
        if not rest:
            raise ValueError("names nothing")
        return ModelSpec(scheme, *library.split(rest))
    except ValueError as error:
        raise InputError(f"Model '{text}' {error}. Write for example '{library.example}'.") from error


def _suggest_hub_specs(text: str) -> str:
    libraries = [row for row in list_libraries()[0] if "hf-hub:" in row.sources]
    return "Write " + " or ".join(f"'{row.scheme}:{text}'" for row in libraries) + "."
