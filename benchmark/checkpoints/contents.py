"""Which state dict of a file counts.

One may stand at the top of the file or under any key, at most three levels deep. Training scripts keep an
averaged copy (EMA) beside the plain weights, or alone. The plain ones are taken, as timm's validate script
does by default; what else there is gets said, with the option that takes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from imagenet_g.benchmark.checkpoints.reading import load_content
from imagenet_g.benchmark.errors import ModelError

StateDict = dict[str, torch.Tensor]
PLAIN_KEYS = (
    "state_dict",
    "model",
    "model_state_dict",
    "model_state",
    "net",
    "network",
    "params",
    "weights",
    "module",
)
"""Where training scripts put the plain weights, in the order in which they are preferred."""
_DEPTH = 3
_NOT_WEIGHTS = re.compile(r"optimizer|optim$|sched|scaler|loops|hyper_parameters|metrics?$", re.IGNORECASE)
_AVERAGED_WORDS = ("avg", "average", "averaged", "averaging", "shadow", "swa", "polyak", "teacher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """The state dict taken from a file.

    Attributes:
        state: Tensors by name, as they are in the file.
        source: What to call the file in messages.
        notes: What was taken and what was not, clauses for the user; empty where there was no choice.
    """

    state: StateDict
    source: str
    notes: tuple[str, ...] = ()


def load_checkpoint(path: Path, key: str | None = None) -> Weights:
    """Read the state dict of a checkpoint file.

    Args:
        path: A safetensors file or a pickle made by `torch.save`.
        key: Which of its state dicts: a key, a path of keys joined by dots, or what stands before the names
            of one network. None for the plain weights.

    Raises:
        DataError: There is no such file, or it is damaged or in another format.
        UntrustedFileError: Reading it would run code or build objects that are not weights.
        ModelError: It holds no state dict, none of that key, or several and none is the usual one.
    """
    return choose_weights(load_content(path), source=str(path), key=key)


def choose_weights(content: object, *, source: str, key: str | None = None) -> Weights:
    """The state dict that counts in what a file holds.

    Raises:
        ModelError: As `load_checkpoint`.

    Example:
        >>> plain, averaged = {"w": torch.ones(1)}, {"w": torch.zeros(1)}
        >>> content = {"epoch": 3, "state_dict": plain, "state_dict_ema": averaged}
        >>> chosen = choose_weights(content, source="a.pth")
        >>> chosen.state["w"].item(), chosen.notes[0]
        (1.0, "the plain weights under 'state_dict'")
        >>> choose_weights(content, source="a.pth", key="state_dict_ema").state["w"].item()
        0.0
    """
    found = dict(_find_state_dicts(content))
    if key is not None:
        return _take_key(found, key, source=source)
    if not found:
        raise ModelError(_format_nothing(content, source))
    taken = _choose_path(list(found), source=source)
    return Weights(state=found[taken], source=source, notes=tuple(_describe_choice(taken, list(found))))


def is_averaged(name: str) -> bool:
    """Whether a key is one for averaged weights, by the words in it.

    Example:
        >>> [is_averaged(name) for name in ("state_dict_ema", "callbacks.EMACallback.w", "schema")]
        [True, True, False]
    """
    words = [word.lower() for word in re.split(r"[^A-Za-z]+", name)]
    return any(word.startswith("ema") or word in _AVERAGED_WORDS for word in words)


def _find_state_dicts(content: object, path: str = "", depth: int = 0) -> Iterator[tuple[str, StateDict]]:
    """State dicts by the path of keys that leads to them; "" for the content itself."""
    if not isinstance(content, Mapping) or not content or depth > _DEPTH:
        return
    if all(isinstance(value, torch.Tensor) for value in content.values()):
        yield path, {str(name): value for name, value in content.items()}
        return
    for name, value in content.items():
        # The state of an optimizer is made of tensors as well, under whole numbers.
        if isinstance(name, str) and not _NOT_WEIGHTS.search(name):
            yield from _find_state_dicts(value, f"{path}.{name}" if path else name, depth + 1)


def _choose_path(paths: list[str], *, source: str) -> str:
    usual = next((key for key in PLAIN_KEYS if key in paths), None)
    plain = [path for path in paths if not is_averaged(path)]
    chosen = usual or next(iter(plain or paths))
    if usual is None and len(plain or paths) > 1:
        raise ModelError(
            f"Checkpoint '{source}' holds several state dicts: {', '.join(paths)}. Choose one with "
            f"--checkpoint-key, such as --checkpoint-key {chosen}."
        )
    return chosen


def _describe_choice(taken: str, paths: list[str]) -> Iterator[str]:
    others = [path for path in paths if path != taken]
    if others:
        kind = "the averaged copy (EMA)" if is_averaged(taken) else "the plain weights"
        yield f"{kind} under '{taken}'"
        for other in others:
            what = "an averaged copy (EMA)" if is_averaged(other) else "other weights"
            yield f"it also holds {what}: --checkpoint-key {other}"
    elif is_averaged(taken):
        yield f"it holds only an averaged copy (EMA), under '{taken}'"


def _take_key(found: dict[str, StateDict], key: str, *, source: str) -> Weights:
    if key in found:
        return Weights(state=found[key], source=source, notes=(f"the weights under '{key}', as requested",))
    for state in found.values():
        # Several networks in one state dict, such as a training module's: the key stands before the names.
        group = {name.removeprefix(f"{key}."): v for name, v in state.items() if name.startswith(f"{key}.")}
        if group:
            note = f"the {len(group)} of {len(state)} tensors whose names begin with '{key}.', as requested"
            return Weights(state=group, source=source, notes=(note,))
    known = ", ".join(path or "(the file itself)" for path in found) or "(none)"
    raise ModelError(f"Checkpoint '{source}' has no weights under '{key}'. State dicts in it: {known}.")


def _format_nothing(content: object, source: str) -> str:
    inner = content
    if isinstance(content, Mapping):
        inner = next((content[k] for k in PLAIN_KEYS if isinstance(content.get(k), Mapping)), content)
    if not isinstance(inner, Mapping) or not inner:
        return f"Checkpoint '{source}' holds no state dict but {_describe(content)}."
    name, value = next((n, v) for n, v in inner.items() if not isinstance(v, torch.Tensor))
    return (
        f"Checkpoint '{source}' holds no state dict: '{name}' is {_describe(value)}, not a tensor. A state "
        "dict has tensors alone; it stands at the top of the file or under a key such as "
        f"{', '.join(PLAIN_KEYS[:4])}."
    )


def _describe(value: object) -> str:
    if isinstance(value, Mapping):
        keys = ", ".join(map(str, list(value)[:5]))
        return f"a dict with the keys {keys or '(none)'}"
    return f"a {type(value).__name__}"
