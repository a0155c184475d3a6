"""The questions of a submission: one for each field, with the allowed answers and a default."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from imagenet_g.benchmark.errors import InputError
from imagenet_g.leaderboard.submissions.names import (
    explain_bad_contact,
    explain_bad_name,
    explain_bad_text,
    explain_bad_url,
)

Explain = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question.

    Attributes:
        field: Key of the answer, and the flag's name.
        text: The question.
        needed: Whether an answer must be given; "unknown" is one where it is among the choices.
        choices: The only answers allowed; empty for free text.
        explain: Why an answer is not allowed; None where it is.
    """

    field: str
    text: str
    needed: bool = True
    choices: tuple[str, ...] = ()
    explain: Explain = explain_bad_text

    @property
    def flag(self) -> str:
        """The option that answers it on the command line."""
        return f"--{self.field.replace('_', '-')}"

    @property
    def wording(self) -> str:
        """The question with what may be answered."""
        if self.choices:
            return f"{self.text} ({', '.join(self.choices)})"
        return self.text if self.needed else f"{self.text} (optional)"


QUESTIONS = (
    Question(field="organisation", text="Your organisation or name", explain=explain_bad_name),
    Question(field="name", text="The model's name on the board", explain=explain_bad_name),
    Question(field="authors", text="Authors, separated by semicolons"),
    Question(
        field="contact", text="Contact: a mail address or an https address", explain=explain_bad_contact
    ),
    Question(
        field="url",
        text="Paper, code or model card, an https address",
        needed=False,
        explain=explain_bad_url,
    ),
    Question(
        field="family",
        text="Architecture family, such as resnet",
        needed=False,
        explain=explain_bad_name,
    ),
    Question(
        field="supervision",
        text="How it was trained",
        choices=("supervised", "self-supervised", "zero-shot", "unknown"),
    ),
    Question(
        field="training_data",
        text="What it was trained on",
        choices=("imagenet-1k", "more-data", "unknown"),
    ),
    Question(field="training_data_details", text="The training sets by name", needed=False),
    Question(
        field="generated_training_data",
        text="Generators whose images it was trained on: none, unknown, or names separated by semicolons",
    ),
    Question(field="license", text="Licence of the weights", needed=False),
    Question(field="notes", text="Other remarks for readers", needed=False),
)


def explain_bad_answer(question: Question, answer: str) -> str | None:
    """Why an answer is not allowed; None where it is.

    Example:
        >>> explain_bad_answer(Question(field="license", text="Licence", needed=False), "") is None
        True
        >>> explain_bad_answer(Question(field="kind", text="Kind", choices=("a", "b")), "c")
        'must be one of a, b'
    """
    if not answer:
        return "must be answered" if question.needed else None
    if question.choices and answer not in question.choices:
        return f"must be one of {', '.join(question.choices)}"
    return question.explain(answer)


def ask_questions(
    questions: Sequence[Question],
    *,
    given: Mapping[str, str | None],
    suggested: Mapping[str, str],
    ask: Callable[[str], str],
    say: Callable[[str], object],
) -> dict[str, str]:
    """Every answer by field: those given, and for the rest one question at a time, repeated until allowed.

    Args:
        questions: In the order they are asked.
        given: Answers that are there already; None or absent for those to ask for.
        suggested: Defaults, used where the person only presses Enter.
        ask: Shows a prompt and returns what was typed.
        say: Shows why an answer is not allowed.

    Raises:
        InputError: The input ended before the last answer, or a given answer is not allowed.

    Example:
        >>> question = Question(field="supervision", text="How", choices=("supervised", "zero-shot"))
        >>> typed, suggested = iter(["guess", ""]), {"supervision": "supervised"}
        >>> ask_questions([question], given={}, suggested=suggested, ask=lambda _: next(typed), say=print)
          That must be one of supervised, zero-shot.
        {'supervision': 'supervised'}
    """
    # Before the first question: the reason for a wrong flag should not wait for twelve answers.
    refuse_bad_answers(questions, given)
    answers = {}
    for question in questions:
        answer = given.get(question.field)
        if answer is None:
            answer = _ask_until_good(question, suggested.get(question.field, ""), ask, say)
        answers[question.field] = answer
    return answers


def _ask_until_good(
    question: Question, default: str, ask: Callable[[str], str], say: Callable[[str], object]
) -> str:
    prompt = f"{question.wording}{f' [{default}]' if default else ''}: "
    while True:
        try:
            answer = ask(prompt).strip() or default
        # The end of piped input, or Ctrl-D; asking again would raise it for ever.
        except EOFError as error:
            raise InputError(f"The input ended at: {question.text}. Nothing was written.") from error
        reason = explain_bad_answer(question, answer)
        if reason is None:
            return answer
        say(f"  That {reason}." if answer else f"  It {reason}.")


def take_answers(
    questions: Sequence[Question], *, given: Mapping[str, str | None], suggested: Mapping[str, str]
) -> dict[str, str]:
    """Every answer by field without a terminal: those given, then those suggested, then nothing.

    Raises:
        InputError: Needed answers are missing; all their flags are named. Or one is not allowed.

    Example:
        >>> take_answers([Question(field="name", text="Name")], given={}, suggested={"name": "vit"})
        {'name': 'vit'}
    """
    refuse_bad_answers(questions, given)
    answers = {}
    for question in questions:
        answer = given.get(question.field)
        answers[question.field] = suggested.get(question.field, "") if answer is None else answer
    missing = [question for question in questions if question.needed and not answers[question.field]]
    if missing:
        listed = "\n".join(f"  {question.flag} TEXT  {question.wording}" for question in missing)
        # All at once: a batch script that fails on one flag after the other needs as many runs.
        raise InputError(
            f"A submission needs more answers, and there is no terminal to ask on. Give\n{listed}"
        )
    return answers


def refuse_bad_answers(questions: Sequence[Question], given: Mapping[str, str | None]) -> None:
    """Check the answers that were given beforehand.

    Raises:
        InputError: Some are not allowed; all of them are named.
    """
    bad = [
        f"{question.flag} {answer!r} {reason}"
        for question in questions
        if (answer := given.get(question.field)) is not None
        and (reason := explain_bad_answer(question, answer))
    ]
    if bad:
        raise InputError("; ".join(bad) + ".")
