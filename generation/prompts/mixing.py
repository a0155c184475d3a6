"""Prompts of one recipe, or of several in the proportion of their shares.

A mix is a cycle as long as the sum of its shares, in which the images of a part lie as evenly as they can.
Image `index` of class `class_index` takes place `class_index + index` of the cycle, so that a remainder does
not fall on the same part in every class, and more images a class never change the first ones.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

from imagenet_g.generation.prompts.recipes import make_prompts
from imagenet_g.generation.specs.inputs import MixedPromptSpec, PromptSpec


def list_parts(spec: PromptSpec | MixedPromptSpec) -> tuple[PromptSpec, ...]:
    """The recipes that prompts follow: the only one, or the parts of a mix."""
    return spec.parts if isinstance(spec, MixedPromptSpec) else (spec,)


def make_mixed_prompts(spec: PromptSpec | MixedPromptSpec, class_index: int, count: int) -> list[str]:
    """Prompts of the first `count` images of a class, in index order.

    Raises:
        ImagenetGError: As `make_prompts`.

    Example:
        >>> part = {"class_names": "open_clip"}
        >>> parts = [part | {"recipe": "c", "share": 2}, part | {"recipe": "multiple"}]
        >>> mix = MixedPromptSpec.model_validate({"recipe": "mixed", "parts": parts})
        >>> make_mixed_prompts(mix, class_index=0, count=3)
        ['tench', 'a photo of multiple tench, cyprinid', 'tench']
    """
    if isinstance(spec, PromptSpec):
        return make_prompts(spec, class_index, count)
    numbers = [choose_part(spec, class_index, index) for index in range(count)]
    # Each part counts its own images: with patterns or scenes it takes them in turn, and skips none.
    wanted = Counter(numbers)
    made = {number: iter(make_prompts(spec.parts[number], class_index, wanted[number])) for number in wanted}
    return [next(made[number]) for number in numbers]


def choose_part(spec: MixedPromptSpec, class_index: int, index: int) -> int:
    """The number of the part that image `index` of a class has its prompt from."""
    cycle = make_cycle(tuple(part.share for part in spec.parts))
    return cycle[(class_index + index) % len(cycle)]


@cache
def make_cycle(shares: tuple[int, ...]) -> tuple[int, ...]:
    """Part numbers, each as often as its share, spread out.

    Example:
        >>> make_cycle((1, 1, 1)), make_cycle((3, 1))
        ((0, 1, 2), (0, 0, 1, 0))
    """
    total, owed, cycle = sum(shares), [0] * len(shares), []
    # Smooth weighted round-robin: a run of one part at the head of every class would give small classes that
    # part alone.
    for _ in range(total):
        owed = [held + share for held, share in zip(owed, shares, strict=True)]
        chosen = owed.index(max(owed))
        owed[chosen] -= total
        cycle.append(chosen)
    return tuple(cycle)


def name_prompt_recipe(spec: PromptSpec | MixedPromptSpec, class_index: int, index: int) -> str:
    """What the column `recipe` says of one image: its template, or the name of its recipe."""
    part = spec if isinstance(spec, PromptSpec) else spec.parts[choose_part(spec, class_index, index)]
    return part.template or part.recipe
