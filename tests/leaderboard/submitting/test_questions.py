"""What `imagenet-g submit` asks, of whom, and what it takes for an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from submission_cases import write_result_folder
from terminal import CTRL_C, Terminal, open_terminal

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.leaderboard.submitting.questions import (
    QUESTIONS,
    Question,
    ask_questions,
    explain_bad_answer,
    take_answers,
)

SUGGESTED = {
    "name": "A Net",
    "training_data": "imagenet-1k",
    "supervision": "unknown",
    "generated_training_data": "none",
}
TYPED = {"organisation": "Example Lab", "authors": "A. Author; B. Author", "contact": "a@example.org"}


def answer_with(answers: list[str]) -> tuple[Callable[[str], str], list[str]]:
    """A person who types these lines, and what was shown to them."""
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        if not answers:
            raise EOFError
        return answers.pop(0)

    return ask, prompts


def test_each_question_is_asked_once_in_order() -> None:
    """Good answers are taken as they are."""
    ask, prompts = answer_with(["Example Lab", "", "A. Author", "a@example.org", *[""] * 8])
    answers = ask_questions(QUESTIONS, given={}, suggested=SUGGESTED, ask=ask, say=prompts.append)
    assert len(prompts) == len(QUESTIONS)
    assert answers["organisation"] == "Example Lab"
    assert answers["name"] == "A Net"
    assert answers["url"] == ""


def test_a_question_shows_what_is_allowed_and_what_is_likely() -> None:
    """Choices in round brackets, the default in square ones."""
    ask, prompts = answer_with(["Example Lab", "", "A. Author", "a@example.org", *[""] * 8])
    ask_questions(QUESTIONS, given={}, suggested=SUGGESTED, ask=ask, say=prompts.append)
    assert "What it was trained on (imagenet-1k, more-data, unknown) [imagenet-1k]: " in prompts


def test_what_a_flag_said_is_not_asked() -> None:
    """Nor shown."""
    ask, prompts = answer_with([])
    given = dict.fromkeys((question.field for question in QUESTIONS), "") | SUGGESTED | TYPED
    assert ask_questions(QUESTIONS, given=given, suggested={}, ask=ask, say=prompts.append) == given
    assert prompts == []


@pytest.mark.parametrize(
    ("field", "bad", "reason"),
    [
        ("contact", "me", "mail address"),
        ("supervision", "magic", "supervised, self-supervised, zero-shot, unknown"),
        ("name", "=1+1", "formula"),
        ("url", "http://x.org", "https://"),
        ("organisation", "", "must be answered"),
    ],
)
def test_a_bad_answer_is_explained_and_asked_again(field: str, bad: str, reason: str) -> None:
    """Until one can be taken."""
    question = next(question for question in QUESTIONS if question.field == field)
    good = {"contact": "a@example.org", "supervision": "supervised", "url": "https://x.org"}.get(field, "A")
    ask, _ = answer_with([bad, bad, good])
    said: list[str] = []
    answers = ask_questions([question], given={}, suggested={}, ask=ask, say=said.append)
    assert answers == {field: good}
    assert len(said) == 2
    assert reason in said[0]


def test_the_end_of_the_input_is_said() -> None:
    """Not taken for an empty answer to the rest."""
    ask, _ = answer_with(["Example Lab"])
    with pytest.raises(InputError, match="Nothing was written"):
        ask_questions(QUESTIONS, given={}, suggested={}, ask=ask, say=len)


def test_all_missing_flags_are_named_at_once() -> None:
    """Where nobody can be asked."""
    with pytest.raises(InputError) as caught:
        take_answers(QUESTIONS, given={}, suggested=SUGGESTED)
    for flag in ("--organisation", "--authors", "--contact"):
        assert flag in str(caught.value)
    assert "--name" not in str(caught.value)


def test_all_bad_flags_are_named_at_once() -> None:
    """Before anything is asked."""
    bad = {"contact": "me", "training_data": "everything"}
    with pytest.raises(InputError, match=r"--contact 'me' .*--training-data 'everything'"):
        ask_questions(QUESTIONS, given=bad, suggested={}, ask=input, say=len)


@given(st.text(max_size=100), st.sampled_from(QUESTIONS))
def test_any_text_is_taken_or_explained(text: str, question: Question) -> None:
    """Never an exception."""
    reason = explain_bad_answer(question, text)
    assert reason is None or reason


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result's folder, with its predictions."""
    return write_result_folder(tmp_path / "result")


def test_without_a_terminal_one_message_lists_the_flags(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, nothing written."""
    assert main(["submit", "--local", str(result), "--to", str(result.parent / "to")]) == 2
    message = capsys.readouterr().err
    assert message.count("imagenet-g:") == 1
    assert "--organisation TEXT" in message
    assert not (result.parent / "to").exists()


def test_flags_alone_make_a_submission(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts."""
    words = [f"--{field}={value}" for field, value in TYPED.items()]
    to = result.parent / "to"
    assert main(["submit", "--local", str(result), "--to", str(to), "--name=A Net", *words]) == 0
    assert "recomputed" in capsys.readouterr().out
    assert [path.name for path in to.rglob("*.json")] == ["example-lab__a-net.json"]


def test_a_partial_result_is_refused_before_any_question(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twelve answers later would be too late."""
    content = json.loads((result / "result.json").read_text())
    content["entries"][0]["limit"] = 5
    (result / "result.json").write_text(json.dumps(content))
    assert main(["submit", "--local", str(result), "--to", str(result.parent / "to")]) == 2
    assert "without --limit" in capsys.readouterr().err


def type_answers(terminal: Terminal, *, until: str | None = None) -> None:
    """Answer what must be answered, and take the default of the rest."""
    for question in QUESTIONS:
        terminal.wait_for(question.text)
        if question.field == until:
            return
        terminal.type_line({**TYPED, "name": "A Net"}.get(question.field, ""))


def test_on_a_terminal_the_answers_make_a_submission(result: Path) -> None:
    """As a person types them."""
    with open_terminal(
        ["submit", "--local", str(result), "--to", "to"], folder=result.parent, seconds=60
    ) as terminal:
        type_answers(terminal)
        assert terminal.wait_for_end() == 0, terminal.screen
    assert (result.parent / "to" / "mini" / "example-lab__a-net.json").is_file()


def test_ctrl_c_among_the_questions_writes_nothing(result: Path) -> None:
    """And says so."""
    with open_terminal(
        ["submit", "--local", str(result), "--to", "to"], folder=result.parent, seconds=20
    ) as terminal:
        type_answers(terminal, until="contact")
        assert terminal.press_until_end(CTRL_C) == 130, terminal.screen
    assert "nothing was written" in terminal.screen
    assert not (result.parent / "to").exists()
