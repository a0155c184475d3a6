"""Conditions on models: what they mean, and what a mistaken one says."""

from __future__ import annotations

import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.facts import UNKNOWN, ModelFacts
from imagenet_g.benchmark.sweeps.conditions import parse_condition

FACTS = ModelFacts(
    library="timm",
    name="vit_base.augreg_in21k_ft_in1k",
    architecture="vit_base",
    tag="augreg_in21k_ft_in1k",
    num_parameters=(86.56e6, 86.58e6),
    input_size=(224, 224),
    top1=(0.8453, 0.8453),
)


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("num_parameters < 100M", True),
        ("num_parameters < 0.1G and input_size <= 224", True),
        ("num_parameters >= 100_000k", False),
        ("input_size != 224 or top1 > 84%", True),
        ("top1 > 0.9", False),
        ("tag like '*in21k*' and not architecture == 'resnet50'", True),
        ('library == "TIMM"', True),
        ("input_size == 224 and (top1 < 50% or num_parameters < 1M)", False),
        ("not (input_size < 224) and not not input_size > 200", True),
        ("name like 'vit[*'", False),
    ],
)
def test_a_condition_means_what_it_says(condition: str, answer: bool) -> None:
    """Units, percent, patterns, brackets and the three words between comparisons."""
    assert parse_condition(condition).judge(FACTS) is answer


def test_and_binds_closer_than_or() -> None:
    """As in every language that has both."""
    assert parse_condition("input_size == 224 or input_size == 1 and top1 > 99%").judge(FACTS) is True


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ("num_parameters < 86.57M", None),
        ("num_parameters == 86.57M", None),
        ("num_parameters < 86.57M and input_size > 300", False),
        ("num_parameters < 86.57M or input_size < 300", True),
        ("not num_parameters < 86.57M", None),
    ],
)
def test_a_rounded_figure_decides_only_what_it_can(condition: str, answer: bool | None) -> None:
    """A published 86.57 M may be above or below 86.57 million; other facts may decide all the same."""
    assert parse_condition(condition).judge(FACTS) is answer


def test_an_unknown_figure_decides_nothing() -> None:
    """It is neither above nor below anything."""
    unknown = ModelFacts(library="timm", name="a", top1=UNKNOWN)
    answers = [parse_condition(f"top1 {sign} 50%").judge(unknown) for sign in ("<", ">=", "==", "!=")]
    assert answers == [None] * 4


@pytest.mark.parametrize(
    ("condition", "position", "words"),
    [
        ("num_paramters < 3", 1, "did you mean 'num_parameters'?"),
        ("tag == in1k", 8, "text in quotes"),
        ("", 1, "the end"),
        ("num_parameters", 15, "compared by < <= > >= == !="),
        ("num_parameters <", 17, "the end"),
        ("num_parameters < 100X", 18, "'100X'"),
        ("num_parameters < 1__", 18, "'1__'"),
        ("num_parameters = 3", 16, "'=' is not expected"),
        ("input_size < 100M", 14, "without a unit"),
        ("top1 > 80", 8, "write 80% or 0.8"),
        ("num_parameters < 1e400", 18, "too large"),
        ("(tag == 'x'", 12, "closing bracket"),
        ("tag == 'x' tag", 12, "'and', 'or' or the end"),
        ("__import__('os').system('x')", 17, "'.' is not expected"),
        ("__import__('os')", 1, "name of a fact"),
        ("not " * 50 + "input_size > 1", 81, "more than 20 deep"),
        ("(" * 900, 21, "more than 20 deep"),
        ("tag < 'x'", 5, "== != like"),
    ],
)
def test_a_mistake_is_named_with_its_position(condition: str, position: int, words: str) -> None:
    """One sentence on what is wrong where, and one on what is allowed."""
    with pytest.raises(InputError) as caught:
        parse_condition(condition)
    message = str(caught.value)
    assert f"at character {position}:" in message
    assert words in message
    assert "num_parameters, input_size or top1" in message


def test_a_condition_has_a_length() -> None:
    """Whatever a file holds, reading it takes no time."""
    with pytest.raises(InputError, match="at most 1000 characters"):
        parse_condition("(" * 1001)
