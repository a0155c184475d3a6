"""How the text side of a CLIP behaves: a zero-shot head is kept for one tokenizer and one text encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import open_clip
import torch

from imagenet_g.benchmark.fingerprints.architecture import hash_architecture
from imagenet_g.benchmark.fingerprints.behaviour import hash_values
from imagenet_g.benchmark.identity import hash_json

_NUM_ENCODED = 2


def hash_text_side(
    model: Any,  # noqa: ANN401
    tokenizer: Callable[[list[str]], torch.Tensor],
    prompts: Sequence[str],
) -> str:
    """sha256 of all by which a CLIP turns prompts into embeddings, its weights aside.

    Args:
        model: open_clip's model, on the CPU, in float32 and in eval mode.
        tokenizer: Its tokenizer, from a list of texts to token ids.
        prompts: Prompts whose token ids count; the first two are encoded as well.

    Returns:
        64 hex digits.
    """
    tokens = tokenizer(list(prompts))
    with torch.inference_mode():
        embeddings = model.encode_text(tokens[:_NUM_ENCODED], normalize=True)
    return hash_json(
        [hash_architecture(model), open_clip.__version__, tokens.tolist(), hash_values(embeddings.float())]
    )


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
