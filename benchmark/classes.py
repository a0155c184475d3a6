"""The 1000 ImageNet classes, and the named sets of classes that splits cover.

A *synset* is WordNet's unit of meaning; ImageNet names its classes by synset id ("wnid", such as
n01440764). The class index 0..999 is the rank of the wnid in sorted order. `name` is open_clip's
display name (used in prompts), `lemmas` are WordNet's own words, `definition` is WordNet's gloss.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from imagenet_g.benchmark.errors import InputError, UnknownNameError

NUM_CLASSES = 1000
ALL_CLASSES = "all"
_DATA = files("imagenet_g.benchmark.data")
CLASS_SET_NAMES = tuple(
    # A file in the folder is all it takes to add one, so that no list can fall behind.
    sorted(entry.name.removesuffix(".txt") for entry in (_DATA / "class_sets").iterdir()
           if entry.name.endswith(".txt"))
)  # fmt: skip
"""Registered class sets, each a file `data/class_sets/NAME.txt` and a view of every split."""


@dataclass(frozen=True, slots=True)
class ClassInfo:
    """One ImageNet class."""

    index: int
    wnid: str
    name: str
    lemmas: str
    definition: str


@dataclass(frozen=True, slots=True)
class ClassSet:
    """A named set of class indices, sorted, without repeats.

    Attributes:
        name: "all", a name of `CLASS_SET_NAMES`, or "split-classes" for the classes of one split.
        indices: Class indices in 0..999, ascending.

    Example:
        >>> ClassSet("a", (2, 3)).sha256 == ClassSet("b", (2, 3)).sha256
        True
        >>> ClassSet("unsorted", (3, 2))
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: Class set 'unsorted' must be ascending and without repeats.
    """

    name: str
    indices: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.indices:
            raise InputError(f"Class set '{self.name}' is empty; name at least one class.")
        if list(self.indices) != sorted(set(self.indices)):
            raise InputError(f"Class set '{self.name}' must be ascending and without repeats.")
        if self.indices[0] < 0 or self.indices[-1] >= NUM_CLASSES:
            raise InputError(f"Class set '{self.name}' has an index outside 0..{NUM_CLASSES - 1}.")

    @property
    def covers_all(self) -> bool:
        """Whether this is the full 1000 classes."""
        # Enough, because __post_init__ refuses repeats and indices out of range.
        return len(self.indices) == NUM_CLASSES

    @property
    def sha256(self) -> str:
        """Hash of the indices alone, so that two names for the same classes compare equal."""
        return hashlib.sha256(",".join(map(str, self.indices)).encode()).hexdigest()


@cache
def load_classes() -> tuple[ClassInfo, ...]:
    """The 1000 classes in index order."""
    text = (_DATA / "imagenet_classes.csv").read_text(encoding="utf-8")
    return tuple(
        ClassInfo(int(row["index"]), row["wnid"], row["name"], row["lemmas"], row["definition"])
        for row in csv.DictReader(text.splitlines())
    )


@cache
def load_index_by_wnid() -> dict[str, int]:
    """Class index by wnid. Do not mutate: all callers share one dict.

    Example:
        >>> load_index_by_wnid()["n01440764"]  # the tench, the first wnid in sorted order
        0
    """
    return {info.wnid: info.index for info in load_classes()}


@cache
def load_class_set(name: str) -> ClassSet:
    """A registered class set: "all" or one of `CLASS_SET_NAMES`.

    Raises:
        UnknownNameError: For any other name.

    Example:
        >>> len(load_class_set("imagenet-a").indices)
        200
    """
    if name == ALL_CLASSES:
        return ClassSet(ALL_CLASSES, tuple(range(NUM_CLASSES)))
    if name not in CLASS_SET_NAMES:
        raise UnknownNameError("class set", name, (ALL_CLASSES, *CLASS_SET_NAMES))
    return parse_class_set(name, (_DATA / "class_sets" / f"{name}.txt").read_text(encoding="utf-8"))


def parse_class_set(name: str, text: str) -> ClassSet:
    r"""A class set from the text of its file: one wnid a line, and lines that start with `#`.

    Raises:
        UnknownNameError: A line is no wnid of the 1000.
        InputError: There is no wnid.

    Example:
        >>> parse_class_set("fish", "# Two of them.\nn01443537\nn01440764\n").indices
        (0, 1)
    """
    lines = (line.strip() for line in text.splitlines())
    wnids = [line for line in lines if line and not line.startswith("#")]
    return make_class_set(name, (_find_index(wnid) for wnid in wnids))


def _find_index(wnid: str) -> int:
    known = load_index_by_wnid()
    if wnid not in known:
        raise UnknownNameError("wnid", wnid, known)
    return known[wnid]


def make_class_set(name: str, indices: Iterable[int]) -> ClassSet:
    """A class set from indices in any order, repeats allowed.

    Example:
        >>> make_class_set("two-sharks", [3, 2, 3])
        ClassSet(name='two-sharks', indices=(2, 3))
    """
    return ClassSet(name, tuple(sorted(set(indices))))


def list_class_indices(classes: str | Iterable[str]) -> tuple[int, ...]:
    """Class indices of a spec, ascending.

    Args:
        classes: A registered class set, or wnids.

    Raises:
        UnknownNameError: No such class set, or a wnid outside the 1000.

    Example:
        >>> list_class_indices(["n01443537", "n01440764"])
        (0, 1)
        >>> len(list_class_indices("imagenet-r"))
        200
    """
    if isinstance(classes, str):
        return load_class_set(classes).indices
    return make_class_set("spec", (_find_index(wnid) for wnid in classes)).indices


def name_class_set(class_set: ClassSet) -> str:
    """The name under which outputs restricted to these classes are stored.

    "all", a registered name, or "classes-" and a hash, so that equal classes always share one name.

    Example:
        >>> name_class_set(make_class_set("mine", range(1000)))
        'all'
        >>> name_class_set(make_class_set("mine", load_class_set("imagenet-a").indices))
        'imagenet-a'
    """
    if class_set.covers_all:
        return "all"
    for name in CLASS_SET_NAMES:
        if load_class_set(name).indices == class_set.indices:
            return name
    # A hash and not the caller's name: two views of the same classes then share one stored output.
    return f"classes-{class_set.sha256[:12]}"


@cache
def load_class_names(name: str) -> dict[str, tuple[int, ...]]:
    """ImageNet indices that each class name of a set may stand for. Do not mutate.

    The files are `data/class_names/NAME.csv`; `data/real_sets.toml` names the source of each.

    Raises:
        UnknownNameError: There is no such file.
    """
    folder = _DATA / "class_names"
    known = [entry.name.removesuffix(".csv") for entry in folder.iterdir() if entry.name.endswith(".csv")]
    if name not in known:
        raise UnknownNameError("class names", name, sorted(known))
    return parse_class_names((folder / f"{name}.csv").read_text(encoding="utf-8"))


def parse_class_names(text: str) -> dict[str, tuple[int, ...]]:
    r"""ImageNet indices by class name, from CSV with the columns `name` and `wnid`.

    A name that stands for several classes has a row for each.

    Raises:
        InputError: The columns are others, a row has no name, or there is no row.
        UnknownNameError: A wnid is outside the 1000.

    Example:
        >>> parse_class_names("name,wnid\nalarm clock,n02708093\nalarm clock,n03196217\n")
        {'alarm clock': (409, 530)}
    """
    reader = csv.DictReader(text.splitlines())
    if reader.fieldnames != ["name", "wnid"]:
        raise InputError(f"Class names need the columns name,wnid; found {reader.fieldnames}.")
    indices: dict[str, list[int]] = {}
    for row in reader:
        if not row["name"] or None in row:
            raise InputError(f"Line {reader.line_num} of the class names needs a name and a wnid.")
        indices.setdefault(row["name"], []).append(_find_index(row["wnid"] or ""))
    if not indices:
        raise InputError("There is no class name below the line name,wnid.")
    return {name: tuple(found) for name, found in indices.items()}
