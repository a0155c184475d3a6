"""Which prompts a zero-shot head is made from: templates and class names, shipped or the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import open_clip

from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.records import ZeroShot
from imagenet_g.benchmark.texts.own_texts import (
    SLOT,
    TEMPLATE_SETS,
    check_template_choice,
    load_own_class_names,
    load_own_templates,
)

SINGLE_TEMPLATE = "a photo of a {}."


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """What is said of each class.

    Attributes:
        name: Of the templates: one of `TEMPLATE_SETS`, or "own-" and the start of their hash.
        templates: Texts with one `{}` each.
        class_names: 1000 names in index order.
        class_names_label: "own-" and the start of their hash for names of the user's own; None for
            open_clip's.
    """

    name: str
    templates: tuple[str, ...]
    class_names: tuple[str, ...]
    class_names_label: str | None = None

    def describe(self) -> ZeroShot:
        """The record of these prompts."""
        return ZeroShot(
            templates=self.name,
            num_templates=len(self.templates),
            templates_sha256=hash_lines(self.templates),
            class_names_sha256=hash_lines(self.class_names),
            class_names=self.class_names_label,
        )


def load_prompts(templates: str, class_names: Path | None = None) -> PromptSet:
    """The prompts that a user asked for.

    Args:
        templates: One of `TEMPLATE_SETS`, or the path of a file with one template a line.
        class_names: A file with the names of the 1000 classes; None for open_clip's names.

    Raises:
        UnknownNameError: There is neither such a set nor such a file.
        InputError: A file is malformed.
    """
    texts = load_templates(templates)
    names = load_class_names() if class_names is None else load_own_class_names(class_names)
    return PromptSet(
        name=_name_templates(texts),
        templates=texts,
        class_names=names,
        # By content: a file with the usual names is the usual head, and its answers are kept already.
        class_names_label=None if names == load_class_names() else _label_own(names),
    )


def load_class_names() -> tuple[str, ...]:
    """open_clip's 1000 class names for prompts, in index order."""
    return tuple(open_clip.IMAGENET_CLASSNAMES)


def load_templates(name: str) -> tuple[str, ...]:
    """Prompts with `{}` where the class name goes.

    Args:
        name: "openai-80" (open_clip's, the 80 of the CLIP paper) or "single", or the path of a file.

    Raises:
        UnknownNameError: There is neither such a set nor such a file.
        InputError: The file is malformed.

    Example:
        >>> load_templates("single"), len(load_templates("openai-80"))
        (('a photo of a {}.',), 80)
    """
    if name == "single":
        return (SINGLE_TEMPLATE,)
    if name == "openai-80":
        return tuple(template(SLOT) for template in open_clip.OPENAI_IMAGENET_TEMPLATES)
    check_template_choice(name)
    return load_own_templates(Path(name))


def _name_templates(texts: tuple[str, ...]) -> str:
    shipped = (name for name in TEMPLATE_SETS if load_templates(name) == texts)
    return next(shipped, None) or _label_own(texts)


def _label_own(texts: tuple[str, ...]) -> str:
    # No file name: it says nothing of the content, and may be private.
    return f"own-{hash_lines(texts)[:8]}"
