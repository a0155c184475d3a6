"""Frozen caption files: captions that a language model wrote once, and their origin.

A file is JSON lines in UTF-8. The first line is the header, with the model's card; each further line is one
caption, by class, best first. The captions are the data: the policy that wrote them is a tool, and sampling
from it again may give other text on another machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.storage import write_text
from imagenet_g.generation.captions.records import CaptionCard, CaptionHeader, CaptionRecord

SUFFIX = ".jsonl"


@dataclass(frozen=True)
class CaptionSet:
    """Captions of some classes, frozen.

    Attributes:
        header: Header of the file.
        rows: By wnid, then rank.
    """

    header: CaptionHeader
    rows: tuple[CaptionRecord, ...]

    @cached_property
    def rows_by_wnid(self) -> dict[str, tuple[CaptionRecord, ...]]:
        """Rows of each class, best first. Do not mutate."""
        grouped: dict[str, list[CaptionRecord]] = {}
        for row in self.rows:
            grouped.setdefault(row.wnid, []).append(row)
        return {wnid: tuple(rows) for wnid, rows in grouped.items()}

    @property
    def wnids(self) -> tuple[str, ...]:
        """Classes that have captions, sorted."""
        return tuple(sorted(self.rows_by_wnid))

    @property
    def title(self) -> str:
        """Name and version, such as "ood-tiny-v1"."""
        return f"{self.header.name}-v{self.header.version}"

    def captions_of(self, wnid: str) -> tuple[str, ...]:
        """Captions of a class, best first.

        Raises:
            DataError: The class has no captions.
        """
        if wnid not in self.rows_by_wnid:
            index = load_index_by_wnid().get(wnid)
            name = "no ImageNet class" if index is None else load_classes()[index].name
            raise DataError(
                f"Captions '{self.title}' have no caption for class {wnid} ({name}); they cover "
                f"{len(self.rows_by_wnid)} classes. Write captions for it, or leave the class out."
            )
        return tuple(row.caption for row in self.rows_by_wnid[wnid])


def make_caption_set(
    name: str,
    rows: Iterable[CaptionRecord],
    *,
    card: CaptionCard | None,
    license: str,  # noqa: A002 (the word of every spec here)
    version: int = 1,
) -> CaptionSet:
    """A caption set with its header, counts and hash.

    Raises:
        InputError: A malformed name or version, an unknown class, a caption twice in a class, a gap in ranks.
    """
    ordered = tuple(sorted(rows, key=lambda row: (row.wnid, row.rank)))
    if problem := find_problem(ordered):
        raise InputError(f"Captions '{name}' cannot be frozen: {problem}")
    try:
        header = CaptionHeader(
            schema_version=1,
            kind="imagenet-g captions",
            name=name,
            version=version,
            license=license,
            num_captions=len(ordered),
            num_classes=len({row.wnid for row in ordered}),
            content_sha256=hash_captions(ordered),
            card=card,
        )
    except ValidationError as error:
        raise InputError(f"Captions '{name}' cannot be frozen: {_format_first(error)}") from error
    return CaptionSet(header, ordered)


def hash_captions(rows: Sequence[CaptionRecord]) -> str:
    """sha256 over lines of wnid, rank and caption, tab between them; rewards do not count.

    Example:
        >>> row = CaptionRecord(wnid="n01443537", rank=0, caption="A goldfish reads.", reward=0.1)
        >>> hash_captions([row]) == hash_captions([row.model_copy(update={"reward": 0.2})])
        True
    """
    # The prompts decide the images. Rewards do not, and another CLIP or machine gives other last digits.
    return hash_lines(f"{row.wnid}\t{row.rank}\t{row.caption}" for row in rows)


def find_problem(rows: Sequence[CaptionRecord]) -> str | None:
    """The first problem of rows sorted by class and rank, as a sentence; None if they are valid.

    Example:
        >>> find_problem([])
        'there is no caption.'
        >>> find_problem([CaptionRecord(wnid="n01443537", rank=1, caption="A goldfish reads.", reward=None)])
        'class n01443537 has rank 1 where 0 is due.'
    """
    if not rows:
        return "there is no caption."
    expected: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    for row in rows:
        if row.wnid not in load_index_by_wnid():
            return f"{row.wnid} is no ImageNet class."
        if row.rank != expected.get(row.wnid, 0):
            return f"class {row.wnid} has rank {row.rank} where {expected.get(row.wnid, 0)} is due."
        if (row.wnid, row.caption) in seen:
            return f"class {row.wnid} has the caption '{row.caption}' twice."
        expected[row.wnid] = row.rank + 1
        seen.add((row.wnid, row.caption))
    return None


def write_captions(path: Path, captions: CaptionSet) -> None:
    """Freeze captions; an existing file is never changed.

    Raises:
        InputError: The file exists and holds other captions.
        StorageError: It cannot be written.
    """
    text = "".join(f"{line}\n" for line in _format_lines(captions))
    if path.is_file():
        # Running the same command again is no mistake.
        if path.read_bytes() == text.encode():
            return
        raise InputError(
            f"'{path}' is frozen and holds other captions. Choose another --out; for another version of "
            "the captions also raise --version."
        )
    write_text(path, text)


def load_captions(path: Path) -> CaptionSet:
    """Read a caption file and check its hash.

    Raises:
        DataError: It does not exist, is not a caption file, or was changed after it was frozen.
    """
    try:
        # Not `splitlines`, which also breaks at U+0085 and U+2028; JSON keeps both inside a caption.
        header, *lines = path.read_text(encoding="utf-8").split("\n")
        captions = CaptionSet(
            CaptionHeader.model_validate_json(header),
            tuple(CaptionRecord.model_validate_json(line) for line in lines if line),
        )
    except FileNotFoundError as error:
        raise DataError(f"There is no caption file '{path}'.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Caption file '{path}' cannot be read: {error}") from error
    except ValidationError as error:
        raise DataError(f"'{path}' is not a caption file: {_format_first(error)}") from error
    _validate_content(path, captions)
    return captions


def _validate_content(path: Path, captions: CaptionSet) -> None:
    header = captions.header
    if hash_captions(captions.rows) != header.content_sha256 or len(captions.rows) != header.num_captions:
        raise DataError(
            f"Caption file '{path}' was changed or cut off after it was frozen: its captions do not have the "
            "hash of its header. Use a complete copy, or freeze the changed captions under a new version."
        )
    problem = find_problem(captions.rows)
    if problem is None and len(captions.rows_by_wnid) != header.num_classes:
        problem = f"the header has {header.num_classes} classes, the rows have {len(captions.rows_by_wnid)}."
    if problem is not None:
        raise DataError(f"Caption file '{path}' contradicts itself: {problem}")


def _format_lines(captions: CaptionSet) -> Iterator[str]:
    yield captions.header.model_dump_json()
    yield from (row.model_dump_json() for row in captions.rows)


def _format_first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}." if where else f"{first['msg']}."
