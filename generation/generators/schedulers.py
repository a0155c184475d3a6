"""Which schedulers can be reproduced, and a check of the random state for all other cases.

An image can be made again only if all its noise comes from its own generator. A scheduler that draws noise in
`step` must take that generator; one that draws from the process's random state, or from a Brownian tree
seeded by it, gives other images in every run.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from imagenet_g.benchmark.errors import InputError, ModelError, UnknownNameError

if TYPE_CHECKING:
    import torch

SchedulerClass: TypeAlias = Any
"""diffusers' schedulers share no typed interface."""
# Their noise comes from a Brownian tree over the whole batch, which a list of generators cannot seed.
BROWNIAN_SCHEDULERS = ("CosineDPMSolverMultistepScheduler", "DPMSolverSDEScheduler")
_DRAWS = re.compile(r"\b(?:randn|randn_like|randn_tensor|rand|rand_like|randint|multinomial)\(")


def list_scheduler_names() -> tuple[str, ...]:
    """Names of all scheduler classes of the installed diffusers, sorted."""
    import diffusers

    return tuple(sorted(name for name in dir(diffusers) if name.endswith("Scheduler")))


def load_scheduler_class(name: str) -> SchedulerClass:
    """A scheduler class of diffusers.

    Raises:
        UnknownNameError: The installed diffusers has none of this name.
    """
    import diffusers

    if name not in list_scheduler_names():
        raise UnknownNameError("scheduler", name, list_scheduler_names())
    return getattr(diffusers, name)


def validate_scheduler(scheduler: SchedulerClass) -> None:
    """Refuse a scheduler whose noise cannot be seeded image by image.

    Raises:
        InputError: With the reason, and what to use instead.
    """
    if reason := explain_irreproducible(scheduler):
        raise InputError(
            f"Scheduler '{scheduler.__name__}' cannot be reproduced: {reason}. "
            "Use one whose step takes a generator or draws no noise, such as DDIMScheduler, "
            "DPMSolverMultistepScheduler or EulerAncestralDiscreteScheduler."
        )


def explain_irreproducible(scheduler: SchedulerClass) -> str | None:
    """Why a scheduler class cannot be reproduced; None if it can."""
    if scheduler.__name__ in BROWNIAN_SCHEDULERS:
        return "its noise comes from a Brownian tree, not from the image's own generator"
    # Without its optional library a class is a placeholder that raises on ordinary access.
    step = inspect.getattr_static(scheduler, "step", None)
    if step is None:
        return "it has no step"
    if "generator" in inspect.signature(step).parameters:
        return None
    # A scheduler has no attribute for whether its step draws noise, so its source is searched.
    if _DRAWS.search(inspect.getsource(step)):
        return "its step draws noise and takes no generator"
    return None


@contextmanager
def guard_random_state(device: str, name: str) -> Iterator[None]:
    """Fail if what runs inside draws from the process's random state instead of an image's generator.

    Raises:
        ModelError: The random state changed.
    """
    # Comparing the state before and after catches every draw, in whatever library it is made.
    before = _read_states(device)
    yield
    import torch

    if any(not torch.equal(a, b) for a, b in zip(before, _read_states(device), strict=True)):
        raise ModelError(
            f"{name} drew random numbers from the process's own state, not from the generator of each image: "
            "its images cannot be reproduced. Choose another scheduler, or seed every draw with the row's "
            "seed."
        )


def _read_states(device: str) -> list[torch.Tensor]:
    import torch

    states = [torch.get_rng_state()]
    if device.startswith("cuda"):
        states.append(torch.cuda.get_rng_state(device))
    return states
