"""The types of what `imagenet_g.evaluate` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from imagenet_g.benchmark.api.arguments import AnyPath

if TYPE_CHECKING:
    import torch

Model: TypeAlias = "str | Sequence[str] | torch.nn.Module | Callable[[torch.Tensor], object]"


class EvaluateOptions(TypedDict, total=False):
    """Further options of `evaluate`; each is the option of that name of `imagenet-g evaluate`."""

    checkpoint: AnyPath
    checkpoint_key: str
    class_map: AnyPath | Sequence[str]
    templates: AnyPath | Sequence[str]
    class_names: AnyPath | Sequence[str]
    unfiltered_reference: bool
    sets: Sequence[AnyPath]
    limit: int
    skip_unreadable: bool
    stream: bool
    training_data: str
    trained_until: str
    trained_on_generated: Sequence[str]
    device: str
    batch_size: int
    workers: int
    backend: str
    feeding: str
    compile: bool
    dtype: str
    devices: str
    engine: str
    address: str
    actors: int
    cpus_per_actor: float
    keep_features: bool
    track: str
    cache: AnyPath
