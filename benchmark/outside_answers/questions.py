"""A multiple-choice question about an image: which classes are offered, in which order, and how it is stored.

Options and their order follow from the seed, the image's id and the classes alone, never from the position in
a run: a question stays the same when others are added or left out.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.class_names import find_classes
from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.outside_answers.tables import Table, read_table

LETTERS = string.ascii_uppercase
MAX_OPTIONS = len(LETTERS)
PROMPT = "What is the main object in this image?"


@dataclass(frozen=True, slots=True)
class ImageQuestion:
    """What is asked about an image.

    Attributes:
        image_id: The image.
        options: Class indices, A first.
        answer: Which of them is right, from 0; None where the file does not say.
    """

    image_id: str
    options: tuple[int, ...]
    answer: int | None


def make_question(
    image_id: str, labels: Sequence[int], ranked: Sequence[int], *, num_options: int, seed: int
) -> ImageQuestion:
    """A question whose wrong options are the first of a ranking that differ from the right one by name.

    Args:
        image_id: The image.
        labels: Its classes; the first is the right option, the others are not offered.
        ranked: Class indices, the hardest to tell from the right one first.
        num_options: k, the right one among them.
        seed: Decides the order of the options.

    Raises:
        DataError: The ranking has too few classes.

    Example:
        >>> question = make_question("a", [0], [0, 1, 2, 3], num_options=3, seed=0)
        >>> sorted(question.options), question.options[question.answer]
        ([0, 1, 2], 0)
    """
    wrong = _choose_wrong(labels, ranked, num_options - 1)
    if len(wrong) < num_options - 1:
        raise DataError(
            f"Image '{image_id}' has {len(wrong)} wrong classes to choose from, and {num_options - 1} are "
            "needed. Ask for fewer options."
        )
    options = sorted((labels[0], *wrong), key=lambda index: hash_choice(seed, image_id, index))
    return ImageQuestion(image_id, tuple(options), options.index(labels[0]))


def _choose_wrong(labels: Sequence[int], ranked: Sequence[int], count: int) -> list[int]:
    classes = load_classes()
    # Two classes of one name would be one option twice, of which only one is right.
    taken = {classes[index].name.casefold() for index in labels}
    wrong: list[int] = []
    for index in ranked:
        if len(wrong) == count:
            break
        name = classes[index].name.casefold()
        if name not in taken:
            taken.add(name)
            wrong.append(int(index))
    return wrong


def rank_by_logits(logits: npt.NDArray[np.float32], allowed: Sequence[int]) -> list[int]:
    """Allowed classes by their logits of one image, highest first; equal ones in the order of the classes.

    Args:
        logits: `(1000,)`; -inf for a class that the model has no output for, which is not offered.
        allowed: Class indices.

    Example:
        >>> logits = np.full(1000, -np.inf, dtype=np.float32)
        >>> logits[[3, 5, 7]] = 1, 2, 3
        >>> rank_by_logits(logits, [2, 3, 5])
        [5, 3]
    """
    # Sorted by class first, because the sort by logit keeps the order of equal ones.
    chosen = [index for index in sorted(allowed) if np.isfinite(logits[index])]
    return sorted(chosen, key=lambda index: -float(logits[index]))


def rank_by_chance(image_id: str, allowed: Sequence[int], *, seed: int) -> list[int]:
    """Allowed classes in an order that follows from the seed and the image."""
    return sorted(allowed, key=lambda index: hash_choice(seed, f"{image_id}/wrong", index))


def hash_choice(seed: int, image_id: str, index: int) -> str:
    """What options are sorted by: the same in every version of Python, as a random generator need not be."""
    return hash_bytes(f"{seed}/{image_id}/{load_classes()[index].wnid}".encode())


def make_cells(question: ImageQuestion, number: int, *, answers: bool) -> dict[str, str]:
    """The columns of a question, as VLMEvalKit names them, with `image_id` and `wnids` beside them."""
    classes = load_classes()
    named = {letter: classes[index].name for letter, index in zip(LETTERS, question.options, strict=False)}
    cells = {"index": str(number), "image_id": question.image_id, "question": PROMPT, **named}
    if answers and question.answer is not None:
        right = question.options[question.answer]
        cells |= {"answer": LETTERS[question.answer], "category": classes[right].wnid}
    return cells | {"wnids": ",".join(classes[index].wnid for index in question.options)}


def load_questions(path: Path) -> tuple[dict[str, ImageQuestion], dict[str, str]]:
    """Questions of an exported file by image, and the image of each number.

    Raises:
        DataError: It is no such file, or a row is malformed.
    """
    table = read_table(path)
    missing = [name for name in ("index", "image_id", "wnids") if name not in table.columns]
    if missing:
        raise DataError(
            f"'{path}' has no column '{missing[0]}': it is no file of questions that 'imagenet-g export-mcq' "
            "wrote."
        )
    questions: dict[str, ImageQuestion] = {}
    numbers: dict[str, str] = {}
    for line, question, number in _list_questions(table):
        if question.image_id in questions or number in numbers:
            raise DataError(f"Line {line} of '{path}' repeats image '{question.image_id}' or its index.")
        questions[question.image_id] = question
        numbers[number] = question.image_id
    return questions, numbers


def _list_questions(table: Table) -> Iterator[tuple[int, ImageQuestion, str]]:
    known = load_index_by_wnid()
    for row in table.rows:
        wnids = str(row.cells.get("wnids", "")).split(",")
        options = tuple(known[wnid] for wnid in wnids if wnid in known)
        # The letters are read by their place: one wnid that is left out would shift all behind it.
        if len(options) != len(wnids) or len(set(options)) != len(options) or len(options) > MAX_OPTIONS:
            raise DataError(f"Line {row.line} of '{table.path}' has malformed 'wnids'.")
        yield (
            row.line,
            ImageQuestion(str(row.cells.get("image_id", "")), options, None),
            str(row.cells.get("index", "")),
        )


def find_option(text: str, question: ImageQuestion) -> int | None:
    """The class that an option's name stands for; None where it is no option's name.

    Example:
        >>> question = ImageQuestion("a", (0, 1), None)
        >>> find_option("Goldfish", question), find_option("cat", question)
        (1, None)
    """
    # Among the options alone: a name that two classes share is clear where one of them is offered.
    named = find_classes(text) & set(question.options)
    return min(named) if len(named) == 1 else None


def count_options(questions: Mapping[str, ImageQuestion]) -> int:
    """The largest number of options of a question."""
    return max((len(question.options) for question in questions.values()), default=0)
