"""Models of timm without its own loading, which drops and keeps tensors in silence.

timm builds a model and loads weights in one call. Here the two are taken apart: its conversion of the
authors' names is handed out as a function, and what it loads itself is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import timm
import torch
from timm.models import _builder, _hub

from imagenet_g.benchmark.checkpoints.contents import StateDict
from imagenet_g.benchmark.checkpoints.sentinels import fill_with_sentinels, find_sentinels
from imagenet_g.benchmark.checkpoints.tracing import Convert
from imagenet_g.benchmark.errors import ModelError


def build_unloaded(name: str, *, num_classes: int | None = None) -> tuple[torch.nn.Module, Convert]:
    """A model as timm builds it for weights, with initial values, and timm's conversion for those weights.

    Args:
        name: A name of `timm.create_model`.
        num_classes: Outputs of the classifier; None for those of the name.
    """
    calls: list[tuple[torch.nn.Module, dict[str, Any]]] = []
    sizes = {} if num_classes is None else {"num_classes": num_classes}

    def keep(model: torch.nn.Module, **options: object) -> None:
        calls.append((model, options))

    with _replace_loading(keep):
        module: torch.nn.Module = timm.create_model(name, pretrained=True, **sizes)
    # Parts of a model may be built by the same function; the model itself comes last.
    model, options = calls[-1] if calls else (module, {})
    return module, _make_conversion(model, options)


def build_published(name: str) -> torch.nn.Module:
    """A model with the published weights, loaded by timm.

    Raises:
        ModelError: A part of the model was left as it was initialised.
    """
    load = _builder.load_pretrained

    def load_and_check(model: torch.nn.Module, **options: object) -> None:
        # Several families load without complaint whatever the file lacks.
        fill_with_sentinels(model)
        load(model, **options)
        left = find_sentinels(model.state_dict())
        if left:
            shape = tuple(model.state_dict()[left[0]].shape)
            raise ModelError(
                f"The weights of 'timm:{name}' have no '{left[0]}', which has shape {shape} in the model. "
                "The file in the cache is incomplete or of another model: delete it, and run again."
            )

    with _replace_loading(load_and_check):
        module: torch.nn.Module = timm.create_model(name, pretrained=True)
    return module


def fetch_from_hub(location: str) -> None:
    """Let timm bring the weight file of a repository into the Hub's cache.

    Args:
        location: `org/name`, or `org/name@revision`.
    """
    _hub.load_state_dict_from_hf(location, weights_only=True)


@contextmanager
def _replace_loading(function: Callable[..., None]) -> Iterator[None]:
    """Have timm call another function where it loads weights into a model that it has built."""
    before = _builder.load_pretrained
    _builder.load_pretrained = function
    try:
        yield
    finally:
        _builder.load_pretrained = before


def _make_conversion(model: torch.nn.Module, options: dict[str, Any]) -> Convert:
    """What timm does to a state dict before loading it, without the part that drops the classifier."""
    filter_state = options.get("filter_fn")
    config = options.get("pretrained_cfg") or {}
    classifiers = config.get("classifier") or ()
    classifiers = (classifiers,) if isinstance(classifiers, str) else tuple(classifiers)
    offset = config.get("label_offset") or 0

    def convert(state: StateDict) -> StateDict:
        if filter_state is not None:
            try:
                state = filter_state(state, model)
            except TypeError:
                # As timm: older filters take one argument.
                state = filter_state(state)
        return drop_background(state, model.state_dict(), classifiers, offset=offset)

    return convert


def drop_background(
    state: StateDict, own: StateDict, classifiers: Sequence[str], *, offset: int
) -> StateDict:
    """Classifiers without their first rows, where those are the background and the model has not got them.

    Args:
        state: Tensors of the file.
        own: Tensors of the model.
        classifiers: Names of its classifiers.
        offset: `label_offset` of timm's configuration: how many outputs come before the classes.

    Example:
        >>> file, own = {"fc.bias": torch.arange(4)}, {"fc.bias": torch.zeros(3)}
        >>> drop_background(file, own, ["fc"], offset=1)
        {'fc.bias': tensor([1, 2, 3])}
        >>> drop_background(file, own, ["fc"], offset=0)
        {'fc.bias': tensor([0, 1, 2, 3])}
    """
    keys = [f"{name}.{kind}" for name in classifiers for kind in ("weight", "bias")]
    cut = {key: state[key][offset:] for key in keys if key in state and key in own}
    return {**state, **{key: value for key, value in cut.items() if value.shape == own[key].shape}}
