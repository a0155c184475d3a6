"""Prompts that a text encoder would cut: counted and reported, because a cut prompt gives another image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from imagenet_g.benchmark.records import Count, FileModel

if TYPE_CHECKING:
    from open_clip.tokenizer import SimpleTokenizer


class SharedPrompt(FileModel):
    """A prompt that images of several classes have."""

    prompt: str
    wnids: tuple[str, ...]


class PromptReport(FileModel):
    """How the prompts of a split fit the text encoder."""

    num_prompts: Count
    num_unique: Count
    token_limit: Count | None
    """Tokens the encoder keeps, start and end included; null if its tokenizer is unknown."""
    longest: Count | None
    """Tokens of the longest prompt; null if they were not counted."""
    num_over_limit: Count | None
    """Prompts (with repeats) that are cut; null if they were not counted."""
    examples: tuple[str, ...]
    """A few of them."""
    # Have defaults, because the first releases were made before this was counted.
    num_sharing: Count | None = None
    """Classes that have a prompt in common with another class; null if they were not counted."""
    shared: tuple[SharedPrompt, ...] = ()
    """A few of those prompts."""


def check_prompts(
    prompts: Sequence[str], *, limit: int | None, count_tokens: Callable[[Sequence[str]], list[int]] | None
) -> PromptReport:
    """Count the prompts whose tokens exceed a limit.

    Args:
        prompts: All prompts of a split, repeats included.
        limit: Tokens the encoder keeps.
        count_tokens: Token counts of unique prompts, start and end included; None where unknown.

    Example:
        >>> count_words = lambda prompts: [len(prompt.split()) for prompt in prompts]
        >>> report = check_prompts(["a red fox", "a fox", "a red fox"], limit=2, count_tokens=count_words)
        >>> report.num_unique, report.longest, report.num_over_limit, report.examples
        (2, 3, 2, ('a red fox',))
    """
    # A split repeats its prompts, and byte-pair encoding in Python is slow: each text is encoded once.
    unique = list(dict.fromkeys(prompts))
    if limit is None or count_tokens is None:
        # Null and not 0: a card must not claim that no prompt is cut where nobody counted.
        return PromptReport(num_prompts=len(prompts), num_unique=len(unique), token_limit=limit,
                            longest=None, num_over_limit=None, examples=())  # fmt: skip
    lengths = dict(zip(unique, count_tokens(unique), strict=True))
    over = [prompt for prompt in unique if lengths[prompt] > limit]
    return PromptReport(
        num_prompts=len(prompts),
        num_unique=len(unique),
        token_limit=limit,
        longest=max(lengths.values(), default=0),
        num_over_limit=sum(lengths[prompt] > limit for prompt in prompts),
        examples=tuple(over[:3]),
    )


def find_shared_prompts(prompts: Sequence[str], wnids: Sequence[str]) -> tuple[SharedPrompt, ...]:
    """Prompts that images of more than one class have, in their own order.

    Args:
        prompts: All prompts of a split, repeats included.
        wnids: The class of each.

    Example:
        >>> find_shared_prompts(["a crane", "a fox", "a crane"], ["n02012849", "n02119022", "n03126707"])
        (SharedPrompt(prompt='a crane', wnids=('n02012849', 'n03126707')),)
    """
    classes: dict[str, dict[str, None]] = {}
    for prompt, wnid in zip(prompts, wnids, strict=True):
        classes.setdefault(prompt, {})[wnid] = None
    return tuple(SharedPrompt(prompt=p, wnids=tuple(found)) for p, found in classes.items() if len(found) > 1)


def count_clip_tokens(prompts: Iterable[str]) -> list[int]:
    """Tokens of CLIP's byte-pair encoding, start and end included.

    All of Stable Diffusion's CLIP encoders share it, so no weights are needed to count.
    """
    tokenizer = _load_tokenizer()
    # `encode` leaves the start and end tokens out; they take two of the encoder's 77 places.
    return [len(tokenizer.encode(prompt)) + 2 for prompt in prompts]


def keep_clip_text(prompt: str, limit: int) -> str:
    """The whole words of a prompt that a CLIP text encoder keeps, in lower case as CLIP reads them.

    Args:
        prompt: Any text.
        limit: Tokens that the encoder keeps, start and end included.

    Example:
        >>> keep_clip_text("A photo of a Tench", 77), keep_clip_text("A photo of a Tench", 6)
        ('a photo of a tench', 'a photo of a')
    """
    tokenizer = _load_tokenizer()
    tokens = tokenizer.encode(prompt)
    text: str = tokenizer.decode(tokens[: max(0, limit - 2)])
    # A word has a blank behind its last token. Without one it is a part of a word, which may read as another.
    return text.rstrip() if text.endswith(" ") else text.rpartition(" ")[0].rstrip()


@cache
def _load_tokenizer() -> SimpleTokenizer:
    # Imported late, because open_clip imports torch, which takes seconds. Kept, because it reads its
    # vocabulary for a third of a second, and a split may have many prompts that are cut.
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()
