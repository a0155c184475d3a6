"""The style of a composite by the words of its prompt; the table is `data/composites/styles.toml`."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from imagenet_g.benchmark.records import FileModel


class StyleSpec(FileModel):
    """One style: the words that select it, and its changes to the image."""

    name: str
    words: tuple[tuple[str, ...], ...]
    """Groups of words; a prompt that contains all words of any group selects the style."""
    scale: tuple[float, float] = (0.62, 0.92)
    """Longer side of the object as a share of the image's side, lowest and highest."""
    copies: tuple[int, int] = (1, 1)
    scene: Literal["any", "paper", "skin", "bricks", "cloth"] = "any"
    finishes: tuple[str, ...] = ()
    """Names in `finishes.FINISHES`, applied in this order."""


@cache
def load_styles() -> tuple[StyleSpec, ...]:
    """Every style, in the order they are tried; the last one has no words."""
    text = (files("imagenet_g.generation.data") / "composites" / "styles.toml").read_text(encoding="utf-8")
    return tuple(StyleSpec.model_validate(row) for row in tomllib.loads(text)["styles"])


def find_style(prompt: str, class_name: str) -> StyleSpec:
    """The style that a prompt selects; words of the class's name do not count.

    Args:
        prompt: Any text.
        class_name: What the class is called in it.

    Example:
        >>> find_style("a sketch of a goldfish.", "goldfish").name
        'sketch'
        >>> find_style("a photo of the small white butterfly.", "small white butterfly").name
        'plain'
    """
    # Otherwise every prompt for the class "small white butterfly" would select the style "small".
    words = re.sub(re.escape(class_name), " ", prompt, flags=re.IGNORECASE).lower()
    styles = load_styles()
    return next((style for style in styles if _is_asked(style, words)), styles[-1])


def _is_asked(style: StyleSpec, words: str) -> bool:
    return any(all(_has_word(word, words) for word in group) for group in style.words)


def _has_word(word: str, text: str) -> bool:
    # Whole words only: "art of" must not be found in "part of".
    return re.search(rf"(?<![a-z]){re.escape(word)}(?![a-z])", text) is not None
