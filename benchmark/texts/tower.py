"""The text tower of a CLIP, over no more of a text than decides its embedding.

A prompt of ten tokens is padded to the tower's 77. Where no token sees a later one, what stands behind the
token that the embedding is read from changes nothing, and a batch is cut behind the last such token of its
texts. That is most of the work of a zero-shot head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.func import functional_call

TOLERANCE = 5e-7
"""Largest difference of an embedding's values between the cut and the whole text; rounding makes 2e-7."""
_NUM_COMPARED = 8


class TextTower(torch.nn.Module):
    """A CLIP as a function of token ids alone.

    Args:
        model: open_clip's model, in float32 and in eval mode.
        shortens: Whether texts are cut where that changes nothing.
    """

    def __init__(self, model: Any, *, shortens: bool = True) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        self._shortens = shortens
        self._compared = False
        # In a tuple: a module held as an attribute would be registered under a second name.
        self._found = _find_transformer(model)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """`(N, D)` embeddings of length 1 of `(N, L)` token ids, over their whole length."""
        embeddings: torch.Tensor = self.model.encode_text(tokens, normalize=True)
        return embeddings

    def encode(self, tokens: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor:
        """The same over the tokens that count.

        Args:
            tokens: `(N, L)` on the model's device.
            lengths: `(N,)` as `find_lengths` gives them.
        """
        if lengths is None or not self._agrees(tokens, lengths):
            return self(tokens)  # type: ignore[no-any-return]
        return self._encode_cut(tokens, int(lengths.max()))

    def _agrees(self, tokens: torch.Tensor, lengths: torch.Tensor) -> bool:
        """Whether cut texts have the embeddings of whole ones; compared once for a model."""
        if self._shortens and not self._compared:
            some = tokens[:_NUM_COMPARED]
            whole = self(some)
            try:
                cut = self._encode_cut(some, int(lengths[:_NUM_COMPARED].max()))
            except RuntimeError:
                # A tower whose code is not open_clip's own may take texts of one length only.
                cut = torch.full_like(whole, torch.nan)
            self._shortens = bool((cut - whole).abs().max() <= TOLERANCE)
            self._compared = True
        return self._shortens

    def find_lengths(self, tokens: torch.Tensor) -> torch.Tensor | None:
        """`(N,)` how many leading tokens of `(N, L)` decide each embedding; None where all may."""
        _, part = self._found
        if not self._shortens or part is None or not _is_causal(part, tokens.shape[1]) or _looks_back(part):
            return None
        kind = getattr(part, "pool_type", getattr(part, "text_pool_type", None))
        if kind == "argmax":
            return tokens.argmax(dim=1) + 1
        end = getattr(part, "eos_id", getattr(part, "text_eos_id", None))
        return (tokens == end).int().argmax(dim=1) + 1 if kind == "eos" and end is not None else None

    def _encode_cut(self, tokens: torch.Tensor, length: int) -> torch.Tensor:
        place, part = self._found
        # The older of open_clip's two towers adds all positions, whatever the length of the text.
        changed = {
            f"{place}.positional_embedding": part.positional_embedding[:length],
            f"{place}.attn_mask": part.attn_mask[:length, :length],
        }
        made: torch.Tensor = functional_call(self, changed, (tokens[:, :length],))
        return made


def _find_transformer(model: Any) -> tuple[str, Any]:  # noqa: ANN401
    """Name and module of the part of open_clip's model that holds the positions of its text, or None."""
    parts = {"model": model, "model.text": getattr(model, "text", None)}
    for place, part in parts.items():
        if part is not None and "positional_embedding" in dict(part.named_parameters(recurse=False)):
            return place, part
    return "", None


def _is_causal(part: Any, context: int) -> bool:  # noqa: ANN401
    # Only what is registered can be replaced for one call.
    mask = dict(part.named_buffers(recurse=False)).get("attn_mask")
    if mask is None or mask.shape != (context, context):
        return False
    causal = torch.full_like(mask, -torch.inf).triu(1)
    return bool(part.positional_embedding.shape[0] == context and torch.equal(mask, causal))


def _looks_back(part: Any) -> bool:  # noqa: ANN401
    """Whether a token is added behind the text, which sees all of it."""
    return getattr(part, "cls_emb", None) is not None or bool(getattr(part, "use_pad_mask", False))
