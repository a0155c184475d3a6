"""What is learnt: the class of each image, by cross-entropy over all of its views."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from imagenet_g.baselines.augmenting.batches import StepChance, StepImage, change_batch
from imagenet_g.baselines.augmenting.registry import make_batch_steps
from imagenet_g.baselines.recipes.counting import EpochCounter, recount
from imagenet_g.baselines.recipes.specs import RecipeSpec
from imagenet_g.baselines.training.feeding import StepImages, TrainingBatch, feed_steps

if TYPE_CHECKING:
    from pydantic import JsonValue

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16}
_SEED_STRIDE = 1_000_003


class RecipeTask:
    """Learns which class an image shows.

    Args:
        model: Maps normalised images to `(N, K)` logits; it holds the weights.
        run_model: What is called in its place, such as its copy that shares gradients with other processes.
        images: The steps.
        recipe: How.
        seed: Of what the model itself draws, such as dropout.
        steps: Of the training.
        num_outputs: K.
        workers: Threads or processes that prepare images.
        device: Where.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        run_model: torch.nn.Module,
        images: StepImages,
        recipe: RecipeSpec,
        *,
        seed: int,
        steps: int,
        num_outputs: int,
        workers: int,
        device: str,
    ) -> None:
        self._model, self._run_model = model, run_model
        self._images, self._recipe = images, recipe
        self._seed, self._steps, self._workers, self._device = seed, steps, workers, device
        self._batches: Generator[TrainingBatch, None, None] | None = None
        self._step = 0
        self._mean, self._std = (
            torch.tensor(values, device=device).view(1, 3, 1, 1) * 255 for values in (recipe.mean, recipe.std)
        )
        self._changes = make_batch_steps(images.augment)
        self._counter = EpochCounter(
            images.planned.names, num_outputs=num_outputs, num_images=len(images.planned)
        )

    @property
    def module(self) -> torch.nn.Module:
        """The classifier."""
        return self._model

    def begin(self, step: int) -> None:
        """Prepare images from a step on."""
        self._step = step
        self._batches = feed_steps(
            self._images, range(step, self._steps), workers=self._workers, device=self._device
        )
        recount(
            self._counter,
            self._images.planned,
            batch_size=self._images.batch_size,
            step=step,
            log_every=self._recipe.log_every,
            seed=self._images.seed,
        )

    def close(self) -> None:
        """Stop what prepares images."""
        if self._batches is not None:
            self._batches.close()

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Cross-entropy of the next step's share, and the share of views that is right."""
        if self._batches is None:
            raise RuntimeError("`begin` says with which step to start")
        batch = next(self._batches)
        self._counter.add(batch.step_sources.numpy(), batch.step_outputs.numpy())
        # What a model draws itself comes from torch's global generator, which no checkpoint holds.
        index, count = self._images.share
        torch.manual_seed(self._seed * _SEED_STRIDE + self._step * count + index)
        inputs = self._change([self._normalise(view) for view in batch.views], batch)
        self._step += 1
        logits = torch.cat([self._run(view) for view in inputs])
        views = len(logits) // len(batch.outputs)
        targets = batch.outputs.to(self._device, non_blocking=True).repeat(views)
        smoothing = self._recipe.label_smoothing
        return {
            "loss": functional.cross_entropy(logits, targets, label_smoothing=smoothing),
            "right": (logits.argmax(dim=1) == targets).float().mean(),
        }

    def report(self) -> dict[str, JsonValue]:
        """What a line of the log says of the images."""
        return self._counter.take()

    def _normalise(self, view: torch.Tensor) -> torch.Tensor:
        moved = view.to(self._device, non_blocking=True)
        return (moved.float() - self._mean) / self._std

    def _change(self, inputs: list[torch.Tensor], batch: TrainingBatch) -> list[torch.Tensor]:
        """The views after what changes a whole step; each view of an image is changed in its own way."""
        if not self._changes:
            return inputs
        images = self._images
        index, count = images.share
        epoch = self._step * images.batch_size // len(images.planned)
        chance = StepChance(images.seed, epoch, self._step, images.batch_size)
        sources = [images.planned.names[number] for number in batch.step_sources[index::count].tolist()]
        changed, first = [], 0
        for view in inputs:
            numbers = range(first, first + len(view) // len(sources))
            # As they were stacked: the first view of each image, then the second.
            listed = [
                StepImage(index + place * count, number, source)
                for number in numbers
                for place, source in enumerate(sources)
            ]
            changed.append(change_batch(view, listed, self._changes, chance))
            first = numbers.stop
        return changed

    def _run(self, view: torch.Tensor) -> torch.Tensor:
        layout = torch.channels_last if self._recipe.channels_last else torch.contiguous_format
        inputs = view.contiguous(memory_format=layout)
        kind = PRECISIONS.get(self._recipe.precision)
        with torch.autocast(torch.device(self._device).type, dtype=kind, enabled=kind is not None):
            outputs: torch.Tensor = self._run_model(inputs)
        # Before the loss: a softmax over values of 8 bits has ties, whatever type a model computes in.
        return outputs.float()
