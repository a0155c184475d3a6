"""Conditions on models, such as `num_parameters < 100M and input_size <= 288`: read by hand, never run.

    condition   = all {"or" all}
    all         = one {"and" one}
    one         = "not" one | "(" condition ")" | comparison
    comparison  = NUMBER_FACT ("<" | "<=" | ">" | ">=" | "==" | "!=") number
                | TEXT_FACT ("==" | "!=" | "like") quoted text

A figure may be known only within a range, or not at all. An answer is then True, False or None for unknown,
by the three-valued logic of Kleene (1938).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from imagenet_g.benchmark.errors import InputError, suggest_names
from imagenet_g.benchmark.naming.facts import ModelFacts, Range
from imagenet_g.benchmark.sweeps.tokens import Token, make_error, split_tokens

NUMBER_FACTS = {"num_parameters": "kMBG", "input_size": "", "top1": "%"}
"""Names of figures, and the units that may follow their numbers."""
TEXT_FACTS = ("library", "name", "architecture", "tag")
MAX_DEPTH = 20
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "%": 0.01}
_SIGNS = ("<", "<=", ">", ">=", "==", "!=")
_NUMBER = re.compile(r"(\d+(?:_\d+)*(?:\.\d+)?(?:[eE][+-]?\d+)?)(.*)")


class Condition(Protocol):
    """A condition that was read."""

    def judge(self, facts: ModelFacts) -> bool | None:
        """Whether it holds; None where what is known does not decide it."""


@dataclass(frozen=True, slots=True)
class NumberComparison:
    """A figure beside a number.

    Attributes:
        fact: Name of the figure.
        sign: "<", "<=", ">", ">=", "==" or "!=".
        value: The number.
    """

    fact: str
    sign: str
    value: float

    def judge(self, facts: ModelFacts) -> bool | None:
        """Whether it holds for every value in the range of the figure, for none, or None."""
        known: Range = getattr(facts, self.fact)
        return compare_range(known, self.sign, self.value)


@dataclass(frozen=True, slots=True)
class TextComparison:
    """A text beside another; case does not count.

    Attributes:
        fact: Name of the text.
        sign: "==", "!=" or "like", which takes * and ? for any characters.
        value: The other text.
    """

    fact: str
    sign: str
    value: str

    def judge(self, facts: ModelFacts) -> bool | None:
        """Whether it holds."""
        text, wanted = str(getattr(facts, self.fact)).lower(), self.value.lower()
        if self.sign == "like":
            return fnmatchcase(text, wanted.replace("[", "[[]"))
        return (text == wanted) == (self.sign == "==")


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    part: Condition

    def judge(self, facts: ModelFacts) -> bool | None:
        """Whether the part does not hold."""
        found = self.part.judge(facts)
        return None if found is None else not found


@dataclass(frozen=True, slots=True)
class Joined:
    """Conditions joined by "and", or by "or".

    Attributes:
        parts: At least one.
        decisive: The answer of one part that decides: False for "and", True for "or".
    """

    parts: tuple[Condition, ...]
    decisive: bool

    def judge(self, facts: ModelFacts) -> bool | None:
        """Whether all hold, or at least one does."""
        found = [part.judge(facts) for part in self.parts]
        if self.decisive in found:
            return self.decisive
        return None if None in found else not self.decisive


def compare_range(known: Range, sign: str, value: float) -> bool | None:
    """Whether a comparison holds for all values of a range; None where it does for some.

    Example:
        >>> compare_range((99e6, 101e6), "<", 102e6), compare_range((99e6, 101e6), "<", 100e6)
        (True, None)
        >>> compare_range((224, 224), "!=", 288), compare_range((float("-inf"), float("inf")), ">", 0)
        (True, None)
    """
    low, high = known
    if sign in (">", "<="):
        above = True if low > value else (False if high <= value else None)
        return above if sign == ">" or above is None else not above
    if sign in ("<", ">="):
        below = True if high < value else (False if low >= value else None)
        return below if sign == "<" or below is None else not below
    equal = True if low == high == value else (False if value < low or value > high else None)
    return equal if sign == "==" or equal is None else not equal


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        InputError: It breaks the grammar; the message has the position and what is allowed.

    Example:
        >>> small = parse_condition("num_parameters < 100M and (input_size <= 288 or tag like '*in1k')")
        >>> small.judge(ModelFacts(library="timm", name="a.in1k", tag="in1k", num_parameters=(5e6, 5e6)))
        True
    """
    return _Reader(text, split_tokens(text)).read()


class _Reader:
    """Reads words from left to right."""

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self._text = text
        self._tokens = tokens
        self._place = 0
        self._depth = 0

    def read(self) -> Condition:
        found = self._read_any()
        if self._next.kind != "end":
            raise self._make_error(f"'{self._next.text}' follows where 'and', 'or' or the end is expected")
        return found

    def _read_any(self) -> Condition:
        parts = [self._read_all()]
        while self._take("or"):
            parts.append(self._read_all())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), decisive=True)

    def _read_all(self) -> Condition:
        parts = [self._read_one()]
        while self._take("and"):
            parts.append(self._read_one())
        return parts[0] if len(parts) == 1 else Joined(tuple(parts), decisive=False)

    def _read_one(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._make_error(f"brackets and 'not' stand more than {MAX_DEPTH} deep")
        try:
            if self._take("not"):
                return Not(self._read_one())
            if self._take("("):
                found = self._read_any()
                if not self._take(")"):
                    raise self._make_error("a closing bracket is missing")
                return found
            return self._read_comparison()
        finally:
            self._depth -= 1

    def _read_comparison(self) -> Condition:
        known = (*NUMBER_FACTS, *TEXT_FACTS)
        fact, shown = self._next.text, self._next.text or "the end"
        if self._next.kind != "word" or fact not in known:
            near = suggest_names(fact, known)
            meant = f"; did you mean '{near[0]}'?" if near else ""
            raise self._make_error(f"'{shown}' stands where the name of a fact is expected{meant}")
        self._place += 1
        sign = self._next.text
        signs = _SIGNS if fact in NUMBER_FACTS else ("==", "!=", "like")
        if sign not in signs:
            raise self._make_error(f"'{fact}' is compared by {' '.join(signs)}, not by '{sign or 'the end'}'")
        self._place += 1
        value, self._place = self._next, self._place + 1
        if fact in NUMBER_FACTS:
            return NumberComparison(fact, sign, self._read_number(value, fact))
        if value.kind != "text":
            self._place -= 1
            raise self._make_error(f"'{fact}' is compared with text in quotes, not with '{value.text}'")
        return TextComparison(fact, sign, value.text[1:-1])

    def _read_number(self, token: Token, fact: str) -> float:
        match = _NUMBER.fullmatch(token.text) if token.kind == "number" else None
        units = NUMBER_FACTS[fact]
        self._place -= 1
        if match is None or (match[2] and match[2] not in units):
            allowed = f" with {', '.join(units)} or no unit" if units else " without a unit"
            shown = token.text or "the end"
            raise self._make_error(f"'{fact}' is compared with a number{allowed}, not with '{shown}'")
        value = float(match[1]) * _UNITS[match[2]]
        if fact == "top1" and value > 1:
            raise self._make_error(f"'{token.text}' is no accuracy: write 80% or 0.8")
        if not math.isfinite(value):
            raise self._make_error(f"'{token.text}' is too large")
        self._place += 1
        return value

    def _take(self, word: str) -> bool:
        found = self._next.kind in ("word", "sign") and self._next.text == word
        self._place += found
        return found

    @property
    def _next(self) -> Token:
        return self._tokens[min(self._place, len(self._tokens) - 1)]

    def _make_error(self, problem: str) -> InputError:
        return make_error(self._text, self._next.position, problem)
