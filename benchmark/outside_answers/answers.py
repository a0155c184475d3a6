"""What a system answered, row by row: image, classes, and their probabilities where it gives them.

    image_id,answer                          a wnid, a number 0..999, or a name of the class
    image_id,answer,answer_2,...,answer_5    the best five, best first
    image_id,answer,probability,...          with their probabilities: probability, probability_2, ...
    index,prediction                         letters of exported questions, as VLMEvalKit writes them

In JSON lines `answer` and `probability` may be lists.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from imagenet_g.benchmark.answers.class_names import find_classes
from imagenet_g.benchmark.answers.top_five import TOP_K
from imagenet_g.benchmark.classes import NUM_CLASSES, load_classes
from imagenet_g.benchmark.errors import DataError, shorten
from imagenet_g.benchmark.outside_answers.questions import LETTERS, ImageQuestion, find_option
from imagenet_g.benchmark.outside_answers.tables import Table, TableRow, read_table

# "7.0" as well: a column of whole numbers with an empty cell is written so by data frames.
_NUMBER = re.compile(r"(\d+)(?:\.0+)?")
_LETTER = re.compile(r"\(?([A-Za-z])\)?[.):]?|\(?([A-Z])[.):]\s.*", re.DOTALL)
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one image.

    Attributes:
        classes: Class indices, best first, 1 to 5; none for no answer.
        probabilities: One for each class; none where the system gives none.
        reason: Why there is no answer; empty where there is one.
    """

    classes: tuple[int, ...]
    probabilities: tuple[float, ...]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """How answers are read.

    Attributes:
        questions: Exported questions by image; empty where answers are classes.
        numbers: The image of each question's number.
        unmatched_is_wrong: Whether an answer that names no class is no answer, and not refused.
    """

    questions: Mapping[str, ImageQuestion] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    unmatched_is_wrong: bool = False


def load_answers(path: Path, rules: AnswerRules) -> dict[str, Answer]:
    """Answers by image.

    Raises:
        InputError: The file's name does not end in a known format.
        DataError: A column is missing, or a row is malformed; the line is named.
    """
    table = read_table(path)
    id_column, answer_column = _find_columns(table, rules)
    found: dict[str, Answer] = {}
    for row in table.rows:
        image_id = _find_image(row, id_column, rules, path)
        if image_id in found:
            raise DataError(f"Line {row.line} of '{path}' answers image '{shorten(image_id)}' again.")
        found[image_id] = _read_answer(row, answer_column, image_id, rules, path)
    _check_alike(found, path)
    return found


def _find_columns(table: Table, rules: AnswerRules) -> tuple[str, str]:
    names = ("image_id", "index") if rules.questions else ("image_id",)
    id_column = next((name for name in names if name in table.columns), None)
    # A file of questions that was filled in has both: 'answer' is then the right one.
    answer_column = next((name for name in ("prediction", "answer") if name in table.columns), None)
    if id_column is None or answer_column is None:
        wanted = f"{' or '.join(names)} and prediction or answer"
        numbered = not rules.questions and "index" in table.columns
        hint = " Answers to exported questions need --questions FILE." if numbered else ""
        raise DataError(
            f"'{table.path}' has the columns {', '.join(table.columns)}; it needs {wanted}.{hint}"
        )
    if answer_column == "answer" and "question" in table.columns:
        raise DataError(
            f"'{table.path}' holds questions with the right answers, and no column 'prediction' with a "
            "system's own."
        )
    return id_column, answer_column


def _find_image(row: TableRow, column: str, rules: AnswerRules, path: Path) -> str:
    text = _format_cell(row.cells.get(column, ""))
    if not text:
        raise DataError(f"Line {row.line} of '{path}' has no {column}.")
    image_id = rules.numbers.get(text) if column == "index" else text
    if image_id is None or (rules.questions and image_id not in rules.questions):
        raise DataError(f"Line {row.line} of '{path}': no question has the {column} '{shorten(text)}'.")
    return image_id


def _read_answer(row: TableRow, column: str, image_id: str, rules: AnswerRules, path: Path) -> Answer:
    place = f"Line {row.line} of '{path}'"
    texts = _list_cells(row, column, place)
    if not texts:
        return Answer((), (), "no answer")
    question = rules.questions.get(image_id)
    classes = [
        _parse_class(text, place, rules) if question is None else _parse_option(text, question, place, rules)
        for text in texts
    ]
    if None in classes:
        return Answer((), (), "the answer names no class")
    known = tuple(index for index in classes if index is not None)
    if len(set(known)) < len(known):
        raise DataError(f"{place} names one class twice.")
    return Answer(known, _read_probabilities(row, len(known), place))


def _list_cells(row: TableRow, column: str, place: str) -> list[str]:
    """The ranked values of a row, best first: a list in one cell, or cells of numbered columns."""
    first = row.cells.get(column)
    if isinstance(first, list):
        values: list[object] = first
    else:
        names = [column, *(f"{column}_{number}" for number in range(2, TOP_K + 1))]
        values = [row.cells.get(name) for name in names]
        filled = [value is not None for value in values]
        if sorted(filled, reverse=True) != filled:
            raise DataError(f"{place} leaves out a better answer before a worse one.")
        values = [value for value in values if value is not None]
    if len(values) > TOP_K:
        raise DataError(f"{place} has {len(values)} answers; at most {TOP_K} are scored.")
    return [_format_cell(value) for value in values]


def _format_cell(value: object) -> str:
    # JSON has numbers where CSV has text; True is no class number, though Python calls it 1.
    return str(value).strip() if isinstance(value, str | int | float) else repr(value)


def _parse_class(text: str, place: str, rules: AnswerRules) -> int | None:
    number = _NUMBER.fullmatch(text)
    if number is not None:
        # Python refuses numbers of more than 4300 digits with an error of its own.
        index = int(number.group(1)) if len(number.group(1)) < 10 else NUM_CLASSES
        if index >= NUM_CLASSES:
            raise DataError(
                f"{place}: class number {shorten(text)} is outside 0..{NUM_CLASSES - 1}. Numbers count from "
                "0 in the order of the wnids."
            )
        return index
    found = find_classes(text)
    if len(found) > 1:
        wnids = " and ".join(load_classes()[index].wnid for index in sorted(found))
        raise DataError(f"{place}: '{shorten(text)}' names {wnids}. Write the wnid.")
    if not found and not rules.unmatched_is_wrong:
        raise DataError(
            f"{place}: '{shorten(text)}' is no wnid, no class number and no name of a class. Leave the cell "
            "empty for no answer, or count such answers as wrong with --unmatched wrong."
        )
    return min(found, default=None)


def _parse_option(text: str, question: ImageQuestion, place: str, rules: AnswerRules) -> int | None:
    """The class of an option by its letter, with or without brackets and words behind it, or by its name."""
    named = find_option(text, question)
    if named is not None:
        return named
    letter = _LETTER.fullmatch(text)
    if letter is not None:
        number = LETTERS.index((letter.group(1) or letter.group(2)).upper())
        if number < len(question.options):
            return question.options[number]
    if rules.unmatched_is_wrong:
        return None
    raise DataError(
        f"{place}: '{shorten(text)}' is none of the options A to {LETTERS[len(question.options) - 1]} of "
        f"image '{shorten(question.image_id)}'. Leave the cell empty for no answer, or count such answers as "
        "wrong with --unmatched wrong."
    )


def _read_probabilities(row: TableRow, count: int, place: str) -> tuple[float, ...]:
    texts = _list_cells(row, "probability", place)
    if not texts:
        return ()
    if len(texts) != count:
        raise DataError(f"{place} has {len(texts)} probabilities for {count} answers.")
    values = tuple(_parse_probability(text, place) for text in texts)
    if any(later > earlier for earlier, later in pairwise(values)):
        raise DataError(f"{place} has a worse answer with a higher probability.")
    # Stored predictions have 0 where no probability was given, so that no best answer may have it.
    if values[0] == 0 or sum(values) > 1 + _ROUNDING:
        raise DataError(f"{place} has probabilities that are 0 at their best, or more than 1 in all.")
    return values


def _parse_probability(text: str, place: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise DataError(f"{place}: the probability '{shorten(text)}' does not lie in 0 to 1.")
    return value


def _check_alike(answers: Mapping[str, Answer], path: Path) -> None:
    """Refuse a file in which some answers have probabilities: calibration would be of a part."""
    given = [answer for answer in answers.values() if answer.classes]
    without = sum(not answer.probabilities for answer in given)
    if 0 < without < len(given):
        raise DataError(
            f"'{path}' has probabilities for {len(given) - without} of {len(given)} answers. Give them for "
            "all, or leave the columns out."
        )


def list_unknown(answers: Mapping[str, Answer], known: Mapping[str, object]) -> Iterator[str]:
    """Images that are answered and not among the known ones."""
    return (image_id for image_id in answers if image_id not in known)
