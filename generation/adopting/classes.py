"""From the words that a source names its classes by to the 1000 classes; nothing is guessed in silence.

Words may be wnids, class names or numbers. A number says nothing without an order, so that one must be asked
for. Two words for one class are refused, since they are most often one class that was copied twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import InputError, format_near_names, shorten
from imagenet_g.benchmark.images.class_numbers import parse_class_number
from imagenet_g.benchmark.splits.real_set_files import simplify_name
from imagenet_g.generation.adopting.listing import MAX_SHOWN, Listing

Kind = Literal["wnid", "name", "number", "map"]


@dataclass(frozen=True, slots=True)
class ClassOrder:
    """What class numbers mean.

    Attributes:
        name: "sorted", "sorted-from-1", or the name of a file.
        first: The number of the first class.
        indices: The class index of each number, in order.
    """

    name: str
    first: int
    indices: tuple[int, ...]


SORTED = ClassOrder("sorted", 0, tuple(range(NUM_CLASSES)))
SORTED_FROM_1 = ClassOrder("sorted-from-1", 1, tuple(range(NUM_CLASSES)))
BUILT_IN_ORDERS = {order.name: order for order in (SORTED, SORTED_FROM_1)}


@dataclass(frozen=True, slots=True)
class ReadClasses:
    """What the words of a source mean.

    Attributes:
        kind: What they are.
        indices: Class indices by word: the label, then other right answers.
        order: For numbers, the name of their order.
    """

    kind: Kind
    indices: Mapping[str, tuple[int, ...]]
    order: str | None = None


def read_classes(
    tokens: Iterable[str],
    *,
    kind: Kind | None = None,
    order: ClassOrder | None = None,
    mapped: Mapping[str, tuple[int, ...]] | None = None,
) -> ReadClasses:
    """The class of each word.

    Args:
        tokens: The words, repeats allowed.
        kind: What they are; None to see by the words themselves.
        order: What numbers mean.
        mapped: Class indices by word, from a map; every word must be in it.

    Raises:
        InputError: A word is no class, could be several, or two words are one class; numbers have no order.

    Example:
        >>> read_classes(["tench", "great_white_shark"]).indices
        {'tench': (0,), 'great_white_shark': (2,)}
        >>> read_classes(["0", "2"], order=SORTED_FROM_1)
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: Class number '0' is outside 1..1000 of the order
        'sorted-from-1'.
    """
    words = list(dict.fromkeys(tokens))
    if mapped is not None:
        return ReadClasses("map", _read_mapped(words, mapped))
    _refuse_cases(words)
    kind = kind or _find_kind(words)
    if kind == "number" and order is None:
        raise InputError(_format_order_question(words))
    if kind != "number" and order is not None:
        raise InputError(
            f"--order is for class numbers, and '{shorten(words[0])}' is none. Omit --order, or give "
            "--class-map FILE."
        )
    indices = {word: _find_class(word, kind, order) for word in words}
    _refuse_doubles(indices)
    found = {word: (index,) for word, index in indices.items()}
    return ReadClasses(kind, found, order.name if order is not None else None)


def _find_kind(words: Sequence[str]) -> Kind:
    known = load_index_by_wnid()
    # One is enough: a mistyped wnid must be reported as such, and not turn all into names.
    if any(word in known for word in words):
        return "wnid"
    # `isdecimal` alone takes the digits of every script.
    return "number" if all(word.isascii() and word.isdecimal() for word in words) else "name"


def _find_class(word: str, kind: Kind, order: ClassOrder | None) -> int:
    if kind == "wnid":
        return _find_wnid(word)
    if order is not None:
        return _find_number(word, order)
    return _find_name(word)


def _find_wnid(word: str) -> int:
    known = load_index_by_wnid()
    if word in known:
        return known[word]
    lower = word.lower()
    hint = f" Did you mean '{lower}'?" if lower in known else " Take it out, or give --class-map FILE."
    raise InputError(f"'{shorten(word)}' is not a wnid of ImageNet's 1000 classes.{hint}")


def _find_number(word: str, order: ClassOrder) -> int:
    # One more class than there are, since numbers may count from 1.
    number = parse_class_number(word, 0) if word != str(NUM_CLASSES) else NUM_CLASSES
    last = order.first + len(order.indices) - 1
    if number is None or not order.first <= number <= last:
        raise InputError(
            f"Class number '{shorten(word)}' is outside {order.first}..{last} of the order '{order.name}'."
        )
    return order.indices[number - order.first]


@cache
def index_names() -> dict[str, tuple[int, ...]]:
    """Class indices by simplified name: display names first, WordNet's lemmas where no display name is equal.

    Example:
        >>> index_names()["tincatinca"], index_names()["crane"]
        ((0,), (134, 517))
    """
    shown: dict[str, list[int]] = {}
    lemmas: dict[str, list[int]] = {}
    for info in load_classes():
        shown.setdefault(simplify_name(info.name), []).append(info.index)
        for lemma in (*info.lemmas.split(","), info.lemmas):
            found = lemmas.setdefault(simplify_name(lemma), [])
            if info.index not in found:
                found.append(info.index)
    # A lemma that is also another class's display name could be either.
    return {name: tuple(sorted({*shown.get(name, ()), *lemmas.get(name, ())})) for name in (*lemmas, *shown)}


def _find_name(word: str) -> int:
    found = index_names().get(simplify_name(word), ())
    if not found:
        near = format_near_names(word, [info.name for info in load_classes()])
        raise InputError(
            f"'{shorten(word)}' is no name of one of ImageNet's 1000 classes.{near} Give --class-map FILE "
            "with the "
            "lines name,wnid."
        )
    if len(found) > 1:
        classes = " or ".join(_describe(index) for index in found[:MAX_SHOWN])
        raise InputError(
            f"'{shorten(word)}' could be {classes}. Say which with --class-map FILE (lines name,wnid)."
        )
    return found[0]


def _read_mapped(words: Sequence[str], mapped: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    if missing := [word for word in words if word not in mapped]:
        raise InputError(
            f"The class map has no line for '{shorten(missing[0])}'"
            f"{f' and {len(missing) - 1} more classes' if len(missing) > 1 else ''} of the source; add it."
        )
    return {word: mapped[word] for word in words}


def _refuse_cases(words: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for word in words:
        other = seen.setdefault(word.casefold(), word)
        if other != word:
            raise InputError(
                f"Classes '{shorten(other)}' and '{shorten(word)}' differ in upper and lower case alone, and "
                "on "
                "some systems they are one folder. Rename or merge them, or say what each is with "
                "--class-map FILE."
            )


def _refuse_doubles(indices: Mapping[str, int]) -> None:
    seen: dict[int, str] = {}
    for word, index in indices.items():
        other = seen.setdefault(index, word)
        if other != word:
            raise InputError(
                f"'{shorten(other)}' and '{shorten(word)}' are both class {_describe(index)}. Take one out, "
                "or if "
                "both belong to it, say so with --class-map FILE."
            )


def _describe(index: int) -> str:
    info = load_classes()[index]
    return f"{info.wnid} ({info.name})"


def _format_order_question(words: Sequence[str]) -> str:
    shown = ", ".join(sorted(words, key=int)[:MAX_SHOWN])
    return (
        f"Classes are numbers ({shown}{', ...' if len(words) > MAX_SHOWN else ''}), and numbers need an "
        "order: "
        "--order sorted (0 is n01440764 tench, as timm and torchvision count), --order sorted-from-1, "
        "--order "
        "FILE (one wnid a line), or --class-map FILE. The ILSVRC ids of the development kit are another "
        "order."
    )


def read_listed_classes(
    listing: Listing,
    *,
    kind: Kind | None = None,
    order: ClassOrder | None = None,
    mapped: Mapping[str, tuple[int, ...]] | None = None,
) -> ReadClasses:
    """The classes of a listing, see `read_classes`."""
    return read_classes(listing.tokens, kind=kind, order=order, mapped=mapped)
