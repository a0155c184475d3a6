"""Secrets out of text that is about to be printed or kept."""

from __future__ import annotations

import os
import re

# Tokens of users start with `hf_`, those of organizations with `api_org_`.
# Those that a login by OAuth or a workflow's identity gives are JSON web tokens, which begin with `eyJ`.
_TOKEN = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{8,}|\b(hf_oauth|hf_jwt)_eyJ[A-Za-z0-9._-]{8,}")
# Of GitHub, of OpenAI and those who copied its form, and of Amazon.
_KEY = re.compile(
    r"\b(gh[pousr]_|github_pat_)[A-Za-z0-9_]{20,}|\b(sk-)[A-Za-z0-9_-]{20,}|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_URL_LOGIN = re.compile(r"(https?://)[^/\s@]+@")
_URL_QUERY = re.compile(r"(https?://[^\s?'\"<>]+)\?[^\s'\"<>]+")
_TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def redact(text: str) -> str:
    """The text without access tokens, logins and the queries of URLs, which carry upload signatures.

    Example:
        >>> redact("401 for https://me:secret@host/file?X-Signature=abc")
        '401 for https://host/file'
        >>> redact("Authorization: Bearer abcdefgh12345678")
        'Authorization: Bearer ***'
        >>> redact("token=hf_jwt_eyJhbGciOi.eyJzdWIi.c2ln")
        'token=hf_jwt_***'
    """
    for name in _TOKEN_VARIABLES:
        # A shorter value is a placeholder, and replacing it would cut holes into ordinary words.
        if len(value := os.environ.get(name, "").strip()) >= 8:
            text = text.replace(value, "***")
    text = _TOKEN.sub(lambda match: f"{match[1] or match[2]}_***", text)
    text = _KEY.sub(lambda match: f"{match[1] or match[2] or match[3]}***", text)
    text = _BEARER.sub(r"\1 ***", text)
    text = _URL_LOGIN.sub(r"\1", text)
    return _URL_QUERY.sub(r"\1", text)


def has_token(text: str) -> bool:
    """Whether text holds something that looks like, or is, an access token.

    Example:
        >>> has_token("export HF_TOKEN=hf_abcdefgh12345678"), has_token("see hf_hub for more")
        (True, False)
        >>> has_token("AKIAABCDEFGHIJKLMNOP"), has_token("ghp_abcdefghijklmnopqrst"), has_token("task-sk-1")
        (True, True, False)
    """
    given = [os.environ.get(name, "").strip() for name in _TOKEN_VARIABLES]
    return bool(_TOKEN.search(text) or _KEY.search(text)) or any(
        len(value) >= 8 and value in text for value in given
    )
