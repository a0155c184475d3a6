"""Stages of DeepFloyd IF in a row: pixels as tensors, and each prompt read once by one text encoder.

Every repository of IF holds a copy of the same T5 with 4.5 billion parameters; only the first stage's is
loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagenet_g.generation.generators.pipelines import Pipeline

SHARED_PARTS = ("text_encoder", "tokenizer")
"""What later stages are loaded without."""


class PromptReader:
    """Text embeddings of a batch, computed once for each different list of prompts.

    Args:
        pipe: The stage whose text encoder reads them.
    """

    def __init__(self, pipe: Pipeline) -> None:
        self._pipe = pipe
        self._known: dict[tuple[object, ...], dict[str, Any]] = {}

    def embed_call(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments of a call with `prompt_embeds` and `negative_prompt_embeds` in place of the texts.

        Prompts are read as they stand unless the arguments say `clean_caption = true`: the pipelines' own
        cleaning runs only where two further packages are installed, so that embeddings would depend on them.
        """
        rest = dict(arguments)
        prompt, negative = rest.pop("prompt"), rest.pop("negative_prompt", None)
        clean = bool(rest.pop("clean_caption", False))
        return {**rest, **self._embed(prompt, negative, clean)}

    def forget(self) -> None:
        """Free the embeddings of the batch."""
        self._known.clear()

    def _embed(
        self, prompt: Sequence[str], negative_prompt: Sequence[str] | None, clean_caption: bool
    ) -> dict[str, Any]:
        key = (tuple(prompt), negative_prompt and tuple(negative_prompt), clean_caption)
        if key not in self._known:
            plain, negative = self._pipe.encode_prompt(
                list(prompt),
                do_classifier_free_guidance=True,
                negative_prompt=negative_prompt,
                clean_caption=clean_caption,
            )
            self._known[key] = {"prompt_embeds": plain, "negative_prompt_embeds": negative}
        return self._known[key]
