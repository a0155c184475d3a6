"""What is known of a model before its weights are: its size, its input, its tag, its published accuracy.

A library's row names the function that gives the facts of its models; published figures add to them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from imagenet_g.benchmark.naming.libraries import call_function, find_library
from imagenet_g.benchmark.naming.published import load_published_models
from imagenet_g.benchmark.naming.specs import parse_model_spec

Range = tuple[float, float]
"""The smallest and the largest value that a figure may have; equal where it is known exactly."""
UNKNOWN: Range = (float("-inf"), float("inf"))
_ROUNDED = 0.0051e6
"""Published figures are millions with two decimals; a little more than half of the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model without its weights.

    Attributes:
        library: Scheme of its library.
        name: Its spec without the scheme.
        architecture: The name without its tag; empty for unknown.
        tag: Which weights, in the library's words; may be empty.
        num_parameters: Of all its parts.
        input_size: The shorter side of its input in px.
        top1: Published accuracy on ImageNet-val, a fraction.
    """

    library: str
    name: str
    architecture: str = ""
    tag: str = ""
    num_parameters: Range = UNKNOWN
    input_size: Range = UNKNOWN
    top1: Range = UNKNOWN


def load_facts(spec: str, *, count: bool = False) -> ModelFacts:
    """The facts of a model.

    Args:
        spec: In full, such as "timm:resnet50.a1_in1k".
        count: Build the model without weights where its size is not known exactly; takes up to a second.

    Raises:
        ModelError: The code of the library fails.

    Example:
        >>> facts = load_facts("torchvision:resnet50/IMAGENET1K_V2")
        >>> facts.tag, facts.input_size, facts.num_parameters
        ('IMAGENET1K_V2', (224, 224), (25557032, 25557032))
    """
    library = find_library(parse_model_spec(spec).scheme)
    name = spec.partition(":")[2]
    facts = ModelFacts(library=library.scheme, name=name)
    if library.facts is not None:
        facts = call_function(library, library.facts, name, count=count)
    published = load_published_models().get(spec)
    if published is None:
        return facts
    size = facts.num_parameters
    if size == UNKNOWN:
        millions = published.params_m * 1e6
        size = (millions - _ROUNDED, millions + _ROUNDED)
    return replace(facts, num_parameters=size, top1=make_exact(published.top1))


def make_exact(value: float | None) -> Range:
    """The range of a known value; of None, the one of an unknown value.

    >>> make_exact(224), make_exact(None)
    ((224, 224), (-inf, inf))
    """
    return UNKNOWN if value is None else (value, value)
