"""What is wrong with the prompts of a plan: one check for the dry run, the build and the release.

A prompt that is cut, and two classes with one prompt, are warnings. A prompt whose class name is cut is
refused: the image would have a label that its generator never read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.captions.names import names_class, split_words
from imagenet_g.generation.prompts.mixing import list_parts
from imagenet_g.generation.prompts.recipes import ClassNames, make_class_name
from imagenet_g.generation.prompts.token_limit import (
    PromptReport,
    check_prompts,
    count_clip_tokens,
    find_shared_prompts,
    keep_clip_text,
)
from imagenet_g.generation.specs.generator import GeneratorSpec
from imagenet_g.generation.specs.inputs import CaptionPromptSpec
from imagenet_g.generation.specs.version import SplitSpec

MAX_SHARED = 3


def report_prompts(
    split: SplitSpec, generator: GeneratorSpec, prompts: Sequence[str | None], labels: Sequence[int]
) -> PromptReport | None:
    """How the prompts of a split fit its text encoder and its classes; None for splits without prompts.

    Args:
        split: The split.
        generator: What renders it.
        prompts: Of every image.
        labels: Class index of every image.
    """
    if split.prompts is None:
        return None
    given = [(prompt, label) for prompt, label in zip(prompts, labels, strict=True) if prompt is not None]
    texts = [prompt for prompt, _ in given]
    report = check_prompts(texts, limit=generator.token_limit, count_tokens=count_clip_tokens)
    classes = load_classes()
    shared = find_shared_prompts(texts, [classes[label].wnid for _, label in given])
    sharing = {wnid for one in shared for wnid in one.wnids}
    return report.model_copy(update={"num_sharing": len(sharing), "shared": shared[:MAX_SHARED]})


def refuse_lost_classes(
    name: str,
    split: SplitSpec,
    generator: GeneratorSpec,
    prompts: Sequence[str | None],
    labels: Sequence[int],
) -> None:
    """Refuse prompts whose class name stands behind the text encoder's limit.

    Args:
        name: The split's, for the message.
        split: The split.
        generator: What renders it.
        prompts: Of every image.
        labels: Class index of every image.

    Raises:
        InputError: There are such prompts; the message has their number, the first one and its class.
    """
    limit = generator.token_limit
    # A second encoder (T5) reads what CLIP cuts: the image is of the class all the same.
    if split.prompts is None or limit is None or generator.has_longer_encoder:
        return
    pairs = [(prompt, label) for prompt, label in zip(prompts, labels, strict=True) if prompt is not None]
    unique = list(dict.fromkeys(pairs))
    lengths = count_clip_tokens([prompt for prompt, _ in unique])
    lost = {
        pair: length
        for pair, length in zip(unique, lengths, strict=True)
        if length > limit and loses_class(*pair, limit=limit, names=list_naming(split))
    }
    if not lost:
        return
    (prompt, label), length = next(iter(lost.items()))
    info = load_classes()[label]
    raise InputError(
        f"Split '{name}': {sum(pair in lost for pair in pairs)} of {len(pairs)} prompts name their class "
        f"behind the {limit} tokens that the text encoder keeps: the images would not show it. The first "
        f"is of {info.wnid} ({info.name}), of {length} tokens: '{prompt}'. Shorten the prompts, or name "
        "the class first."
    )


def list_naming(split: SplitSpec) -> tuple[ClassNames, ...]:
    """How the prompts of a split name a class; captions may use any of its names."""
    if split.prompts is None or isinstance(split.prompts, CaptionPromptSpec):
        return ("open_clip", "lemmas")
    return tuple(dict.fromkeys(part.class_names for part in list_parts(split.prompts)))


def loses_class(prompt: str, class_index: int, *, limit: int, names: Sequence[ClassNames]) -> bool:
    """Whether a prompt names its class, and the part of it that CLIP keeps does not.

    Args:
        prompt: Any text.
        class_index: 0..999.
        limit: Tokens that the text encoder keeps, start and end included.
        names: How prompts name a class; any of them counts.

    Example:
        >>> loses_class("of soft light, a tench", 0, limit=7, names=["open_clip"])
        True
        >>> loses_class("a tench of soft light", 0, limit=7, names=["open_clip"])
        False
    """
    kept = keep_clip_text(prompt, limit)
    return any(_names(prompt, class_index, name) for name in names) and not any(
        _names(kept, class_index, name) for name in names
    )


def _names(text: str, class_index: int, names: ClassNames) -> bool:
    if names_class(text, class_index, names):
        return True
    # Inside a longer name of another class, where a template may put it, `names_class` does not count it.
    words = split_words(text)
    name = split_words(make_class_name(load_classes()[class_index], names))
    return any(words[start : start + len(name)] == name for start in range(len(words) - len(name) + 1))


def list_prompt_warnings(report: PromptReport | None, generator: GeneratorSpec) -> list[str]:
    """What whoever builds a split must know about its prompts, as sentences without a full stop."""
    found = _list_fixed_cuts(generator)
    if report is None:
        return found
    if report.num_over_limit is None and generator.has_text_encoder:
        found.append("whether the text encoder cuts prompts is unknown (no clip_token_limit)")
    if report.num_over_limit:
        found.append(
            f"{report.num_over_limit} of {report.num_prompts} images have a prompt of more than the "
            f"{report.token_limit} tokens that the text encoder accepts; the rest is cut, as in "
            f"'{report.examples[0]}'"
        )
    if report.num_sharing:
        found.append(format_sharing(report))
    return found


def format_sharing(report: PromptReport, quote: Callable[[str], str] = "'{}'".format) -> str:
    """How many classes share a prompt with another one, with the first pair.

    Example:
        >>> from imagenet_g.generation.prompts.token_limit import SharedPrompt
        >>> first = SharedPrompt(prompt="a crane", wnids=("n02012849", "n03126707"))
        >>> report = PromptReport(num_prompts=2, num_unique=1, token_limit=None, longest=None,
        ...                       num_over_limit=None, examples=(), num_sharing=2, shared=(first,))
        >>> text = format_sharing(report)
        >>> text[:64], text[-9:]
        ('2 classes share a prompt with another, such as n02012849 (crane ', "'a crane'")
    """
    first = report.shared[0]
    names = {info.wnid: info.name for info in load_classes()}
    pair = " and ".join(f"{wnid} ({names[wnid]})" for wnid in first.wnids[:2])
    return f"{report.num_sharing} classes share a prompt with another, such as {pair}: {quote(first.prompt)}"


def _list_fixed_cuts(generator: GeneratorSpec) -> list[str]:
    limit = generator.token_limit
    if limit is None or generator.has_longer_encoder:
        return []
    texts = generator.fixed_texts
    lengths = count_clip_tokens(texts.values())
    return [
        f"{name} has {length} tokens and the text encoder accepts {limit}; the rest is cut"
        for name, length in zip(texts, lengths, strict=True)
        if length > limit
    ]
