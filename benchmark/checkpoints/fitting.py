"""Weights into a model, with the proof that every tensor of the model comes from the file.

Names and shapes must be the model's exactly, as they are or after one reading of the names (`prefixes`) or
the library's own conversion. Then nothing is left as it was initialised, and of the file nothing is left out
but what `left_out` explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch

from imagenet_g.benchmark.checkpoints.contents import StateDict, Weights
from imagenet_g.benchmark.checkpoints.left_out import explain_left_out, list_computed
from imagenet_g.benchmark.checkpoints.prefixes import Reading, list_readings
from imagenet_g.benchmark.checkpoints.sentinels import fill_with_sentinels, find_sentinels
from imagenet_g.benchmark.checkpoints.tracing import Convert, trace_usage
from imagenet_g.benchmark.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """A state dict offered to the model: what does not fit, or what to say when all does."""

    state: StateDict
    mismatch: str | None
    notes: tuple[str, ...]
    matches: int


class _Model(NamedTuple):
    """What there is to know of the module, looked up once.

    Attributes:
        own: Its stored tensors.
        computed: Those it computes and does not store.
        kind: Name of its class.
    """

    own: StateDict
    computed: StateDict
    kind: str

    def explain(self, extra: StateDict) -> dict[str, str]:
        """Of tensors without a place in the module, those that decide no output, with the reason."""
        reasons = {n: explain_left_out(n, value, self.kind, self.computed) for n, value in extra.items()}
        return {name: reason for name, reason in reasons.items() if reason}


def load_into(
    module: torch.nn.Module,
    weights: Weights,
    *,
    convert: Convert | None = None,
    convert_shapes: bool = False,
) -> tuple[str, ...]:
    """Put a state dict into a module, all of it and nothing else.

    Args:
        module: Receives the weights.
        weights: From a file.
        convert: The library's own conversion of older or foreign names, tried where names differ.
        convert_shapes: Try it where only shapes differ too, and let it resize (libraries resize position
            embeddings to the input size of a folder's configuration).

    Returns:
        What was taken, taken away and left out: clauses for the user; empty where all fits as it is.

    Raises:
        ModelError: A key, a shape or a kind of number does not fit; the first that does not is named.
    """
    attempts = []
    for attempt in _list_attempts(module, weights, convert=convert, convert_shapes=convert_shapes):
        if attempt.mismatch is None:
            _load(module, attempt.state, source=weights.source)
            return (*weights.notes, *attempt.notes)
        attempts.append(attempt)
    # The reading that comes nearest says most about what is wrong.
    nearest = max(attempts, key=lambda attempt: attempt.matches)
    raise ModelError(
        f"Checkpoint '{weights.source}' does not fit the model: {nearest.mismatch}{_format_taken(weights)}"
    )


def find_mismatch(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str | None:
    """The first key, in the model's own order, that is missing, of another shape, or not the model's.

    Example:
        >>> own, given = {"fc.bias": torch.zeros(3)}, {"fc.bias": torch.zeros(3), "head": torch.zeros(2)}
        >>> find_mismatch(own, given)
        "it has 'head' of shape (2,), which the model has not."
        >>> find_mismatch(own, own) is None
        True
    """
    extra = next((name for name in given if name not in own), None)
    for name, tensor in own.items():
        if name not in given:
            missing = f"it has no '{name}', which has shape {tuple(tensor.shape)} in the model."
            return missing if extra is None else f"{missing} {_format_extra(extra, given)}"
        if given[name].shape != tensor.shape:
            shapes = f"{tuple(given[name].shape)} in the file and {tuple(tensor.shape)} in the model"
            return f"'{name}' has shape {shapes}.{_format_head_hint(name, own, given)}"
        if tensor.is_floating_point() and not given[name].is_floating_point():
            kind = str(given[name].dtype).removeprefix("torch.")
            return f"'{name}' is {kind} in the file: quantized weights do not load. Save them as float."
    return (
        None
        if extra is None
        else f"it has '{extra}' of shape {tuple(given[extra].shape)}, which the model has not."
    )


def _list_attempts(
    module: torch.nn.Module,
    weights: Weights,
    *,
    convert: Convert | None,
    convert_shapes: bool,
) -> Iterator[_Attempt]:
    readings = list(list_readings(weights.state))
    model = _Model(module.state_dict(), list_computed(module), type(module).__name__)
    for reading in readings:
        yield _attempt(model, reading.state, tuple(reading.describe()))
    if convert is None:
        return
    # The library's conversion comes second: weights that fit as they are must not be touched.
    if not convert_shapes and any(set(model.own) == set(reading.state) for reading in readings):
        return
    # A conversion that copies from the model would let initial values pass as the file's.
    fill_with_sentinels(module)
    for reading in readings:
        attempt = _attempt_conversion(model, reading, convert, resize=convert_shapes)
        if attempt is not None:
            yield attempt


def _attempt(model: _Model, state: StateDict, notes: tuple[str, ...]) -> _Attempt:
    """Offer tensors under the model's names, with what is known without a file, without what is explained."""
    own = model.own
    explained = model.explain({name: value for name, value in state.items() if name not in own})
    kept = {name: value for name, value in state.items() if name not in explained}
    kept = {**kept, **_find_known(own, kept)}
    return _Attempt(
        state=kept,
        mismatch=find_mismatch(own, kept),
        notes=(*notes, *_describe_left_out(explained)),
        matches=sum(name in own and own[name].shape == value.shape for name, value in kept.items()),
    )


def _attempt_conversion(
    model: _Model, reading: Reading, convert: Convert, *, resize: bool
) -> _Attempt | None:
    try:
        converted = convert(dict(reading.state))
        attempt = _attempt(model, converted, (*reading.describe(), "names converted by the library"))
        if attempt.mismatch is not None:
            return attempt
        usage = trace_usage(reading.state, convert)
    except Exception:  # whatever the library raises, the file does not fit
        return None
    state, notes, mismatch = reading.state, attempt.notes, None
    explained = model.explain({name: state[name] for name in usage.unused})
    lost = next((name for name in usage.unused if name not in explained), None)
    cut = next(iter(usage.resized), None)
    left = next(iter(find_sentinels(attempt.state)), None)
    if lost is not None:
        mismatch = f"it has '{lost}' of shape {tuple(state[lost].shape)}, which the model has not."
    elif left is not None:
        mismatch = f"it has no '{left}', which has shape {tuple(model.own[left].shape)} in the model."
    elif usage.by_order:
        mismatch = _find_disorder(list(state), usage.origins)
        notes += ("its tensors matched by their order",)
    elif cut is not None and not resize:
        mismatch = (
            f"'{cut}' of shape {tuple(state[cut].shape)} would be resized. Name the architecture of the "
            "input size that these weights were trained for."
        )
    notes += tuple(_describe_left_out(explained))
    notes += tuple(f"'{name}' resized from {tuple(state[name].shape)}" for name in usage.resized)
    return _Attempt(state=attempt.state, mismatch=mismatch, notes=notes, matches=attempt.matches)


def _find_disorder(names: list[str], origins: Mapping[str, str]) -> str | None:
    """Why a conversion by order cannot be relied on; None where it can.

    Example:
        >>> _find_disorder(["stem.w", "a.w"], {"conv.w": "stem.w", "fc.w": "a.w"}) is None
        True
        >>> _find_disorder(["stem.w", "a.b"], {"conv.w": "stem.w", "fc.w": "a.b"})
        "'a.b' stands where the model has 'fc.w', and the library matches by order alone."
    """
    if names == sorted(names):
        # Safetensors sorts them; tensors of one shape would be exchanged without a sign.
        return (
            "the library matches these names by the order of the file alone, and its names are sorted. Give "
            "the file as its authors published it, or one with the library's own names."
        )
    other = (
        (own, name) for own, name in origins.items() if own.rpartition(".")[2] != name.rpartition(".")[2]
    )
    found = next(other, None)
    if found is None:
        return None
    return f"'{found[1]}' stands where the model has '{found[0]}', and the library matches by order alone."


def _find_known(own: StateDict, given: StateDict) -> StateDict:
    """Tensors that a file may lack because they are known without it."""
    places: dict[tuple[int, torch.Size], list[str]] = {}
    for name, tensor in own.items():
        if tensor.numel():
            places.setdefault((tensor.data_ptr(), tensor.shape), []).append(name)
    known = {}
    for names in places.values():
        # One tensor under several names: safetensors keeps the first of them alone.
        present = next((name for name in names if name in given), None)
        known.update({name: given[present] for name in names if present and name not in given})
    for name, tensor in own.items():
        # Files from before PyTorch 0.4.1 lack this counter, which only training reads; torch fills in 0.
        if name.endswith(".num_batches_tracked") and name not in given and name not in known:
            known[name] = torch.zeros_like(tensor)
    return known


def _load(module: torch.nn.Module, state: StateDict, *, source: str) -> None:
    """Load, then compare: layers may have rules of their own for loading, and tied names one value."""
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ModelError(f"Checkpoint '{source}' does not fit the model: {error}") from error
    for name, tensor in module.state_dict().items():
        expected = state[name].to(tensor.dtype)
        if not torch.equal(tensor.nan_to_num(), expected.nan_to_num()):
            raise ModelError(
                f"Checkpoint '{source}' does not fit the model: '{name}' has other values in the model than "
                "in the file."
            )


def _describe_left_out(explained: Mapping[str, str]) -> Iterator[str]:
    for reason in dict.fromkeys(explained.values()):
        names = [name for name, other in explained.items() if other == reason]
        more = ", ..." if len(names) > 1 else ""
        yield f"left out '{names[0]}'{more} ({reason})"


def _format_extra(name: str, given: Mapping[str, torch.Tensor]) -> str:
    return f"The first of its own without a partner is '{name}' of shape {tuple(given[name].shape)}."


def _format_taken(weights: Weights) -> str:
    """What else could be taken from the file, where there is a choice."""
    return f" (Taken: {'; '.join(weights.notes)}.)" if weights.notes else ""


def _format_head_hint(name: str, own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor]) -> str:
    """What to do when everything fits but the classifier."""
    if own[name].shape[1:] != given[name].shape[1:] or not own[name].ndim or not given[name].ndim:
        return ""
    # Tables of positions and of words have a first axis too, which counts no classes.
    if name.rpartition(".")[2] not in ("weight", "bias") or "embed" in name:
        return ""
    others = (key for key in own if key in given and key != name and own[key].shape != given[key].shape)
    if any(given[key].shape[:1] != given[name].shape[:1] for key in others):
        return ""
    classes = given[name].shape[0]
    return (
        f" If the file's {classes} are its classes, --class-map FILE must name them: {classes} lines, "
        "one wnid a line, in the order of the outputs."
    )
