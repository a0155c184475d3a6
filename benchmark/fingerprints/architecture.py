"""What a module computes with besides its weights: layers, settings, and tensors that no file holds.

Two models of the same weights and the same printed form may still differ: in a list of the class order, in
the number of the token that ends a text, in a buffer that is not saved. All of it is hashed here.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch

from imagenet_g.benchmark.fingerprints.code import print_parts
from imagenet_g.benchmark.fingerprints.weights import update_with_tensor
from imagenet_g.benchmark.identity import hash_lines

# What torch itself keeps in every module: hooks, and what the state dict or the printed form shows.
_OF_TORCH = frozenset(vars(torch.nn.Module())) | {"_is_full_backward_hook"}
_MAX_DEPTH = 6


def hash_architecture(module: torch.nn.Module) -> str:
    """sha256 of a module's layers as they print, its settings and its unsaved buffers.

    Args:
        module: In the state in which it is run; neither parameters nor saved buffers count.

    Returns:
        64 hex digits, the same in every process.
    """
    # The source files of its classes are hashed beside it, with those that they import: see `code`.
    return hash_lines([*print_parts([module]), hash_settings(module), hash_unsaved_buffers(module)])


def hash_settings(module: torch.nn.Module) -> str:
    """sha256 of the attributes of all parts: numbers, texts, lists of them, tensors outside the state."""
    lines = []
    for name, part in module.named_modules():
        own = {key: value for key, value in vars(part).items() if key not in _OF_TORCH}
        lines += [f"{name}.{key}={describe_value(value)}" for key, value in sorted(own.items())]
    return hash_lines(lines)


def hash_unsaved_buffers(module: torch.nn.Module) -> str:
    """sha256 of the buffers that are not part of the state dict, such as a head made from text."""
    saved = module.state_dict(keep_vars=True)
    digest = hashlib.sha256()
    for name, buffer in sorted(module.named_buffers()):
        if name not in saved:
            update_with_tensor(digest, name, buffer)
    return digest.hexdigest()


def describe_value(value: object, depth: int = _MAX_DEPTH) -> str:
    """A value in words that are the same in every process; of an unknown object only its class.

    Example:
        >>> describe_value([1, "a", None]), describe_value({2: (0.5,)}), describe_value(len)
        ("[1,'a',None]", '{2:[0.5]}', 'builtins.len')
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if isinstance(value, torch.Tensor | np.ndarray):
        return _describe_array(value)
    if isinstance(value, torch.dtype | torch.device | torch.Size | np.generic):
        return repr(value)
    if depth == 0:
        return _name_type(value)
    if isinstance(value, partial):
        return describe_value([value.func, value.args, value.keywords], depth - 1)
    if isinstance(value, Mapping):
        pairs = [f"{describe_value(k, depth - 1)}:{describe_value(v, depth - 1)}" for k, v in value.items()]
        return "{" + ",".join(sorted(pairs)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(describe_value(item, depth - 1) for item in value) + "]"
    if isinstance(value, set | frozenset):
        # Sorted: the order of a set differs from process to process.
        return "{" + ",".join(sorted(describe_value(item, depth - 1) for item in value)) + "}"
    if inspect.isroutine(value) or isinstance(value, type):
        # A method of a built-in type, such as `str.upper`, has no module.
        return f"{getattr(value, '__module__', 'builtins')}.{value.__qualname__}"
    return _name_type(value)


def _describe_array(value: torch.Tensor | np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return describe_value(value.tolist())
        content = f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
        return hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256()
    update_with_tensor(digest, "", value)
    return digest.hexdigest()


def _name_type(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
