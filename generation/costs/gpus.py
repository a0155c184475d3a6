"""GPUs by name: what a driver, a paper and a person call one and the same card."""

from __future__ import annotations

import re

from imagenet_g.benchmark.errors import InputError

MAX_NAME = 80
# Makers, and what one card is sold with: none of it changes its speed by as much as the estimates are off.
_LEFT_OUT = re.compile(
    r"\b(nvidia|geforce|tesla|quadro|amd|instinct|generation|gpu|sxm\d?|hbm\de?|\d+ ?gi?b|"
    # Of cards with a letter of their own, which no other cards have.
    r"rtx(?= a\d))\b"
)


def name_gpu(name: str) -> str:
    """The short name of a GPU, in lower case.

    PCIe and NVL cards keep that word, because they are slower than those with the other connector.

    Raises:
        InputError: Not one line of text of at most 80 characters.

    Example:
        >>> name_gpu("NVIDIA A100-SXM4-80GB"), name_gpu("NVIDIA H100 80GB HBM3"), name_gpu("RTX A5000")
        ('a100', 'h100', 'a5000')
        >>> name_gpu("Tesla T4"), name_gpu("NVIDIA H100 NVL"), name_gpu("NVIDIA GeForce RTX 4090")
        ('t4', 'h100 nvl', 'rtx 4090')
    """
    if not name.strip() or not name.isprintable() or len(name) > MAX_NAME:
        raise InputError("A GPU's name is one line of at most 80 characters, such as --gpu A100.")
    words = _LEFT_OUT.sub(" ", re.sub(r"[-_]", " ", name.lower()))
    # A name of nothing but left-out words stays as it is.
    return " ".join(words.split()) or name.strip().lower()
