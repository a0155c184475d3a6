"""Perplexity of captions under a language model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagenet_g.generation.caption_training.language_models import Model, Tokenizer
from imagenet_g.generation.captions.reward import Floats

BATCH_SIZE = 64


def compute_perplexities(
    model: Model, tokenizer: Tokenizer, prompts: Sequence[str], captions: Sequence[str]
) -> Floats:
    """Perplexity of each caption after its prompt, the end of text included.

    exp of the mean negative log-likelihood per token, in nats; at least 1. Only values of the same model
    and tokenizer can be compared.

    Args:
        model: In eval mode, on its device.
        tokenizer: The model's.
        prompts: One per caption.
        captions: N texts.

    Returns:
        `(N,)` float64.
    """
    pairs = list(zip(prompts, captions, strict=True))
    parts = [
        _compute_batch(model, tokenizer, pairs[start : start + BATCH_SIZE])
        for start in range(0, len(pairs), BATCH_SIZE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _compute_batch(model: Model, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> Floats:
    import torch

    rows = [_tokenize(tokenizer, *pair) for pair in pairs]
    longest = max(len(ids) for ids, _ in rows)
    # Padded on the right: in a causal model no token depends on those after it.
    ids = torch.tensor([[*row, *[tokenizer.pad_token_id] * (longest - len(row))] for row, _ in rows])
    ids = ids.to(model.device)
    with torch.inference_mode():
        # Shifted by one: the logits at a position predict the next token, and the last ones predict nothing
        # here.
        logits = model(input_ids=ids).logits[:, :-1].float()
        losses = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none"
        )
    table = losses.view(len(rows), -1).double().cpu().numpy()
    # The mean is over the caption's own tokens: longer captions and prompts must not count as less fluent.
    means = [table[n, begin - 1 : len(row) - 1].mean() for n, (row, begin) in enumerate(rows)]
    perplexities: Floats = np.exp(np.asarray(means, dtype=np.float64))
    return perplexities


def _tokenize(tokenizer: Tokenizer, prompt: str, caption: str) -> tuple[list[int], int]:
    """Token ids, and where the caption begins."""
    begin: list[int] = tokenizer(prompt)["input_ids"]
    # Split like the training rows: the blank before a word is part of its token in a byte-level vocabulary.
    rest: list[int] = tokenizer(f" {caption}", add_special_tokens=False)["input_ids"]
    return [*begin, *rest, tokenizer.eos_token_id], len(begin)
