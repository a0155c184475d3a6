"""Multiple-choice questions: which options, and in which order."""

from collections import Counter
from pathlib import Path

import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.outside_answers.questions import (
    ImageQuestion,
    load_questions,
    make_cells,
    make_question,
    rank_by_chance,
)

MISSILES = (657, 744)


def test_wrong_options_are_the_hardest_that_differ_by_name() -> None:
    """Neither the image's other label nor a class of the same name as one that is offered."""
    question = make_question("a", [3, 7], [7, MISSILES[0], 3, MISSILES[1], 9, 11], num_options=3, seed=0)
    assert set(question.options) == {3, MISSILES[0], 9}
    assert question.answer is not None and question.options[question.answer] == 3


def test_a_class_of_the_right_ones_name_is_never_offered() -> None:
    """Both would be right, and one of them counts."""
    question = make_question("a", [MISSILES[0]], [MISSILES[1], 1, 2], num_options=3, seed=0)
    assert set(question.options) == {MISSILES[0], 1, 2}


def test_the_right_option_stands_at_every_place_alike() -> None:
    """Of 2,000 questions each of four places gets 500, give or take four standard deviations."""
    made = [make_question(str(n), [0], [1, 2, 3], num_options=4, seed=1) for n in range(2000)]
    counts = Counter(question.answer for question in made)
    assert all(abs(counts[place] - 500) < 4 * (2000 * 0.25 * 0.75) ** 0.5 for place in range(4))


def test_a_question_follows_from_seed_image_and_classes_alone() -> None:
    """Another seed gives another order; the same gives the same in every version."""
    ranked = list(range(1, 10))
    first = make_question("a", [0], ranked, num_options=6, seed=0)
    assert first == make_question("a", [0], ranked, num_options=6, seed=0)
    assert first.options != make_question("a", [0], ranked, num_options=6, seed=1).options
    assert rank_by_chance("a", ranked, seed=0) == rank_by_chance("a", ranked[::-1], seed=0)
    assert rank_by_chance("a", ranked, seed=0) != rank_by_chance("b", ranked, seed=0)


def test_too_few_classes_for_the_options_are_refused() -> None:
    """With the image and both numbers."""
    with pytest.raises(DataError, match=r"Image 'a' has 2 wrong classes .*, and 3 are needed"):
        make_question("a", [0], [0, 1, 2], num_options=4, seed=0)


def test_the_cells_hold_names_letters_and_wnids() -> None:
    """The right letter only where it is asked for."""
    question = ImageQuestion("a", (1, 0), 1)
    cells = make_cells(question, 3, answers=True)
    assert (cells["index"], cells["A"], cells["B"], cells["answer"]) == ("3", "goldfish", "tench", "B")
    assert cells["wnids"] == "n01443537,n01440764" and cells["category"] == "n01440764"
    assert not {"answer", "category"} & set(make_cells(question, 3, answers=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,image_id\n0,a\n", "has no column 'wnids'"),
        ("index,image_id,wnids\n0,a,\"n01440764,n99999999\"\n", "malformed 'wnids'"),
        ("index,image_id,wnids\n0,a,\"n01440764,n01440764\"\n", "malformed 'wnids'"),
        ("index,image_id,wnids\n0,a,n01440764\n0,b,n01440764\n", "Line 3 .* repeats image 'b' or its index"),
        ("index,image_id,wnids\n0,a,n01440764\n1,a,n01440764\n", "Line 3 .* repeats image 'a'"),
    ],
)  # fmt: skip
def test_a_damaged_file_of_questions_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """A letter must not stand for the class beside it."""
    path = tmp_path / "questions.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load_questions(path)


def test_missiles_are_two_classes_of_one_name() -> None:
    """What the tests above rely on."""
    names = {load_classes()[index].name for index in MISSILES}
    assert len(names) == 1
