"""Own weights: read without running any code in the file, and matched key by key.

A state dict may stand at the top of the file or under one of `STATE_KEYS`; the first of these counts, so
the plain weights are taken where a file holds an averaged (EMA) copy too, as timm's validate script does by
default.
"""

from __future__ import annotations

import argparse
import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from imagenet_g.benchmark.errors import DataError, ModelError, UntrustedFileError

StateDict = dict[str, torch.Tensor]
STATE_KEYS = ("state_dict", "model", "state_dict_ema", "model_ema")
PREFIXES = ("module.", "_orig_mod.")
_REFUSED = ("unsupported global", "unsupported class", "unrecognized function")
_PICKLE_START = b"\x80"


def load_checkpoint(path: Path) -> StateDict:
    """Read the state dict of a safetensors file or of a pickle made by `torch.save`.

    Raises:
        DataError: There is no such file, or it is damaged or in another format.
        UntrustedFileError: Reading it would run code or build objects that are not weights.
        ModelError: It holds no state dict.
    """
    if not path.is_file():
        raise DataError(
            f"There is no checkpoint file '{path}'. Give the path of a .safetensors or .pth file."
        )
    content = _load_safetensors(path) if _is_safetensors(path) else _load_pickle(path)
    return strip_prefixes(find_state_dict(content, source=str(path)))


def find_state_dict(content: object, *, source: str) -> StateDict:
    """The state dict in what a checkpoint file holds.

    Raises:
        ModelError: It holds no state dict.

    Example:
        >>> list(find_state_dict({"epoch": 3, "state_dict": {"fc.bias": torch.zeros(3)}}, source="a.pth"))
        ['fc.bias']
    """
    candidate = content
    if isinstance(content, Mapping):
        # Only a mapping counts: something else may stand under the same key, such as a whole pickled module.
        key = next((key for key in STATE_KEYS if isinstance(content.get(key), Mapping)), None)
        candidate = content[key] if key else content
    if not isinstance(candidate, Mapping) or not candidate:
        raise ModelError(f"Checkpoint '{source}' holds no state dict but {_describe(content)}.")
    wrong = next((name for name, value in candidate.items() if not isinstance(value, torch.Tensor)), None)
    if wrong is not None:
        raise ModelError(
            f"Checkpoint '{source}' holds no state dict: '{wrong}' is {_describe(candidate[wrong])}, "
            f"not a tensor. A state dict stands at the top of the file or under {', '.join(STATE_KEYS)}."
        )
    return {str(name): value for name, value in candidate.items()}


def strip_prefixes(state: StateDict) -> StateDict:
    """Names without what data-parallel training and `torch.compile` put before all of them.

    Example:
        >>> weight = torch.zeros(1)
        >>> list(strip_prefixes({"module._orig_mod.fc.weight": weight}))
        ['fc.weight']
        >>> list(strip_prefixes({"module.a": weight, "b": weight}))  # not before all of them
        ['module.a', 'b']
    """
    # Twice, because a compiled model in a parallel one carries both prefixes, in either order.
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def load_into(
    module: torch.nn.Module,
    state: StateDict,
    *,
    source: str,
    convert: Callable[[], StateDict] | None = None,
    convert_shapes: bool = False,
) -> None:
    """Put a state dict into a module, all of it and nothing else.

    Args:
        module: Receives the weights.
        state: Tensors by name.
        source: What to call the checkpoint in messages.
        convert: The library's own conversion of older or foreign names, tried where names differ.
        convert_shapes: Try it where only shapes differ too (libraries resize position embeddings).

    Raises:
        ModelError: A key or shape does not fit; the first one that does not is named.
    """
    own = module.state_dict()
    mismatch = find_mismatch(own, state)
    if mismatch is None:
        module.load_state_dict(state)
        return
    if convert is not None and (convert_shapes or set(own) != set(state)):
        # The library's conversion comes second: weights that fit as they are must not be touched.
        converted = _try_conversion(convert)
        if converted is not None and find_mismatch(own, converted) is None:
            module.load_state_dict(converted)
            return
    raise ModelError(f"Checkpoint '{source}' does not fit the model: {mismatch}")


def find_mismatch(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str | None:
    """The first key, in the model's own order, that is missing, of another shape, or not the model's.

    Example:
        >>> own, given = {"fc.bias": torch.zeros(3)}, {"fc.bias": torch.zeros(3), "head": torch.zeros(2)}
        >>> find_mismatch(own, given)
        "it has 'head' of shape (2,), which the model has not."
        >>> find_mismatch(own, own) is None
        True
    """
    for name, tensor in own.items():
        if name not in given:
            return f"it has no '{name}', which has shape {tuple(tensor.shape)} in the model."
        if given[name].shape != tensor.shape:
            shapes = f"{tuple(given[name].shape)} in the file and {tuple(tensor.shape)} in the model"
            return f"'{name}' has shape {shapes}.{_format_head_hint(name, own, given)}"
    extra = next((name for name in given if name not in own), None)
    if extra is None:
        return None
    return f"it has '{extra}' of shape {tuple(given[extra].shape)}, which the model has not."


def _format_head_hint(name: str, own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What to do when everything fits but the classifier."""
    if own[name].shape[1:] != given[name].shape[1:] or not own[name].ndim:
        return ""
    others = (key for key in own if key in given and key != name and own[key].shape != given[key].shape)
    if any(given[key].shape[:1] != given[name].shape[:1] for key in others):
        return ""
    classes = given[name].shape[0]
    return (
        f" If the file's {classes} are its classes, --class-map FILE must name them: {classes} lines, "
        "one wnid a line, in the order of the outputs."
    )


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins with a safetensors header: its length, then JSON."""
    with path.open("rb") as stream:
        start = stream.read(9)
    return path.suffix == ".safetensors" or (
        # By content as well: safetensors files are also saved under other endings.
        len(start) == 9 and start[8:] == b"{" and struct.unpack("<Q", start[:8])[0] < path.stat().st_size
    )


def _load_safetensors(path: Path) -> StateDict:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError, json.JSONDecodeError) as error:
        raise DataError(f"Checkpoint '{path}' is not a whole safetensors file: {error}") from error


def _load_pickle(path: Path) -> object:
    try:
        # timm's training checkpoints carry their command line as a plain namespace.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            # torch warns about old formats of a file that its user cannot change.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _was_refused(path, str(error)):
            raise DataError(_format_damaged(path)) from error
        raise UntrustedFileError(_format_refused(path)) from error
    except Exception as error:
        if "TorchScript" in str(error):
            raise UntrustedFileError(_format_refused(path, what="is a TorchScript program")) from error
        raise DataError(_format_damaged(path)) from error


def _was_refused(path: Path, message: str) -> bool:
    """Whether the file is a pickle of something else than weights, and not just noise."""
    if any(phrase in message.lower() for phrase in _REFUSED):
        return True
    # Plain pickles stop at an instruction torch.save never writes; so does a web page saved as a .pth.
    with path.open("rb") as stream:
        return stream.read(1) == _PICKLE_START and "Unsupported operand" in message


def _format_refused(path: Path, *, what: str = "") -> str:
    culprit = f" ({', '.join(_list_globals(path))})" if _list_globals(path) else ""
    return (
        f"Checkpoint '{path}' {what or 'holds more than weights' + culprit}: loading it could run code, so "
        "nothing in it was loaded. Save the weights alone, as safetensors or with "
        "torch.save(model.state_dict(), FILE)."
    )


def _list_globals(path: Path) -> list[str]:
    """What a pickle would import; empty where that is unknown."""
    if not zipfile.is_zipfile(path):
        return []
    try:
        return sorted(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))[:3]
    except (RuntimeError, ValueError, pickle.UnpicklingError):
        return []


def _format_damaged(path: Path) -> str:
    return (
        f"Checkpoint '{path}' cannot be read: it is damaged, or neither safetensors nor a pickle made by "
        "torch.save."
    )


def _try_conversion(convert: Callable[[], StateDict]) -> StateDict | None:
    try:
        return convert()
    except Exception:  # whatever the library raises, the file does not fit
        return None


def _describe(value: object) -> str:
    if isinstance(value, Mapping):
        keys = ", ".join(map(str, list(value)[:5]))
        return f"a dict with the keys {keys or '(none)'}"
    return f"a {type(value).__name__}"
