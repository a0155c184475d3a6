"""Questions about the images of a split, written for other systems, with or without the images."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.identity import make_slug
from imagenet_g.benchmark.outside_answers.questions import (
    LETTERS,
    MAX_OPTIONS,
    ImageQuestion,
    make_cells,
    make_question,
    rank_by_chance,
)
from imagenet_g.benchmark.splits.readable import load_image
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS
from imagenet_g.benchmark.storage import replace_file, write_bytes, write_text

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".tsv", ".jsonl")
Ranking = Iterator[tuple[int, Sequence[int]]]
"""Rows of a split, and for each the classes that may be offered, the hardest first."""
Unreadable = Callable[[str, str], None]
"""Takes the id of an image that cannot be read, and the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to write.

    Attributes:
        path: The file, `.tsv` or `.jsonl`.
        num_options: k, 2 to 26.
        seed: Decides the order of the options, and the wrong ones where no model chooses them.
        answers: Whether the right letters are in the file.
        images: Folder for the images as files; None to write none.
        embeds: Whether the images are in the file, as base64.
    """

    path: Path
    num_options: int
    seed: int
    answers: bool = True
    images: Path | None = None
    embeds: bool = False

    @property
    def columns(self) -> list[str]:
        """Columns of the file, in order."""
        right = ["answer", "category"] if self.answers else []
        image = [*(["image_path"] if self.images is not None else []), *(["image"] if self.embeds else [])]
        return ["index", "image_id", "question", *LETTERS[: self.num_options], *right, "wnids", *image]


def check_request(request: ExportRequest) -> None:
    """Refuse what cannot be written, before any image is read.

    Raises:
        InputError: The number of options or the file's name.
    """
    if not 2 <= request.num_options <= MAX_OPTIONS:
        raise InputError(f"--options {request.num_options} must lie in 2 to {MAX_OPTIONS}.")
    if request.path.suffix.lower() not in SUFFIXES:
        raise InputError(f"'{request.path}' must end in {' or '.join(SUFFIXES)}.")


def list_allowed(split: Split) -> tuple[int, ...]:
    """Classes that may be offered: those of the split where it is about fewer than all, else all 1000."""
    return split.class_set.indices if split.outputs == "split-classes" else tuple(range(NUM_CLASSES))


def rank_all_by_chance(split: Split, rows: Sequence[int], seed: int) -> Ranking:
    """A ranking without any model."""
    allowed = list_allowed(split)
    return ((row, rank_by_chance(split.rows.image_ids[row], allowed, seed=seed)) for row in rows)


def export_questions(
    split: Split,
    ranking: Ranking,
    request: ExportRequest,
    *,
    chooser: Mapping[str, object] | None,
    on_unreadable: Unreadable,
) -> int:
    """Write the questions, and beside them a record of how they were made.

    Args:
        split: The images.
        ranking: Rows in the order of the file.
        request: What to write.
        chooser: Record of the model that chose the wrong options; None for chance.
        on_unreadable: Called with the id of each image that is left out, and the reason.

    Returns:
        How many questions there are.

    Raises:
        DataError: An image has too few wrong options, or none can be read.
        StorageError: A file cannot be written.
    """
    count = 0
    with replace_file(request.path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        write = _open_writer(stream, request)
        for row, ranked in ranking:
            question = _ask(split, row, ranked, request)
            image = _find_image(split, row, request, on_unreadable)
            if image is not None:
                write(make_cells(question, count, answers=request.answers) | image)
                # Counted here and not by row: numbers run without a gap where an image could not be read.
                count += 1
        if not count:
            raise DataError(f"No image of '{split.record.ref}' can be asked about: none can be read.")
    made = _describe(split, count, request, chooser)
    write_text(request.path.with_name(f"{request.path.name}.record.json"), json.dumps(made, indent=2) + "\n")
    return count


def _ask(split: Split, row: int, ranked: Sequence[int], request: ExportRequest) -> ImageQuestion:
    labels = [int(index) for index in split.rows.labels[row] if index != NO_CLASS]
    image_id = split.rows.image_ids[row]
    return make_question(image_id, labels, ranked, num_options=request.num_options, seed=request.seed)


def _open_writer(stream: TextIO, request: ExportRequest) -> Callable[[Mapping[str, str]], object]:
    if request.path.suffix.lower() == ".jsonl":
        # Names of classes have letters beyond ASCII, which people read in this file.
        return lambda cells: stream.write(json.dumps(cells, ensure_ascii=False) + "\n")
    writer = csv.DictWriter(stream, request.columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    return writer.writerow


def _find_image(
    split: Split, row: int, request: ExportRequest, on_unreadable: Unreadable
) -> dict[str, str] | None:
    """The columns of the image; None where it cannot be read."""
    if request.images is None and not request.embeds:
        return {}
    image_id = split.rows.image_ids[row]
    try:
        data = _encode(load_image(split, row))
    except DataError as error:
        on_unreadable(image_id, str(error))
        return None
    found: dict[str, str] = {}
    if request.images is not None:
        path = request.images / f"{make_slug(image_id)}.png"
        write_bytes(path, data)
        found["image_path"] = str(path)
    return found | ({"image": base64.b64encode(data).decode()} if request.embeds else {})


def _encode(image: Image.Image) -> bytes:
    # As PNG: what is asked about is what a model of this package sees, without a border and in RGB.
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _describe(
    split: Split, count: int, request: ExportRequest, chooser: Mapping[str, object] | None
) -> dict[str, object]:
    rule = "by chance" if chooser is None else "the classes that the model finds likeliest"
    return {
        "split": split.record.model_dump(mode="json"),
        "num_questions": count,
        "num_options": request.num_options,
        "seed": request.seed,
        "wrong_options": rule,
        "model": chooser,
    }
