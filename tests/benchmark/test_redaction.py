"""Secrets out of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.redaction import has_token, redact


@given(st.from_regex(r"hf_[A-Za-z0-9]{20,40}", fullmatch=True), st.text(alphabet=" :/\n'\"", max_size=5))
def test_a_token_never_survives(token: str, edge: str) -> None:
    """Whatever stands beside it."""
    text = f"before{edge} {token}{edge}"
    assert has_token(text)
    assert token not in redact(text)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdef123456", "Authorization: Bearer ***"),
        ("PUT https://s3.example/a/b?X-Amz-Signature=1f2e&x=1 failed", "PUT https://s3.example/a/b failed"),
        ("http://user:secret@proxy.example:80/a", "http://proxy.example:80/a"),
        ("hf_hub_download of org/name failed", "hf_hub_download of org/name failed"),
        ("got hf_oauth_eyJhbGciOiJI.eyJzdWIi.c2ln-_x back", "got hf_oauth_*** back"),
        ("set hf_oauth_expiration_minutes: 480", "set hf_oauth_expiration_minutes: 480"),
    ],
)
def test_what_carries_secrets_is_cut_and_the_rest_stays(text: str, clean: str) -> None:
    """Headers, signed addresses, logins; a function's name is not a secret."""
    assert redact(text) == clean


def test_the_token_in_use_is_known_whatever_its_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other servers give other tokens."""
    monkeypatch.setenv("HF_TOKEN", "plain-secret-value")
    assert redact("got plain-secret-value back") == "got *** back"
    assert has_token("x plain-secret-value")
