"""The look at a stranger's JSON before it is parsed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.errors import UntrustedFileError
from imagenet_g.leaderboard.submissions.untrusted import parse_json, validate_depth


def count_depth(text: str) -> int:
    """Deepest nesting, one character after the other; what is inside a string does not count."""
    depth, deepest, inside, escaped = 0, 0, False, False
    for character in text:
        if inside:
            inside = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


@given(st.text(alphabet='[]{}"\\a\n', max_size=40))
def test_depth_is_that_of_a_character_by_character_count(text: str) -> None:
    """Quotes, escapes and unfinished strings among them."""
    if count_depth(text) > 2:
        with pytest.raises(UntrustedFileError, match="more than 2 deep"):
            validate_depth(text, max_depth=2)
    else:
        validate_depth(text, max_depth=2)


@pytest.mark.parametrize("text", ['"' + '\\"' * 2_000_000, '"' + '\\"' * 2_000_000 + "\\", "\"'" * 2_000_000])
def test_no_text_takes_long_to_look_at(text: str) -> None:
    """One pass, whatever the quotes are: a scan that went back at each would take hours."""
    started = time.process_time()
    validate_depth(text)
    assert time.process_time() - started < 20


@pytest.mark.parametrize("text", ['{"a": "\\ud800"}', '{"\\udc00": 1}', '["\\ud83d x"]'])
def test_half_a_character_is_refused(text: str) -> None:
    """No seal can be computed over it, and no page can show it."""
    with pytest.raises(UntrustedFileError, match="half a character"):
        parse_json(text.encode())


def test_a_character_of_two_escapes_is_read() -> None:
    """As JavaScript writes it."""
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"
