"""What a system answered, from a table that someone else wrote."""

from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import DataError, ImagenetGError, InputError
from imagenet_g.benchmark.outside_answers.answers import Answer, AnswerRules, load_answers
from imagenet_g.benchmark.outside_answers.questions import ImageQuestion

LETTERS = AnswerRules(
    {"a": ImageQuestion("a", (0, 1, 2, 3), None), "b": ImageQuestion("b", (5, 4), None)}, {"0": "a", "1": "b"}
)


def write(folder: Path, text: str, name: str = "answers.csv") -> Path:
    """A file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "n01443537",
        "1",
        "1.0",
        "goldfish",
        "Goldfish",
        '"goldfish, Carassius auratus"',
        "GOLDFISH ",
    ],
)
def test_a_class_may_be_written_in_every_usual_way(text: str, tmp_path: Path) -> None:
    """Wnid, number (also as pandas writes it beside empty cells), or name."""
    path = write(tmp_path, f"image_id,answer\nx,{text}\n")
    assert load_answers(path, AnswerRules()) == {"x": Answer((1,), ())}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "image_id,answer,answer_2,probability,probability_2\nx,1,0,0.5,0.25\n"),
        ("a.csv", "\ufeffimage_id,answer,answer_2,probability,probability_2\r\nx,1,0,0.5,0.25\r\n"),
        ("a.tsv", "image_id\tanswer\tanswer_2\tprobability\tprobability_2\nx\t1\t0\t0.5\t0.25\n"),
        ("a.jsonl", '{"image_id": "x", "answer": [1, 0], "probability": [0.5, 0.25]}\n\n'),
        ("a.jsonl", '{"image_id": "x", "answer": 1, "answer_2": 0, "probability": [0.5, 0.25]}'),
    ],
)  # fmt: skip
def test_all_formats_hold_the_same(name: str, text: str, tmp_path: Path) -> None:
    """Up to five answers, best first, with their probabilities."""
    found = load_answers(write(tmp_path, text, name), AnswerRules())
    assert found == {"x": Answer((1, 0), (0.5, 0.25))}


def test_an_empty_cell_is_no_answer(tmp_path: Path) -> None:
    """As a system gives that declines."""
    path = write(tmp_path, "image_id,answer\nx,\ny,1\n")
    assert load_answers(path, AnswerRules()) == {"x": Answer((), (), "no answer"), "y": Answer((1,), ())}


def test_an_answer_that_names_no_class_may_count_as_wrong(tmp_path: Path) -> None:
    """Where that is asked for."""
    path = write(tmp_path, "image_id,answer\nx,some animal\n")
    found = load_answers(path, AnswerRules(unmatched_is_wrong=True))
    assert found["x"].classes == () and found["x"].reason == "the answer names no class"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,answer\nx,some animal\n", r"Line 2 .*'some animal' is no wnid.*--unmatched wrong"),
        ("image_id,answer\nx,crane\n", "'crane' names n02012849 and n03126707. Write the wnid"),
        ("image_id,answer\nx,1000\n", r"class number 1000 is outside 0\.\.999"),
        ("image_id,answer\nx,n00000000\n", "is no wnid"),
        ("image_id,answer\nx,-1\n", "'-1' is no wnid"),
        ("image_id,answer\nx,1\nx,1\n", "Line 3 .* answers image 'x' again"),
        ("image_id,answer\n,1\n", "Line 2 .* has no image_id"),
        ("image_id,answer\nx,1,2\n", "Line 2 .* has 3 cells under 2 columns"),
        ("image_id,answer\nx\n", "Line 2 .* has 1 cells under 2 columns"),
        ("image_id,answer,answer_2\nx,1,1\n", "names one class twice"),
        ("image_id,answer,answer_2\nx,,1\n", "leaves out a better answer"),
        ("image_id,answer,probability\nx,1,87\n", "probability '87' does not lie in 0 to 1"),
        ("image_id,answer,probability\nx,1,nan\n", "probability 'nan'"),
        ("image_id,answer,probability\nx,1,0\n", "that are 0 at their best"),
        ("image_id,answer,probability\nx,1,0.5\ny,1,\n", "probabilities for 1 of 2 answers"),
        (
            "image_id,answer,answer_2,probability,probability_2\nx,1,2,0.1,0.5\n",
            "worse answer with a higher probability",
        ),
        (
            "image_id,answer,answer_2,probability,probability_2\nx,1,2,0.9,0.9\n",
            "more than 1 in all",
        ),
        ("image_id,answer,answer_2,probability\nx,1,2,0.9\n", "1 probabilities for 2 answers"),
        ("image,answer\nx,1\n", "has the columns image, answer; it needs image_id and prediction or answer"),
        ("index,prediction\n0,A\n", "Answers to exported questions need --questions FILE"),
        ("image_id,image_id\nx,1\n", "it has 'image_id' twice"),
        ("", "must name the columns"),
        ("image_id,answer\n", "has no row"),
        ('image_id,answer\n"x,1\n', "is malformed"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    """One message each."""
    with pytest.raises(DataError, match=message):
        load_answers(write(tmp_path, text), AnswerRules())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "Line 1 .* must be a JSON object"),
        ("{", "Line 1 .* is not valid JSON"),
        ('{"image_id": "x", "answer": true}', "'True' is no wnid"),
        ('{"image_id": "x", "answer": [1, 2, 3, 4, 5, 6]}', "has 6 answers; at most 5"),
        ('{"image_id": "x", "answer": {"a": 1}}', "is no wnid"),
    ],
)
def test_malformed_json_lines_are_refused(text: str, message: str, tmp_path: Path) -> None:
    """As tables are."""
    with pytest.raises(DataError, match=message):
        load_answers(write(tmp_path, text, "a.jsonl"), AnswerRules())


@pytest.mark.parametrize("name", ["a.xlsx", "a"])
def test_other_formats_are_named_with_those_that_are_read(name: str, tmp_path: Path) -> None:
    """A spreadsheet can be saved as one of them."""
    with pytest.raises(InputError, match=r"must end in \.csv, \.tsv, \.jsonl"):
        load_answers(write(tmp_path, "", name), AnswerRules())


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Such as a spreadsheet with another ending."""
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        load_answers(tmp_path / "a.csv", AnswerRules())


@pytest.mark.parametrize(
    "text", ["B", "b", "B.", "(B)", "B)", "B: goldfish", "B. goldfish", "(B) goldfish", "goldfish"]
)
def test_a_letter_may_be_written_in_every_usual_way(text: str, tmp_path: Path) -> None:
    """Or as the option's words."""
    path = write(tmp_path, f"index,prediction\n0,{text}\n")
    assert load_answers(path, LETTERS) == {"a": Answer((1,), ())}


def test_the_prediction_counts_where_the_right_answer_stands_beside_it(tmp_path: Path) -> None:
    """As in the files that VLMEvalKit writes."""
    path = write(tmp_path, "index,question,answer,prediction\n0,What?,A,C\n")
    assert load_answers(path, LETTERS)["a"].classes == (2,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index,prediction\n1,C\n", "'C' is none of the options A to B of image 'b'"),
        ("index,prediction\n0,1\n", "'1' is none of the options"),
        ("index,prediction\n0,A bird\n", "'A bird' is none of the options"),
        ("index,prediction\n7,A\n", "no question has the index '7'"),
        ("image_id,prediction\nx,A\n", "no question has the image_id 'x'"),
        ("index,question,answer\n0,What?,A\n", "holds questions with the right answers, and no column 'pred"),
    ],
)
def test_letters_that_fit_no_option_are_refused(text: str, message: str, tmp_path: Path) -> None:
    """A sentence that begins with 'A' is no letter, and the questions are no answers."""
    with pytest.raises(ImagenetGError, match=message):
        load_answers(write(tmp_path, text), LETTERS)
