"""The user's own files on classes: an order of class numbers, a map of names. Untrusted text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from imagenet_g.benchmark.classes import NUM_CLASSES, load_index_by_wnid, parse_class_names
from imagenet_g.benchmark.errors import InputError, shorten
from imagenet_g.generation.adopting.classes import BUILT_IN_ORDERS, ClassOrder

MAX_BYTES = 1 << 20
"""A thousand classes with long names need a tenth of it."""


def load_order(name: str | None) -> ClassOrder | None:
    """What class numbers mean: a built-in order, or that of a file (a wnid a line, or JSON).

    Raises:
        InputError: There is no such file, or it names a class twice or none.
    """
    if name is None or name in BUILT_IN_ORDERS:
        return None if name is None else BUILT_IN_ORDERS[name]
    path = Path(name).expanduser()
    if not path.is_file():
        known = ", ".join(BUILT_IN_ORDERS)
        raise InputError(f"--order '{shorten(name)}' is neither {known} nor a file with one wnid a line.")
    text = _read_text(path, "--order")
    words = _list_json(text, path) if path.suffix.lower() == ".json" else _list_lines(text)
    return ClassOrder(path.name, 0, _check_order(words, path))


def load_class_map(path: Path | None) -> dict[str, tuple[int, ...]] | None:
    """Class indices by word, from CSV with the columns name,wnid or a JSON object; None without a file.

    A word with several lines, or a list, has several right answers; the first of them is its label.

    Raises:
        InputError: It cannot be read, or a word has no class of the 1000.
    """
    if path is None:
        return None
    text = _read_text(path, "--class-map")
    if path.suffix.lower() != ".json":
        try:
            names = parse_class_names(text)
        except InputError as error:
            raise InputError(f"--class-map '{path}': {error}") from error
        return {name: tuple(dict.fromkeys(indices)) for name, indices in names.items()}
    table = _parse_json(text, path)
    if not isinstance(table, dict) or not table:
        raise InputError(f"--class-map '{path}' must be an object of words and wnids.")
    return {
        word: _read_wnids(wnids, f"--class-map '{path}', '{shorten(word)}'") for word, wnids in table.items()
    }


def _read_wnids(value: object, where: str) -> tuple[int, ...]:
    wnids = value if isinstance(value, list) else [value]
    if not wnids:
        raise InputError(f"{where}: it has no wnid.")
    return tuple(dict.fromkeys(_find_wnid(str(wnid), where) for wnid in wnids))


def _read_text(path: Path, option: str) -> str:
    try:
        with path.open("rb") as stream:
            # One byte more than is allowed, whatever size the system states: it may be a pipe.
            data = stream.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InputError(
                f"{option} '{path}' has more than {MAX_BYTES} bytes; it lists classes, not images."
            )
        # Spreadsheets put a byte order mark in front, which would become a part of the first word.
        return data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{option} '{path}' cannot be read: {error}.") from error


def _list_lines(text: str) -> list[str]:
    # "n01440764 tench": what follows the wnid is for people.
    lines = (line.split(maxsplit=1) for line in text.splitlines())
    return [parts[0] for parts in lines if parts]


def _list_json(text: str, path: Path) -> list[str]:
    """Wnids of a list, or of an object by number: `{"0": ["n01440764", "tench"]}`."""
    table = _parse_json(text, path)
    if isinstance(table, dict):
        missing = [n for n in range(len(table)) if str(n) not in table]
        if missing:
            raise InputError(f"--order '{path}' has {len(table)} entries and none for '{missing[0]}'.")
        # By number and not by place: the order of an object in JSON means nothing.
        table = [table[str(n)] for n in range(len(table))]
    if not isinstance(table, list):
        raise InputError(f"--order '{path}' must be a list of wnids, or an object by class number.")
    return [str(entry[0] if isinstance(entry, list) and entry else entry) for entry in table]


def _parse_json(text: str, path: Path) -> object:
    try:
        found: object = json.loads(text)
    # A thousand open brackets are enough for the second.
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{path}' is no JSON: {error}.") from error
    return found


def _check_order(words: Sequence[str], path: Path) -> tuple[int, ...]:
    if not 0 < len(words) <= NUM_CLASSES:
        raise InputError(f"--order '{path}' has {len(words)} classes; 1 to {NUM_CLASSES} are possible.")
    seen: dict[str, int] = {}
    for number, word in enumerate(words):
        _find_wnid(word, f"--order '{path}', class {number}")
        if word in seen:
            raise InputError(f"--order '{path}' has '{word}' twice, as class {seen[word]} and {number}.")
        seen[word] = number
    return tuple(load_index_by_wnid()[word] for word in words)


def _find_wnid(word: str, where: str) -> int:
    known = load_index_by_wnid()
    if word not in known:
        raise InputError(f"{where}: '{shorten(word)}' is not a wnid of ImageNet's 1000 classes.")
    return known[word]
