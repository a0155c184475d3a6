"""Which of the 1000 classes a name may stand for: a wnid, words of WordNet, or a name given to CLIPs."""

from __future__ import annotations

from functools import cache

from imagenet_g.benchmark.classes import load_classes


def simplify_name(name: str) -> str:
    """A name without differences of case, of underscores and of spaces.

    >>> simplify_name("Great_white  shark, White shark")
    'great white shark, white shark'
    """
    return " ".join(name.replace("_", " ").casefold().split())


def find_classes(name: str) -> frozenset[int]:
    """The classes that a name may stand for; none where it names no class.

    >>> sorted(find_classes("crane")), sorted(find_classes("Construction crane")), sorted(find_classes("x"))
    ([134, 517], [517], [])
    """
    return _load_index().get(simplify_name(name), frozenset())


@cache
def _load_index() -> dict[str, frozenset[int]]:
    index: dict[str, set[int]] = {}
    for info in load_classes():
        for name in (info.wnid, info.lemmas, info.name, info.lemmas.partition(",")[0]):
            index.setdefault(simplify_name(name), set()).add(info.index)
    return {name: frozenset(indices) for name, indices in index.items()}
