"""How a CLIP or SigLIP of transformers reads its prompts; imports no torch.

SigLIPs were trained on texts in lower case and without punctuation, padded to one length. The tokenizers of
SigLIP 2 do neither by themselves; without it about twelve points of accuracy are lost. Source: the evaluators
of google-research/big_vision, `proj/image_text/prompt_engineering.py`.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ZERO_SHOT_KINDS = ("clip", "metaclip_2", "siglip")
"""Kinds of models, as `config.json` calls them, whose two towers are used in one way."""
_BOTH_AT_ONCE = "scores an image and a text together, so that texts alone make no head"
REFUSED_KINDS = {
    "align": "is an ALIGN, whose texts, towers and scale are used in another way than those of a CLIP",
    "altclip": "is an AltCLIP, whose texts are encoded in another way than those of a CLIP",
    "blip": f"is a BLIP, which {_BOTH_AT_ONCE}",
    "blip-2": f"is a BLIP-2, which {_BOTH_AT_ONCE}",
    "chinese_clip": "is a Chinese CLIP, and the names of the classes are English",
    "clipseg": "is a CLIPSeg, which is made to find the outlines of objects",
    "siglip2": "is a SigLIP 2 for images of any shape (NaFlex), whose inputs are patches of varying number",
}
"""Kinds that the library offers for zero-shot classification too, and why they are refused."""
CANONICAL_KINDS = ("siglip",)
"""Those trained on canonical texts; a SigLIP 2 of fixed size is of this kind as well."""
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


class PromptTokenizer:
    """A tokenizer of transformers, padded to the length that the text tower has positions for.

    Args:
        tokenizer: As the library loads it.
        length: Tokens of every text; 64 for most SigLIPs, 77 for CLIPs.
        canonical: Whether texts are made canonical first.
    """

    def __init__(self, tokenizer: Any, *, length: int, canonical: bool) -> None:  # noqa: ANN401
        # Called `tokenizer`, as in open_clip: its vocabulary is hashed by that name.
        self.tokenizer = tokenizer
        self.length = length
        self.canonical = canonical

    def __call__(self, texts: list[str]) -> torch.Tensor:
        """Token ids `(N, L)`; with a mask of what is text `(N, 2, L)`, where the tokenizer gives one."""
        import torch

        words = [canonicalise(text) for text in texts] if self.canonical else list(texts)
        made = self.tokenizer(
            words, padding="max_length", max_length=self.length, truncation=True, return_tensors="pt"
        )
        mask = made.get("attention_mask")
        ids: torch.Tensor = made["input_ids"]
        return ids if mask is None else torch.stack([ids, mask], dim=1)


def canonicalise(text: str) -> str:
    """A text in lower case, without punctuation and with single spaces.

    >>> canonicalise("A photo of a black-and-white  colobus_monkey.")
    'a photo of a blackandwhite colobus monkey'
    """
    return " ".join(text.replace("_", " ").translate(_NO_PUNCTUATION).lower().split())
