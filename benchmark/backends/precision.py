"""Low precision everywhere but in the head: the last products of a model stay in float32.

bfloat16 keeps 8 bits. Logits rounded to them are tied for many images, and the order of the classes decides;
logits from a float32 product of low-precision features are not. Two steps, for a model of any library:

* `lower_precision` runs the float32 model once, follows its operations from the logits back to the last
  products (one for each branch: a distilled model has two), and converts every weight but theirs.
* `Float32Head` is active while the lowered model runs. An operation that uses such a weight, or anything
  computed from one, gets its other operands in float32 as well. So a pooling, a mean of two heads or a class
  map behind the head is in float32, too.

Why not the alternatives: `torch.autocast` rounds the operands of every product, the head's among them. Hooks
on modules would need the name of the head, which libraries give differently, and would not see a head that is
no module, such as `features @ self.prototypes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import torch
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

_PRODUCTS = frozenset(
    {"mm", "addmm", "bmm", "baddbmm", "addbmm", "mv", "addmv", "dot", "vdot", "matmul", "linear",
     "mkldnn_linear", "_addmm_activation", "_scaled_mm", "_trilinear", "convolution", "_convolution",
     "convolution_overrideable", "mkldnn_convolution", "cudnn_convolution", "_slow_conv2d_forward",
     "_cdist_forward", "_euclidean_dist", "embedding", "_embedding_bag", "_native_multi_head_attention",
     "_transformer_encoder_layer_fwd", "scaled_dot_product_attention", "_scaled_dot_product_attention_math",
     "_scaled_dot_product_flash_attention", "_scaled_dot_product_flash_attention_for_cpu",
     "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention", "lstm", "gru",
     "mkldnn_rnn_layer", "_cudnn_rnn", "_thnn_fused_lstm_cell", "_thnn_fused_gru_cell"}
)  # fmt: skip
"""Operations of ATen that sum products of their operands, and those that hold such a sum."""
_OWN_OPERATIONS = ("aten", "prims")


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One operation on something that depends on the image.

    Attributes:
        is_product: Whether rounding happens in a sum of products.
        parents: The steps that made its operands.
        weights: The weights among its operands, or that its constant operands were computed from.
    """

    is_product: bool = False
    parents: tuple[_Step, ...] = ()
    weights: tuple[torch.Tensor, ...] = ()


@dataclass(slots=True)
class _Values:
    """What is known of each tensor while it lives: the step that made it, or the weights it comes from."""

    steps: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)
    weights: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down which operation made which tensor, from the image on."""

    def __init__(self, weights: Sequence[torch.Tensor], image: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values = _Values()
        self.values.steps[image] = _Step()
        for weight in weights:
            self.values.weights[weight] = (weight,)

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        operands = list(_list_tensors((args, tuple(kwargs.values()))))
        # Before the call: an operation in place gives an operand a new maker.
        parents = [self.values.steps[operand] for operand in operands if operand in self.values.steps]
        constants = [operand for operand in operands if operand in self.values.weights]
        weights = [weight for operand in constants for weight in self.values.weights[operand]]
        made = func(*args, **kwargs)
        for tensor in _list_tensors(made):
            if parents:
                self.values.steps[tensor] = _Step(_is_product(func, weights), tuple(parents), tuple(weights))
            elif weights:
                self.values.weights[tensor] = tuple(weights)
        return made


class Float32Head(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While active, whatever is computed from the given weights is computed in float32.

    Args:
        weights: float32 tensors that a model computes with.

    Example:
        >>> head = torch.full((2, 1), 1 / 3)
        >>> features = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16)
        >>> with Float32Head([head]):
        ...     (features @ head).dtype, (features * 2).dtype
        (torch.float32, torch.bfloat16)
    """

    def __init__(self, weights: Sequence[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._precise = WeakIdKeyDictionary()
        for weight in weights:
            self._precise[weight] = True

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: object,
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if not any(tensor in self._precise for tensor in _list_tensors((args, tuple(kwargs.values())))):
            return func(*args, **kwargs)
        # A copy in float32 would not receive what an operation writes into its operand.
        if not func._schema.is_mutable:
            args = tuple(_map_tensors(_raise_precision, value) for value in args)
            kwargs = {name: _map_tensors(_raise_precision, value) for name, value in kwargs.items()}
        made = func(*args, **kwargs)
        for tensor in _list_tensors(made):
            # A model that rounds its logits itself is left to do so; the run records their type.
            if tensor.dtype == torch.float32:
                self._precise[tensor] = True
        return made


_HEADS: WeakKeyDictionary[torch.nn.Module, frozenset[str]] = WeakKeyDictionary()
"""Names of the head's weights of each lowered model; a model may keep other weights in float32 itself."""


def lower_precision(
    module: torch.nn.Module, dtype: torch.dtype, input_size_px: tuple[int, int]
) -> torch.nn.Module:
    """Convert a model in place, all but the weights of its last products.

    Args:
        module: In evaluation mode, on the CPU and in float32; or lowered before, which changes nothing.
        dtype: float32 leaves the module as it is.
        input_size_px: Height and width of an input, for one run of the model.

    Example:
        >>> two = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.Flatten(), torch.nn.Linear(4, 5))
        >>> [weight.dtype for weight in lower_precision(two, torch.bfloat16, (2, 2)).parameters()][1:3]
        [torch.bfloat16, torch.float32]
    """
    if dtype == torch.float32 or module in _HEADS:
        return module
    found = {id(tensor) for tensor in find_head(module, input_size_px)}
    _HEADS[module] = frozenset(name for name, tensor in _name_weights(module) if id(tensor) in found)

    def convert(tensor: torch.Tensor) -> torch.Tensor:
        return tensor.to(dtype) if tensor.is_floating_point() and id(tensor) not in found else tensor

    # What `Module.to` does for all tensors of a model; shared ones stay shared.
    module._apply(convert)  # type: ignore[no-untyped-call]
    return module


def list_head_weights(module: torch.nn.Module) -> list[torch.Tensor]:
    """The weights of a lowered model that stayed in float32; empty for any other model."""
    head = _HEADS.get(module, frozenset())
    return [tensor for name, tensor in _name_weights(module) if name in head]


def hold_head(module: torch.nn.Module) -> AbstractContextManager[object]:
    """While it is active, the head of a lowered model computes in float32; nothing for any other model."""
    head = list_head_weights(module)
    # Without a head nothing is to be raised, and every operation would pay for the look.
    return Float32Head(head) if head else nullcontext()


def find_head(module: torch.nn.Module, input_size_px: tuple[int, int]) -> list[torch.Tensor]:
    """The weights of a model's last products and of all that follows them; empty where there is no product.

    Example:
        >>> body, head = torch.nn.Linear(2, 3, bias=False), torch.nn.Linear(3, 4, bias=False)
        >>> weights = find_head(torch.nn.Sequential(body, torch.nn.ReLU(), head), (2, 2))
        >>> [weight is head.weight for weight in weights]
        [True]
    """
    noise = torch.randn(1, 3, *input_size_px, generator=torch.Generator().manual_seed(0))
    tracer = _Tracer([tensor for _, tensor in _name_weights(module)], noise)
    try:
        with torch.no_grad(), tracer:
            logits = module(noise)
    except Exception:
        # A user's model may be made in a way that cannot be followed; the run then says that its logits are
        # in low precision. A model that cannot run at all fails at its first batch, by name.
        return []
    known = isinstance(logits, torch.Tensor) and logits in tracer.values.steps
    return _collect_weights(tracer.values.steps[logits]) if known else []


def _collect_weights(end: _Step) -> list[torch.Tensor]:
    """Weights from the logits back to the first product on each branch."""
    found: dict[int, torch.Tensor] = {}
    waiting, seen, products = [end], {id(end)}, 0
    while waiting:
        step = waiting.pop()
        products += step.is_product
        weights = (*step.weights, *_find_scales(step)) if step.is_product else step.weights
        found |= {id(weight): weight for weight in weights}
        parents = () if step.is_product else step.parents
        waiting += [parent for parent in parents if id(parent) not in seen]
        seen |= {id(parent) for parent in parents}
    return list(found.values()) if products else []


def _find_scales(product: _Step) -> Iterator[torch.Tensor]:
    """Learned scales that multiply the operands of a product: CLIP's is `scale * features @ head`."""
    for parent in product.parents:
        step = parent
        # Where two branches meet, a scale belongs to a block of the body and no longer to the head.
        while not step.is_product and all(weight.numel() == 1 for weight in step.weights):
            yield from step.weights
            if len(step.parents) != 1:
                break
            (step,) = step.parents


def _is_product(func: OpOverload, weights: Sequence[torch.Tensor]) -> bool:
    if func.namespace not in _OWN_OPERATIONS:
        # An operation of another library that uses weights: what it does with them is unknown.
        return bool(weights)
    return func._schema.name.partition("::")[2] in _PRODUCTS


def _name_weights(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _raise_precision(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def _list_tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _list_tensors(part)


def _map_tensors(change: Callable[[torch.Tensor], torch.Tensor], value: object) -> object:
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)(_map_tensors(change, part) for part in value)
    return value
