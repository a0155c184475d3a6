"""What a step of a model costs on this machine: time, operations and memory of an image, measured."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from imagenet_g.baselines.augmenting.batches import ChosenBatchStep, StepChance, StepImage, change_batch
from imagenet_g.baselines.augmenting.registry import make_batch_steps, make_image_steps, make_views
from imagenet_g.baselines.recipes.rates import make_optimizer
from imagenet_g.baselines.recipes.specs import ModelSpecOfRecipe, RecipeSpec
from imagenet_g.baselines.training.feeding import stack_views
from imagenet_g.baselines.training.starting import start_model
from imagenet_g.baselines.training.task import PRECISIONS

COUNTED_BATCH = 2
"""Images of the step that is counted: a whole batch may not fit here, and one image has no batch norm."""
_TIMED_OPERATIONS = 20e9
"""Of the step that is timed: of a small network two images would measure Python, and not the network."""


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step costs.

    Attributes:
        parameters: Of the model.
        state_bytes: Weights, gradients, the optimizer's state and the running mean.
        kept_bytes: Kept for the way back, an image.
        operations: Floating-point operations an image, forth and back.
        seconds: An image.
        timed_images: Of the step that was timed.
        views: Sides of the views of an image, in pixels.
    """

    parameters: int
    state_bytes: int
    kept_bytes: int
    operations: int
    seconds: float
    timed_images: int
    views: tuple[int, ...]


def measure_step(
    recipe: RecipeSpec, spec: ModelSpecOfRecipe, wnids: tuple[str, ...], *, device: str
) -> StepCost:
    """Take two steps at the recipe's largest size: a small one is counted, the other is timed.

    Weights that it would start from are not fetched: they change no cost.

    Raises:
        ImagenetGError: As `start_model`.
    """
    model = start_model(spec.model_copy(update={"start": None}), wnids, seed=0)
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    model = model.to(device=device, memory_format=layout)  # type: ignore[call-overload]
    views = make_example(recipe, COUNTED_BATCH)
    optimizer = make_optimizer(recipe.optimizer, model)
    kept = _KeptBytes()
    counter = FlopCounterMode(display=False)
    with counter, torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor):
        _take_step(model, optimizer, views, recipe, device)
    operations = int(counter.get_total_flops()) // COUNTED_BATCH
    timed = max(COUNTED_BATCH, min(recipe.batch_size, int(_TIMED_OPERATIONS / max(operations, 1))))
    timed_views = make_example(recipe, timed)
    started = time.perf_counter()
    _take_step(model, optimizer, timed_views, recipe, device)
    seconds = time.perf_counter() - started
    own = kept.count(exclude={value.data_ptr() for value in model.parameters()})
    return StepCost(
        parameters=sum(value.numel() for value in model.parameters()),
        state_bytes=_count_state(model, optimizer),
        kept_bytes=own // COUNTED_BATCH,
        operations=operations,
        seconds=seconds / timed,
        timed_images=timed,
        views=tuple(size for view in views for size in [view.shape[-1]] * (len(view) // COUNTED_BATCH)),
    )


def make_example(recipe: RecipeSpec, num_images: int) -> list[torch.Tensor]:
    """Inputs of a step, with the sizes that the recipe's augmentation gives."""
    steps = [step for _, step in make_image_steps(recipe.augment, cache=None)]
    side = recipe.resolution.largest_px
    image = Image.new("RGB", (side, side), (128, 128, 128))
    chance = np.random.default_rng(0)
    views = stack_views([make_views(image, steps, chance, side) for _ in range(num_images)])
    # Noise and not the views themselves: equal images have no variance, and batch norm divides by it.
    numbers = torch.Generator().manual_seed(0)
    return [torch.randn(view.shape, generator=numbers) for view in views]


def _take_step(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    views: list[torch.Tensor],
    recipe: RecipeSpec,
    device: str,
) -> None:
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    # Of a step in which each of these changes every image: a mix decides how many it changes.
    changes = [ChosenBatchStep(chosen.step, None) for chosen in make_batch_steps(recipe.augment)]
    chance = StepChance(seed=0, epoch=0, step=0, batch_size=len(views[0]))
    inputs = [
        change_batch(
            view.to(device), [StepImage(place, 0, "") for place in range(len(view))], changes, chance
        ).contiguous(memory_format=layout)
        for view in views
    ]
    model.train()
    kind = PRECISIONS.get(recipe.precision)
    with torch.autocast(torch.device(device).type, dtype=kind, enabled=kind is not None):
        logits = torch.cat([model(view) for view in inputs]).float()
    loss = functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=device))
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    # The value waits for a GPU to end.
    float(loss.detach())


class _KeptBytes:
    """Sizes of the memory that autograd keeps, each once however many tensors share it."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, torch.Tensor]] = {}

    def keep(self, tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        # The tensor is held: else a later one may get its address, and count as the same.
        self._held[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    def count(self, *, exclude: set[int]) -> int:
        return sum(size for place, (size, _) in self._held.items() if place not in exclude)


def _count_state(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    weights = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    gradients = sum(value.numel() * value.element_size() for value in model.parameters())
    state = sum(
        value.numel() * value.element_size()
        for own in optimizer.state.values()
        for value in own.values()
        if isinstance(value, torch.Tensor)
    )
    # Weights twice: the running mean is kept beside them.
    return int(2 * weights + gradients + state)
