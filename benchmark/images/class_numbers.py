"""Class numbers that count from 0, as ImageNet-V2's do, or from 1, as in some copies.

Read the wrong way, every label is off by one and every accuracy near 0. The numbers themselves often decide:
0 is there or 1000 is. Where they fit both readings, the user must choose, by a small file in the copy.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import InputError

CHOICE_NAME = "class-numbers-from.txt"
"""A file in a copy that holds 0 or 1: what its class numbers count from."""
_READINGS = (0, 1)
_MAX_CHOICE_BYTES = 64


def parse_class_number(text: str, first: int = 0) -> int | None:
    """The class index of a number that counts from `first`; None for any other text.

    Example:
        >>> parse_class_number("0007"), parse_class_number("1000", 1), parse_class_number("1000")
        (7, 999, None)
        >>> parse_class_number("0", 1) is None, parse_class_number("n01440764") is None
        (True, True)
    """
    # Nine digits are more than any class number has, zeros in front of it included.
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        return None
    index = int(text) - first
    return index if 0 <= index < NUM_CLASSES else None


def list_readings(names: Iterable[str], allowed: Collection[int]) -> tuple[int, ...]:
    """What the numbers may count from, so that each is one of the allowed classes; other names do not count.

    Args:
        names: Class numbers as text.
        allowed: Class indices of the set.

    Example:
        >>> list_readings(["0", "999"], range(1000)), list_readings(["1", "1000"], range(1000))
        ((0,), (1,))
        >>> list_readings(["7", "9"], range(1000)), list_readings(["0", "1000"], range(1000))
        ((0, 1), ())
    """
    classes = set(allowed)
    numbers = {int(name) for name in select_numbers(names)}
    return tuple(first for first in _READINGS if all(number - first in classes for number in numbers))


def select_numbers(names: Iterable[str]) -> tuple[str, ...]:
    """Names that are a class number in some reading, each once, in their order.

    Example:
        >>> select_numbers(["0001", "n01440764", "1000", "1001", "1000"])
        ('0001', '1000')
    """
    return tuple(
        name
        for name in dict.fromkeys(names)
        if any(parse_class_number(name, first) is not None for first in _READINGS)
    )


def choose_first_number(names: Iterable[str], allowed: Collection[int], places: Iterable[Path]) -> int:
    """What the class numbers of a local copy count from: by its choice file, else by the numbers.

    Args:
        names: Class numbers as text, such as the names of class folders; other names do not count.
        allowed: Class indices of the set.
        places: Folders that may hold the choice file; the first is where the user is sent to.

    Returns:
        0 or 1; 0 where no reading fits, so that the strange numbers are named by whoever reads them.

    Raises:
        InputError: Both readings fit and there is no choice file, or it holds something else or a reading
            that does not fit.
    """
    folders = list(dict.fromkeys(places))
    numbers = select_numbers(names)
    if not numbers:
        return 0
    readings = list_readings(numbers, allowed)
    chosen = next((path for folder in folders if (path := folder / CHOICE_NAME).is_file()), None)
    if chosen is not None:
        return _read_choice(chosen, readings, numbers, set(allowed))
    if len(readings) > 1:
        raise InputError(_format_question(numbers, folders[0]))
    return readings[0] if readings else 0


def format_numbering(first: int) -> str | None:
    """What a reader must know of class numbers that do not count from 0; None for those that do.

    Example:
        >>> print(format_numbering(1))
        Class numbers were read as counted from 1: 1 is n01440764 (tench), 1000 is n15075141 (toilet paper).
    """
    if first == 0:
        return None
    return (
        f"Class numbers were read as counted from {first}: {_describe(first, first)}, "
        f"{_describe(NUM_CLASSES - 1 + first, first)}."
    )


def _read_choice(
    path: Path, readings: Collection[int], numbers: Collection[str], allowed: Collection[int]
) -> int:
    try:
        with path.open("rb") as file:
            text = _decode_choice(file.read(_MAX_CHOICE_BYTES))
    except OSError as error:
        raise InputError(
            f"'{path}' cannot be read: {error.strerror or error}. It must hold 0 or 1."
        ) from error
    if text not in map(str, _READINGS):
        raise InputError(f"'{path}' holds {text!r}; it must hold 0 or 1, what the class numbers count from.")
    first = int(text)
    if first not in readings:
        strange = [name for name in numbers if int(name) - first not in allowed]
        shown = ", ".join(f"'{name}'" for name in strange[:3]) + (", ..." if len(strange) > 3 else "")
        raise InputError(
            f"'{path}' states that the class numbers count from {text}, and {shown} would then be no class "
            "of the set. Correct the file, or take those classes out."
        )
    return first


def _decode_choice(data: bytes) -> str:
    # Editors and shells of Windows write a byte-order mark, and some write two bytes a character.
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return data.decode(encoding, errors="replace").strip()


def _format_question(names: Collection[str], folder: Path) -> str:
    shown = min(names, key=int)
    number = int(shown)
    return (
        f"The {len(names)} class numbers of '{folder}' may count from 0 ({_describe(number, 0)}) or from 1 "
        f"({_describe(number, 1)}): they fit both, and the set as published counts from 0. Look at the "
        f"images of '{shown}' and write 0 or 1 into '{folder / CHOICE_NAME}'. Numbers in another "
        "order, such as the ILSVRC ids, must be replaced by wnids."
    )


def _describe(number: int, first: int) -> str:
    info = load_classes()[number - first]
    return f"{number} is {info.wnid} ({info.name})"
