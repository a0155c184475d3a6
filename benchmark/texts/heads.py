"""A zero-shot head from prompts: every one tokenized and encoded once, in batches of our own, in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

import torch

from imagenet_g.benchmark.devices import is_out_of_memory
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.texts.own_texts import SLOT
from imagenet_g.benchmark.texts.tower import TextTower

BATCH_SIZES = {"cpu": 64, "cuda": 2048, "mps": 256}
"""Prompts a forward pass. On a CPU a larger batch outgrows the caches; elsewhere memory is the limit, and it
is halved when that runs out."""
PIECE_PROMPTS = 4096
"""Prompts of a piece at most, unless one class has more: what an interruption costs."""

Tokenizer = Callable[[list[str]], torch.Tensor]
Progress = Callable[[int, int], None]
"""Called with prompts done and prompts in all."""


class Pieces(Protocol):
    """Where finished pieces of a head are kept."""

    def load(self, start: int, stop: int) -> torch.Tensor | None:
        """`(stop - start, D)` embeddings of some names, or None."""

    def write(self, start: int, embeddings: torch.Tensor) -> None:
        """Keep the embeddings of the names from `start` on."""


class NoPieces:
    """Keeps nothing."""

    def load(self, start: int, stop: int) -> torch.Tensor | None:
        """None."""
        return None

    def write(self, start: int, embeddings: torch.Tensor) -> None:
        """Nothing."""


def build_head(
    model: Any,  # noqa: ANN401
    tokenizer: Tokenizer,
    templates: Sequence[str],
    class_names: Sequence[str],
    *,
    device: str = "cpu",
    batch_size: int | None = None,
    shortens: bool = True,
    pieces: Pieces | None = None,
    on_progress: Progress = lambda done, total: None,
) -> torch.Tensor:
    """Class embeddings: the mean over templates of each prompt's embedding, scaled to length 1.

    As `open_clip.build_zero_shot_classifier` makes them. Source: Radford et al. 2021, section 3.1.4.

    Args:
        model: CLIP, brought to float32 and to `device` and left there.
        tokenizer: Its tokenizer, from a list of texts to token ids.
        templates: Prompts with `{}`.
        class_names: C names in the order of the classes; a name that comes twice is encoded once.
        device: Where to run the text encoder.
        batch_size: Prompts a forward pass; None for the device's default.
        shortens: Whether texts are cut where that changes nothing but rounding.
        pieces: What an interrupted run left; None to keep nothing.
        on_progress: Called after every piece that was found and every batch.

    Returns:
        `(D, C)` float32 on the CPU.

    Raises:
        ModelError: Memory does not hold a single prompt.
        StorageError: A piece cannot be written.
    """
    names = list(dict.fromkeys(class_names))
    # float32 even where the model was lowered: every answer is a product with the head.
    tower = TextTower(model.float().to(device).eval(), shortens=shortens)
    size = batch_size or BATCH_SIZES[device.partition(":")[0]]
    builder = _Builder(tower, tokenizer, templates, device=device, batch_size=size)
    rows = builder.build(names, pieces or NoPieces(), on_progress)
    place = {name: number for number, name in enumerate(names)}
    return rows[[place[name] for name in class_names]].T.contiguous()


class _Builder:
    """The state of one build: the tower on its device and the batch size that memory allows."""

    def __init__(
        self,
        tower: TextTower,
        tokenizer: Tokenizer,
        templates: Sequence[str],
        *,
        device: str,
        batch_size: int,
    ) -> None:
        self._tower = tower
        self._tokenizer = tokenizer
        self._templates = templates
        self._device = device
        self._batch_size = batch_size
        if device.startswith("cuda"):
            # TF32 rounds to 10 bits; float32 must mean float32.
            torch.backends.cuda.matmul.allow_tf32 = False

    def build(self, names: Sequence[str], pieces: Pieces, on_progress: Progress) -> torch.Tensor:
        """`(C, D)` embeddings of different names."""
        step = max(1, PIECE_PROMPTS // len(self._templates))
        ranges = [(start, min(start + step, len(names))) for start in range(0, len(names), step)]
        found = {bounds: pieces.load(*bounds) for bounds in ranges}
        missing = [bounds for bounds in ranges if found[bounds] is None]
        total = len(names) * len(self._templates)
        done = total - sum(stop - start for start, stop in missing) * len(self._templates)
        for (start, stop), texts, tokens in self._tokenize_ahead(names, missing):
            on_progress(done, total)
            embeddings = self._encode(tokens, partial(_report, on_progress, done, total))
            piece = self._average(texts, embeddings, names[start:stop])
            pieces.write(start, piece)
            found[start, stop] = piece
            done += (stop - start) * len(self._templates)
            on_progress(done, total)
        return torch.cat([piece for piece in found.values() if piece is not None])

    def _tokenize_ahead(
        self, names: Sequence[str], ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[int, int], list[str], torch.Tensor]]:
        """Bounds, different prompts and their tokens, one piece ahead of the encoder."""

        def tokenize(start: int, stop: int) -> tuple[list[str], torch.Tensor]:
            texts = list(dict.fromkeys(self._fill(names[start:stop])))
            return texts, self._tokenizer(texts)

        with ThreadPoolExecutor(1) as pool:
            waiting: list[Future[tuple[list[str], torch.Tensor]]] = []
            for number, bounds in enumerate(ranges):
                # Two at most are in memory: the one that is encoded, and the next.
                ahead = ranges[number + len(waiting) : number + 2]
                waiting += [pool.submit(tokenize, *one) for one in ahead]
                yield bounds, *waiting.pop(0).result()

    def _fill(self, names: Sequence[str]) -> Iterator[str]:
        return (template.replace(SLOT, name) for name in names for template in self._templates)

    def _average(self, texts: list[str], embeddings: torch.Tensor, names: Sequence[str]) -> torch.Tensor:
        """`(C, D)` directions of the mean of each name's prompts."""
        place = {text: number for number, text in enumerate(texts)}
        chosen = embeddings[[place[text] for text in self._fill(names)]]
        means = chosen.reshape(len(names), len(self._templates), -1).mean(dim=1)
        directions: torch.Tensor = means / means.norm(dim=1, keepdim=True)
        return directions

    # No inference mode: tensors made in it cannot be traced, and a backend may trace the head.
    @torch.no_grad()
    def _encode(self, tokens: torch.Tensor, on_batch: Callable[[int], None]) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1 on the CPU."""
        lengths = self._tower.find_lengths(tokens)
        # Texts of one length together: a batch is as long as its longest.
        order = torch.arange(len(tokens)) if lengths is None else lengths.argsort(stable=True)
        rows = []
        start = 0
        while start < len(tokens):
            batch = order[start : start + self._batch_size]
            made = self._encode_batch(tokens[batch], None if lengths is None else lengths[batch])
            if made is not None:
                rows.append(made)
                start += len(batch)
                on_batch(start)
        embeddings = torch.cat(rows)
        return embeddings[order.argsort()]

    def _encode_batch(self, tokens: torch.Tensor, lengths: torch.Tensor | None) -> torch.Tensor | None:
        """Embeddings of one batch; None where memory did not hold it, and the next one is smaller."""
        try:
            return self._tower.encode(tokens.to(self._device), lengths).float().cpu()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            if self._batch_size <= 1:
                raise ModelError(
                    f"Memory on '{self._device}' does not hold a single prompt of this model. Use --device "
                    "cpu, or a machine with more memory."
                ) from error
        self._batch_size = max(1, min(self._batch_size, len(tokens)) // 2)
        if self._device.startswith("cuda"):
            torch.cuda.empty_cache()
        return None


def _report(on_progress: Progress, before: int, total: int, done: int) -> None:
    # A text that two names share is encoded once and counted at the end of its piece.
    on_progress(before + done, total)
