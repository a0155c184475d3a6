"""What a typed model name resolves to, and how names are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.naming.specs import ModelSpec

SEARCH_HINT = "'imagenet-g models PATTERN' searches the names."


@dataclass(frozen=True, slots=True)
class ResolvedName:
    """What a typed name resolves to.

    Attributes:
        name: The library's own full name.
        alternatives: Other names it may stand for, full, most likely first.
        reason: Why this one, half a sentence; empty when the name was typed in full.
    """

    name: str
    alternatives: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedSpec:
    """A model spec in full.

    Attributes:
        spec: The spec that will be loaded.
        alternatives: Other specs the typed one may stand for.
        reason: Why this one, half a sentence; empty when it was typed in full.
    """

    spec: ModelSpec
    alternatives: tuple[str, ...] = ()
    reason: str = ""

    def format_choice(self, requested: str, *, limit: int = 6) -> str:
        """One line with the choice and its alternatives; empty when the name was typed in full.

        Example:
            >>> resolved = ResolvedSpec(ModelSpec("timm", "vgg16.tv_in1k", None), (), "timm's default")
            >>> resolved.format_choice("timm:vgg16")
            "'timm:vgg16' resolves to 'timm:vgg16.tv_in1k' (timm's default)."
        """
        if not self.reason:
            return ""
        shown = ", ".join(self.alternatives[:limit])
        more = f" and {len(self.alternatives) - limit} more" if len(self.alternatives) > limit else ""
        others = f" Others: {shown}{more}." if shown else ""
        return f"'{requested}' resolves to '{self.spec}' ({self.reason}).{others}"


def match_loosely(name: str, known: Sequence[str] | Mapping[str, object]) -> str | None:
    """The known name that is the same but for case and punctuation, if there is exactly one.

    >>> match_loosely("ResNet-50", ["resnet50", "resnet101"])
    'resnet50'
    """
    if name in known:
        return name
    # Only a single match counts: a name that fits two must be typed in full.
    matches = [candidate for candidate in known if _simplify(candidate) == _simplify(name)]
    return matches[0] if len(matches) == 1 else None


def format_no_weights(spec: str) -> str:
    """The message about an architecture without pretrained weights."""
    return (
        f"'{spec}' has no pretrained weights. Give your own with --checkpoint FILE, or choose another model: "
        f"{SEARCH_HINT}"
    )


def _simplify(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())
