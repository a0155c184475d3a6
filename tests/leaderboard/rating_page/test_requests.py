"""What a browser may send."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.audits.files import make_ratings_path
from imagenet_g.leaderboard.rating_page.requests import (
    AnswerRequest,
    CodeRequest,
    RequestError,
    read_request,
)

GOOD = {"code": "willow-482", "sheet": "0" * 12, "position": 0, "answer": "yes", "quality": 4}


def test_a_whole_answer_is_read() -> None:
    """As the page sends it."""
    assert read_request(AnswerRequest, GOOD).quality == 4


@pytest.mark.parametrize(
    "code",
    ["", ".", "..", "../sample", "a/b", "a\\b", "Willow", "willow 482", "a" * 41, "-a", "a-", "a--b", "é",
     "a\n", "a\x00", "~", "%2e%2e", 7, None, ["a"], {"a": 1}],
    ids=repr,
)  # fmt: skip
def test_a_code_that_could_be_a_path_or_a_name_is_refused(code: object) -> None:
    """With the form that codes have."""
    with pytest.raises(RequestError, match="such as willow-482"):
        read_request(CodeRequest, {"code": code})


@pytest.mark.parametrize(
    "change",
    [{"position": -1}, {"position": True}, {"position": "0"}, {"position": 10**9}, {"sheet": "../x"},
     {"answer": "maybe"}, {"answer": None}, {"quality": 0}, {"quality": 6}, {"quality": True},
     {"quality": 2.5}, {"role": "generated"}],
    ids=repr,
)  # fmt: skip
def test_a_malformed_answer_is_refused(change: dict[str, object]) -> None:
    """Whatever is odd about it."""
    with pytest.raises(RequestError, match="load the page again"):
        read_request(AnswerRequest, GOOD | change)


@pytest.mark.parametrize("sent", [None, [], "x", 1, [GOOD]], ids=repr)
def test_what_is_no_table_is_refused(sent: object) -> None:
    """As a client other than the page may send it."""
    with pytest.raises(RequestError):
        read_request(AnswerRequest, sent)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)


@given(change=st.dictionaries(st.sampled_from(sorted(GOOD)), PLAIN), code=st.text(max_size=45))
def test_whatever_comes_is_refused_or_names_a_file_of_its_own_folder(
    change: dict[str, object], code: str
) -> None:
    """A code that is read holds nothing but letters, digits and hyphens."""
    try:
        request = read_request(AnswerRequest, {**GOOD, "code": code} | change)
    except RequestError:
        return
    assert request.code.isascii()
    assert request.code.replace("-", "").isalnum()
    assert make_ratings_path(Path("audit"), request.code).parent == Path("audit/ratings")
    assert type(request.position) is int
