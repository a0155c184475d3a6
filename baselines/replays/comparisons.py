"""The comparisons of one claim, tested together: p-values from intervals, Holm, a verdict. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imagenet_g.baselines.replays.records import Answer, ComparisonRecord, Verdict
from imagenet_g.benchmark.statistics.corrections import adjust_holm
from imagenet_g.benchmark.statistics.intervals import CONFIDENCE

LEVEL = 1 - CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A difference that a claim is about.

    Attributes:
        label: What is compared.
        column: The split or shift, two of them, or a step of a training.
        value: A fraction in [-1, 1].
        interval: Its 95 % interval; None where there is not any.
        freedom: Degrees of freedom of the interval, such as the number of classes less 1.
        rises: Whether the claim expects it above 0.
    """

    label: str
    column: str
    value: float
    interval: tuple[float, float] | None
    freedom: float
    rises: bool


def judge_differences(differences: Sequence[Difference]) -> tuple[ComparisonRecord, ...]:
    """Which of a claim's differences lie on the expected side of 0, with Holm's correction over all of them.

    The chance that any of them is falsely decided is at most 5 %, however many there are; one without an
    interval is open and does not count.

    Example:
        >>> options = {"label": "model", "value": -0.1, "freedom": 100, "rises": False}
        >>> one = Difference(column="SD-L", interval=(-0.15, -0.05), **options)
        >>> other = Difference(column="SD-I", interval=(-0.199, -0.001), **options)
        >>> [found.answer for found in judge_differences([one])]
        ['yes']
        >>> [found.answer for found in judge_differences([other])]
        ['yes']
        >>> [found.answer for found in judge_differences([other] * 2)]  # two tests: each at 2.5 %
        ['open', 'open']
    """
    alone = [compute_p_value(one) for one in differences]
    corrected = iter(adjust_holm([value for value in alone if value is not None]).tolist())
    return tuple(
        _record(one, p_value, None if p_value is None else next(corrected))
        for one, p_value in zip(differences, alone, strict=True)
    )


def compute_p_value(difference: Difference) -> float | None:
    """That the difference is 0, two-sided, from its interval; None without one.

    The bound on the side of 0 lies t standard errors from the value, so the interval leaves out 0 exactly
    where the p-value is below 5 %. Bounds that are not symmetric are so for the sake of that side.

    Example:
        >>> touching = Difference(
        ...     label="model", column="SD-L", value=0.1, interval=(0.0, 0.3), freedom=9, rises=True
        ... )
        >>> round(compute_p_value(touching), 6)
        0.05
    """
    from scipy.stats import t

    if difference.interval is None:
        return None
    low, high = difference.interval
    value = difference.value
    reach = value - low if value > 0 else high - value
    if value == 0:
        return 1.0
    # An interval of one point: the two sets have the same images, and nothing is left to chance.
    if reach <= 0:
        return 0.0
    quantile = float(t.ppf(1 - LEVEL / 2, difference.freedom))
    return float(2 * t.sf(quantile * abs(value) / reach, difference.freedom))


def count_answers(comparisons: Sequence[ComparisonRecord]) -> dict[Answer, int]:
    """How many there are of each answer.

    Example:
        >>> count_answers(())
        {'yes': 0, 'no': 0, 'open': 0}
    """
    answers = [comparison.answer for comparison in comparisons]
    return {answer: answers.count(answer) for answer in ("yes", "no", "open")}


def count_answers_alone(comparisons: Sequence[ComparisonRecord]) -> dict[Answer, int]:
    """The same where each comparison is tested on its own, without correction."""
    return count_answers(
        [
            one.model_copy(
                update={"answer": choose_answer(one.value, one.p_value, rises=one.expected == "above 0")}
            )
            for one in comparisons
        ]
    )


def choose_answer(value: float, p_value: float | None, *, rises: bool) -> Answer:
    """Whether a difference lies on the expected side of 0.

    Example:
        >>> choose_answer(-0.1, 0.01, rises=False), choose_answer(-0.1, 0.01, rises=True)
        ('yes', 'no')
        >>> choose_answer(-0.1, 0.06, rises=False)
        'open'
    """
    # What chance may explain stays open and is not a "no": a small split cannot show that two are equal.
    if p_value is None or p_value >= LEVEL:
        return "open"
    return "yes" if (value > 0) == rises else "no"


def choose_verdict(answers: Sequence[Answer]) -> Verdict:
    """One word for several answers: more than half must be alike, without a contrary one.

    Returns:
        "agrees" for more than half "yes" and no "no", "disagrees" for more than half "no" and no "yes",
        "mixed" for at least one of each, else "open".

    Example:
        >>> choose_verdict(["yes", "yes", "open"])
        'agrees'
        >>> choose_verdict(["yes", "yes", "no"])
        'mixed'
        >>> choose_verdict(["yes", "open"])  # half is not most
        'open'
    """
    yes, no = answers.count("yes"), answers.count("no")
    # Before the majority is counted: many cells that agree must not hide one significant contradiction.
    if yes and no:
        return "mixed"
    if 2 * yes > len(answers):
        return "agrees"
    return "disagrees" if 2 * no > len(answers) else "open"


def _record(difference: Difference, p_value: float | None, p_holm: float | None) -> ComparisonRecord:
    low, high = difference.interval or (None, None)
    return ComparisonRecord(
        label=difference.label,
        column=difference.column,
        value=difference.value,
        low=low,
        high=high,
        expected="above 0" if difference.rises else "below 0",
        p_value=p_value,
        p_holm=p_holm,
        answer=choose_answer(difference.value, p_holm, rises=difference.rises),
    )
