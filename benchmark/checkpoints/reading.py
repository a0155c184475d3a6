"""Own weights: the content of a file, read without running any code in it."""

from __future__ import annotations

import argparse
import json
import pickle
import struct
import warnings
import zipfile
from pathlib import Path

import torch

from imagenet_g.benchmark.errors import DataError, UntrustedFileError, shorten

_REFUSED = ("unsupported global", "unsupported class", "unrecognized function")
_PICKLE_START = b"\x80"
_START_BYTES = 1 << 16
_INDEX_MARK = b'"weight_map"'
_MAX_INDEX_BYTES = 64 << 20
_OTHER_FORMATS = (
    (
        b"version https://git-lfs.github.com/spec/",
        "is a Git LFS pointer and not the weights. Fetch them with 'git lfs pull'.",
    ),
    (b"GGUF", "is a GGUF file. Give the weights as safetensors."),
    (b"\x1f\x8b", "is compressed with gzip. Unpack it first."),
    (b"\x89HDF", "is an HDF5 file, as Keras writes it. Give the weights as safetensors."),
)
"""First bytes, and what to do."""


def load_content(path: Path) -> object:
    """What a safetensors file holds, a pickle made by `torch.save`, or the files of an index together.

    Returns:
        Tensors by name, or whatever else was saved: dicts, lists, numbers, texts and tensors.

    Raises:
        DataError: There is no such file, or it is damaged or in another format.
        UntrustedFileError: Reading it would run code or build objects that are not weights.
    """
    if not path.is_file():
        folder = ": it is a folder" if path.is_dir() else ""
        raise DataError(
            f"There is no checkpoint file '{path}'{folder}. Give the path of a .safetensors or .pth file."
        )
    other = _find_other_format(path)
    if other is not None:
        raise DataError(f"Checkpoint '{path}' {other}")
    if _is_index(path):
        return _load_shards(path)
    return _load_safetensors(path) if _is_safetensors(path) else _load_pickle(path)


def _find_other_format(path: Path) -> str | None:
    """What a file is that holds no weights which can be read here, and what to do; None for any other."""
    with path.open("rb") as stream:
        start = stream.read(_START_BYTES)
    if not start:
        return "is empty: its download or its copy was broken off. Fetch it again."
    for magic, said in _OTHER_FORMATS:
        if start.startswith(magic):
            return said
    return None


def list_weight_files(path: Path) -> tuple[Path, ...]:
    """The files that weights are read from: the file itself, and those beside it that an index names.

    Args:
        path: A file of weights, or the index of weights in several files, as transformers writes it.

    Raises:
        DataError: The index is malformed, too large, or names a file outside its folder.
    """
    names = dict.fromkeys(_read_index(path).values()) if _is_index(path) else ()
    return (path, *(path.with_name(name) for name in names))


def _is_index(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(_START_BYTES)
    return start.lstrip().startswith(b"{") and _INDEX_MARK in start


def _read_index(path: Path) -> dict[str, str]:
    """File of each tensor, all of them beside the index."""
    if path.stat().st_size > _MAX_INDEX_BYTES:
        raise DataError(f"Checkpoint '{path}' is an index of more than {_MAX_INDEX_BYTES} bytes.")
    try:
        places = json.loads(path.read_bytes())["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"Checkpoint '{path}' is no index of weights: {error}") from error
    if not isinstance(places, dict) or not places:
        raise DataError(f"Checkpoint '{path}' is an index without a 'weight_map' that names files.")
    for name in places.values():
        if not isinstance(name, str) or Path(name).name != name or name == path.name:
            raise DataError(f"Checkpoint '{path}' names {shorten(repr(name))}, which is no file beside it.")
    return places


def _load_shards(path: Path) -> dict[str, object]:
    """The tensors of all files of an index, each from the file that the index says."""
    places = _read_index(path)
    found: dict[str, object] = {}
    for name in dict.fromkeys(places.values()):
        shard = path.with_name(name)
        # An index that names an index could name itself.
        if shard.is_file() and _is_index(shard):
            raise DataError(f"'{shard}' is an index, and '{path.name}' names it as a file of weights.")
        content = load_content(shard)
        wanted = [tensor for tensor, place in places.items() if place == name]
        if not isinstance(content, dict) or not set(wanted) <= content.keys():
            raise DataError(f"'{shard}' lacks a tensor that '{path.name}' says it has.")
        found |= {tensor: content[tensor] for tensor in wanted}
    return found


def _is_safetensors(path: Path) -> bool:
    """Whether the file begins with a safetensors header: its length, then JSON."""
    with path.open("rb") as stream:
        start = stream.read(9)
    return path.suffix == ".safetensors" or (
        # By content as well: safetensors files are also saved under other endings.
        len(start) == 9 and start[8:] == b"{" and struct.unpack("<Q", start[:8])[0] < path.stat().st_size
    )


def _load_safetensors(path: Path) -> dict[str, torch.Tensor]:
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
    except Exception:
        # A damaged pickle ends in nearly anything, such as EOFError or IndexError.
        return []


def _format_damaged(path: Path) -> str:
    return (
        f"Checkpoint '{path}' cannot be read: it is damaged, or neither safetensors nor a pickle made by "
        "torch.save."
    )
