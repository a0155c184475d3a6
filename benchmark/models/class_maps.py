"""Which ImageNet class each output of a model is, for heads that are not the usual 1000.

A class map is a file with one entry an output, in the order of the outputs: a wnid, or "-" for an output that
is no ImageNet class. It may be text (one a line), JSON (a list), or CSV (a column "wnid").
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from imagenet_g.benchmark.classes import NUM_CLASSES, load_index_by_wnid
from imagenet_g.benchmark.errors import InputError, UnknownNameError, shorten
from imagenet_g.benchmark.identity import hash_lines

IGNORED = "-"


@dataclass(frozen=True, slots=True)
class ClassMap:
    """The class of each output.

    Attributes:
        wnids: One for each output; "-" for an output that is no ImageNet class.
    """

    wnids: tuple[str, ...]

    @property
    def description(self) -> str:
        """How many classes it reaches, and a hash of the mapping."""
        classes = len(set(self.wnids) - {IGNORED})
        return f"{len(self.wnids)} outputs to {classes} classes, sha256 {hash_lines(self.wnids)}"


class MappedOutputs(torch.nn.Module):
    """A model whose outputs are put in their ImageNet places.

    Args:
        module: Maps inputs to `(N, K)` outputs.
        class_map: The class of each of the K outputs.

    Example:
        >>> class_map = make_class_map(["n01443537", "-", "n01443537"], source="two of one class")
        >>> mapped = MappedOutputs(torch.nn.Identity(), class_map)
        >>> mapped(torch.tensor([[1.0, 9.0, 3.0]]))[0, :3].tolist()
        [-inf, 3.0, -inf]
    """

    outputs: torch.Tensor
    classes: torch.Tensor

    def __init__(self, module: torch.nn.Module, class_map: ClassMap) -> None:
        super().__init__()
        self.module = module
        index_by_wnid = load_index_by_wnid()
        used = [number for number, wnid in enumerate(class_map.wnids) if wnid != IGNORED]
        classes = [index_by_wnid[class_map.wnids[number]] for number in used]
        # Not persistent: the maps are no weights, and the hash of the weights must not depend on them.
        self.register_buffer("outputs", torch.tensor(used, dtype=torch.long), persistent=False)
        self.register_buffer("classes", torch.tensor(classes, dtype=torch.long), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, 1000)` logits: the largest of a class's outputs, -inf for a class that has none."""
        logits = self.module(images)
        places = self.classes.expand(len(logits), -1)
        # Not zero: a class without an output must never win, whatever the scale of the logits.
        empty = logits.new_full((len(logits), NUM_CLASSES), -torch.inf)
        mapped: torch.Tensor = empty.scatter_reduce(1, places, logits[:, self.outputs], reduce="amax")
        return mapped


def load_class_map(path: Path) -> ClassMap:
    """Read and validate a class map file.

    Raises:
        InputError: It is missing or malformed, or reaches no class.
        UnknownNameError: An entry is no wnid of ImageNet's 1000.
    """
    try:
        # utf-8-sig, because spreadsheets on Windows put a mark before the first wnid.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Class map '{path}' cannot be read: {error}") from error
    parse = {".json": _parse_json, ".csv": _parse_csv}.get(path.suffix.lower(), _parse_lines)
    return make_class_map(parse(text, path), source=str(path))


def make_class_map(entries: Sequence[str], *, source: str) -> ClassMap:
    """A class map from entries in the order of the outputs; blank ones count as "-".

    Raises:
        InputError: No entry is a class.
        UnknownNameError: An entry is no wnid of ImageNet's 1000.

    Example:
        >>> make_class_map(["n01440764", "", "n01443537"], source="a file").wnids
        ('n01440764', '-', 'n01443537')
    """
    wnids = tuple(entry.strip() or IGNORED for entry in entries)
    known = load_index_by_wnid()
    for number, wnid in enumerate(wnids):
        if wnid != IGNORED and wnid not in known:
            hint = f"Output {number} of class map '{source}' must be one of ImageNet's 1000 wnids, or '-'."
            raise UnknownNameError("wnid", wnid, known, hint=hint)
    if set(wnids) <= {IGNORED}:
        raise InputError(f"Class map '{source}' names no class. Write one wnid a line, in output order.")
    return ClassMap(wnids)


def validate_class_map(class_map: ClassMap, *, num_outputs: int, source: str) -> None:
    """Check that a class map has one entry for each output.

    Raises:
        InputError: It has more or fewer.
    """
    if len(class_map.wnids) != num_outputs:
        entries = _count(len(class_map.wnids), "entry", "entries")
        outputs = _count(num_outputs, "output", "outputs")
        raise InputError(
            f"Class map '{source}' has {entries}, and the model has {outputs}. "
            "Write one entry for each output, in output order: its wnid, or '-' for one that is no ImageNet "
            "class."
        )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _parse_lines(text: str, path: Path) -> list[str]:
    # Lines end where an editor shows an end; `splitlines` divides at rarer characters as well.
    return [line for line in io.StringIO(text) if not line.startswith("#")]


def _parse_json(text: str, path: Path) -> list[str]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        # Not only a malformed text: a number of thousands of digits, or thousands of lists in each other.
        raise InputError(f"Class map '{path}' is not valid JSON: {error}") from error
    if not isinstance(entries, list) or not all(entry is None or isinstance(entry, str) for entry in entries):
        raise InputError(f"Class map '{path}' must be a JSON list of wnids, null for an output to leave out.")
    return [entry or "" for entry in entries]


def _parse_csv(text: str, path: Path) -> list[str]:
    # Not `splitlines`: a class name may hold U+2028, and half a row would shift the outputs behind it.
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        fields = reader.fieldnames or []
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"Class map '{path}' is not valid CSV: {error}.") from error
    if fields.count("wnid") != 1:
        columns = shorten(", ".join(fields)) or "(none)"
        raise InputError(f"Class map '{path}' has the columns {columns}; it needs one called 'wnid'.")
    if "output" in fields and [row["output"] for row in rows] != [str(number) for number in range(len(rows))]:
        raise InputError(f"Column 'output' of class map '{path}' must count 0, 1, 2, ... in output order.")
    return [row["wnid"] or "" for row in rows]
