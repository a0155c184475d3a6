"""How the text side of a CLIP behaves: a zero-shot head is kept for one tokenizer and one text encoder."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any

import open_clip
import torch

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.fingerprints.architecture import describe_value, hash_architecture
from imagenet_g.benchmark.fingerprints.behaviour import hash_values
from imagenet_g.benchmark.fingerprints.code import list_code_files
from imagenet_g.benchmark.identity import hash_file, hash_json

_NUM_ENCODED = 2
_PACKAGES = ("open_clip_torch", "torch", "transformers", "tokenizers", "sentencepiece", "ftfy", "regex")
"""What tokenizes and encodes texts; an absent one does neither."""
_CHANGING = ("cache",)
"""What open_clip's tokenizer remembers between texts."""
_CALLED = ("truncation", "padding")
"""Settings of a fast tokenizer that its last call left behind; the context length is held beside them."""
_WORDS = {str, int, tuple}
_SETTINGS = ("padding_side", "truncation_side", "model_max_length", "special_tokens_map")


def hash_text_side(
    model: Any,  # noqa: ANN401
    tokenizer: Callable[[list[str]], torch.Tensor],
    tokens: torch.Tensor,
) -> str:
    """sha256 of all by which a CLIP turns prompts into embeddings, its weights aside.

    Args:
        model: open_clip's model, on the CPU, in float32 and in eval mode.
        tokenizer: Its tokenizer, from a list of texts to token ids.
        tokens: `(N, L)` what it makes of the probe prompts; the first two are encoded as well.

    Returns:
        64 hex digits.
    """
    with torch.inference_mode():
        embeddings = model.encode_text(tokens[:_NUM_ENCODED], normalize=True)
    held = [value for value in getattr(tokenizer, "__dict__", {}).values() if callable(value)]
    # Not the tokenizer itself, each of whose fifty thousand words would be looked at.
    code = tokenizer if inspect.isroutine(tokenizer) else type(tokenizer)
    own = list_code_files([*{type(part) for part in model.modules()}, code, *held])
    return hash_json(
        [
            hash_architecture(model),
            open_clip.__version__,
            list_versions(_PACKAGES),
            sorted(map(hash_file, own)),
            hash_tokenizer(tokenizer),
            tokens.tolist(),
            hash_values(embeddings.float()),
        ]
    )


def hash_tokenizer(tokenizer: object) -> str:
    """sha256 of a tokenizer's vocabulary, merges, added tokens and settings.

    Token ids of some prompts do not show a word that two others make together.

    Args:
        tokenizer: Of open_clip; of any other callable its attributes count.

    Returns:
        64 hex digits, the same in every process and before and after it is used.
    """
    values = dict(getattr(tokenizer, "__dict__", {}))
    inner = values.pop("tokenizer", None)
    known = {key: _describe(value) for key, value in values.items() if key not in _CHANGING}
    return hash_json([describe_value(type(tokenizer)), known, _describe_inner(inner)])


def _describe(value: object) -> str:
    if type(value) is dict and {type(part) for pair in value.items() for part in pair} <= _WORDS:
        # A vocabulary has one order, that of its file.
        return repr(value)
    # A compiled pattern is an object like any other, and would give its class only.
    return str(getattr(value, "pattern", "")) or describe_value(value)


def _describe_inner(inner: Any) -> list[object]:  # noqa: ANN401
    """A tokenizer of transformers."""
    if inner is None:
        return []
    settings = [describe_value(getattr(inner, name, None)) for name in _SETTINGS]
    backend = getattr(inner, "backend_tokenizer", None)
    if backend is None:
        vocabulary = inner.get_vocab() if hasattr(inner, "get_vocab") else None
        return [describe_value(type(inner)), settings, describe_value(vocabulary)]
    whole = {key: value for key, value in json.loads(backend.to_str()).items() if key not in _CALLED}
    return [describe_value(type(inner)), settings, whole]


def list_probe_prompts(templates: Sequence[str], class_names: Sequence[str]) -> list[str]:
    """Every class name once and every template once: tokens of the other pairs follow from these.

    Example:
        >>> list_probe_prompts(["a {}.", "my {}"], ["cat", "dog"])
        ['a cat.', 'a dog.', 'my cat']
    """
    return [
        *(templates[0].replace("{}", name) for name in class_names),
        *(template.replace("{}", class_names[0]) for template in templates[1:]),
    ]
