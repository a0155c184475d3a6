"""File names from names of models and splits."""

from __future__ import annotations

import re

from imagenet_g.benchmark.identity import hash_bytes

MAX_LENGTH = 100


def make_slug(name: str) -> str:
    """A file name for a model or split: readable, never a path, different names never clash in practice.

    Letters, digits, dot, dash and underscore stay; a run of anything else becomes one dash. Where that loses
    something beyond the usual separators, or the name is long, a short hash of the whole name is added.

    Example:
        >>> make_slug("timm:resnet50.a1_in1k"), make_slug("v1/sd-l")
        ('timm-resnet50.a1_in1k', 'v1-sd-l')
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "unnamed"
    plain = re.fullmatch(r"[A-Za-z0-9._-]+(?:[:/][A-Za-z0-9._-]+)*", name) is not None
    if plain and len(slug) <= MAX_LENGTH:
        return slug
    return f"{slug[:MAX_LENGTH]}-{hash_bytes(name.encode())[:8]}"
