"""Where the tables of real sets are: the shipped ones in `data/real_sets.toml`, a user's own in any file.

A set is its table and, beside it, the files that the table names: `CLASS_SET.txt` and `CLASS_NAMES.csv`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from imagenet_g.benchmark.classes import (
    ALL_CLASSES,
    CLASS_SET_NAMES,
    ClassSet,
    load_class_names,
    load_class_set,
    load_index_by_wnid,
    parse_class_names,
    parse_class_set,
)
from imagenet_g.benchmark.errors import (
    InputError,
    UnknownNameError,
    UntrustedFileError,
    format_near_names,
    shorten,
)
from imagenet_g.benchmark.images.class_numbers import parse_class_number
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import parse_toml
from imagenet_g.benchmark.splits.real_set_specs import LabelKind, RealSetSpec
from imagenet_g.benchmark.splits.registry import load_versions

Parsed = TypeVar("Parsed")
# The names of 1000 classes take some 50 kB; a table may come from any source.
_MAX_FILE_BYTES = 1 << 20
_MAX_LINE = 2000
_DATA = files("imagenet_g.benchmark.data")
# Words that have another meaning in a reference, in --data or in --reference.
_RESERVED = ("all", "folder", "hub", "published")
# Tab and line ends are allowed; the others would reach the user's terminal as commands.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class _SetsFile(FileModel):
    set: tuple[RealSetSpec, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class RealSet:
    """A real set with the classes that its table names.

    Attributes:
        spec: Its table.
        classes: The classes it covers.
        names: Class indices by its own class names, simplified; empty where it has none.
        names_file: The file that lists these names, for messages; None where it has none.
    """

    spec: RealSetSpec
    classes: ClassSet
    names: Mapping[str, tuple[int, ...]]
    names_file: str | None = None


@cache
def load_real_sets() -> dict[str, RealSet]:
    """The shipped sets by name; one with parts stands for all of them. Do not mutate."""
    text = (_DATA / "real_sets.toml").read_text(encoding="utf-8")
    specs = _SetsFile.model_validate(tomllib.loads(text)).set
    return {spec.name: _make_shipped_set(spec) for spec in specs}


def load_sets(paths: Sequence[Path]) -> dict[str, RealSet]:
    """The shipped sets, and after them those of a user's files.

    Args:
        paths: TOML files with tables `[[set]]`, as `data/real_sets.toml` has them.

    Raises:
        InputError: A file cannot be read, breaks the contract, or names a set that there is already.
        UntrustedFileError: A file is too large, is not text, or lies outside the folder of its table.
    """
    sets = dict(load_real_sets())
    for path in paths:
        for spec in _load_specs(path):
            _validate_new_name(spec, sets, path)
            sets[spec.name] = _load_own_set(spec, path)
    return sets


def find_real_set(base: str, sets: Mapping[str, RealSet] | None = None) -> RealSet | None:
    """The set, or the part of a set, that a reference without a view names; None where no set has that name.

    Args:
        base: Such as "imagenet-r" or "imagenet-c/fog/3".
        sets: Known sets by name; None for the shipped ones.

    Raises:
        InputError: It names a set that has parts, and not one of them.
        UnknownNameError: Its family has no such set or part.

    Example:
        >>> find_real_set("imagenet-c/fog/3").spec.title
        'ImageNet-C fog, severity 3'
        >>> find_real_set("imagenet-x") is None
        True
    """
    sets = load_real_sets() if sets is None else sets
    if base in sets and not sets[base].spec.parts:
        return sets[base]
    for name, real_set in sets.items():
        if real_set.spec.parts and (base == name or base.startswith(f"{name}/")):
            values = _parse_parts(base, real_set.spec)
            return replace(real_set, spec=real_set.spec.choose_part(values))
    family = base.split("/")[0]
    if known := [name for name, real_set in sets.items() if real_set.spec.family == family]:
        raise UnknownNameError("real set", base, known)
    return None


def format_near_sets(name: str, sets: Mapping[str, RealSet] | None = None) -> str:
    """A question with the sets of similar names, after a blank; empty where no name is similar.

    Example:
        >>> format_near_sets("imagenet-d")
        " Did you mean 'imagenet-d-diffusion'?"
    """
    known = load_real_sets() if sets is None else sets
    # A shortened name is nearer in meaning than one that differs in a letter, which difflib would rank first.
    longer = [full for full in known if name and full.startswith(f"{name}-")]
    return format_near_names(name, longer or known)


def parse_label(real_set: RealSet, kind: LabelKind, text: str, first: int = 0) -> tuple[int, ...] | None:
    """Class indices that a class name stands for, or None when it stands for no class of the 1000.

    Args:
        real_set: The set.
        kind: How it names classes.
        text: A class name.
        first: What class numbers count from, 0 or 1.

    Example:
        >>> parse_label(find_real_set("imagenet-v2"), "index", "207")
        (207,)
        >>> parse_label(find_real_set("imagenet-v2"), "index", "n01440764") is None
        True
        >>> parse_label(find_real_set("objectnet"), "names", "alarm_clock")
        (409, 530)
    """
    match kind:
        case "wnid":
            wnid_index = load_index_by_wnid().get(text)
            return None if wnid_index is None else (wnid_index,)
        case "index":
            # As a number: sorted as text, "10" comes before "2", and every label would be wrong.
            index = parse_class_number(text, first)
            return None if index is None else (index,)
        case "names":
            return real_set.names.get(simplify_name(text))


def simplify_name(name: str) -> str:
    """A class name without case, spaces and signs, since folders cannot spell them all.

    Example:
        >>> simplify_name("Coffee/French press") == simplify_name("coffee_french_press")
        True
    """
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _parse_parts(base: str, spec: RealSetSpec) -> list[str]:
    values = base.removeprefix(spec.name).split("/")[1:]
    if len(values) != len(spec.parts):
        needs = " and ".join(f"a {part.name}" for part in spec.parts)
        raise InputError(f"'{base}' needs {needs}: {spec.pattern}, such as {next(spec.list_references())}.")
    for part, value in zip(spec.parts, values, strict=True):
        if value not in part.values:
            raise UnknownNameError(part.name, value, part.values, where=f"of {spec.name}")
    return values


def _make_shipped_set(spec: RealSetSpec) -> RealSet:
    classes = load_class_set(spec.class_set)
    if spec.class_names is None:
        return RealSet(spec, classes, {})
    names = _index_names(spec, load_class_names(spec.class_names))
    return RealSet(spec, classes, names, str(_DATA / "class_names" / f"{spec.class_names}.csv"))


def _index_names(spec: RealSetSpec, names: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for name, indices in names.items():
        if found.setdefault(simplify_name(name), indices) != indices:
            raise InputError(f"Class names of '{spec.name}': '{name}' differs from another by signs only.")
    for alias, name in spec.aliases.items():
        if (known := found.get(simplify_name(name))) is None:
            raise UnknownNameError("class", name, names, where=f"of '{spec.name}'")
        found[simplify_name(alias)] = known
    return found


def _load_specs(path: Path) -> tuple[RealSetSpec, ...]:
    try:
        return _SetsFile.model_validate(parse_toml(_read_text(path))).set
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{path}' is not TOML: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = shorten(".".join(str(part) for part in first["loc"]))
        raise InputError(f"'{path}' describes no real set: {where}: {first['msg']}.") from error


def _validate_new_name(spec: RealSetSpec, sets: Mapping[str, RealSet], path: Path) -> None:
    shipped = {real_set.spec.family for real_set in load_real_sets().values()}
    taken = {*shipped, *load_versions(), *_RESERVED}
    relatives = [known.spec for known in sets.values() if known.spec.family == spec.family]
    # "x" with parts already stands for every "x/...".
    clashes = any(spec.parts or known.parts or known.name == spec.name for known in relatives)
    if spec.family in taken or clashes:
        raise InputError(
            f"'{path}' names a set '{spec.name}', and '{spec.family}' is taken already. Choose another name."
        )


def _load_own_set(spec: RealSetSpec, path: Path) -> RealSet:
    if spec.class_set in (ALL_CLASSES, *CLASS_SET_NAMES):
        classes = load_class_set(spec.class_set)
    else:
        file = path.parent / f"{spec.class_set}.txt"
        # Only registered sets have names that results may carry; a set's own classes go by what they are.
        classes = _parse_beside(file, path, lambda text: parse_class_set("split-classes", text))
    if spec.class_names is None:
        return RealSet(spec, classes, {})
    names_file = path.parent / f"{spec.class_names}.csv"
    names = _parse_beside(names_file, path, parse_class_names)
    return RealSet(spec, classes, _index_names(spec, names), str(names_file))


def _parse_beside(file: Path, table: Path, parse: Callable[[str], Parsed]) -> Parsed:
    # Resolved, because a link inside the folder may lead out of it.
    if not file.resolve().is_relative_to(table.parent.resolve()):
        raise UntrustedFileError(
            f"'{file}' leads out of the folder of '{table.name}'; put the file itself there."
        )
    if not file.is_file():
        raise InputError(f"There is no file '{file}', which '{table.name}' names. Put it beside the table.")
    text = _read_text(file)
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"'{file}', which '{table.name}' names, cannot be used: {error}") from error


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            # One byte more than allowed: the size that the system reports is 0 for a pipe or a device.
            data = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    if len(data) > _MAX_FILE_BYTES:
        raise UntrustedFileError(
            f"'{path}' has more than {_MAX_FILE_BYTES:,} bytes; a set's files are small."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UntrustedFileError(f"'{path}' is not UTF-8 text.") from error
    if _CONTROL.search(text) or max(map(len, text.splitlines()), default=0) > _MAX_LINE:
        raise UntrustedFileError(
            f"'{path}' has control characters, or a line of more than {_MAX_LINE} characters."
        )
    return text
