"""Waiting where the Hub asks for it: a busy server says how long, and asking sooner makes it worse."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from imagenet_g.benchmark.terminal.text import print_message

MAX_WAIT_S = 300
"""The longest window of the Hub's own limits. A longer wait is an error that names it."""
MAX_WAITS = 5
"""For one request."""
_TOO_MANY, _UNAVAILABLE = 429, 503
_RATE = re.compile(r"\br=0\b.*\bt=(\d{1,6})\b")
_THREAD = threading.local()


def find_wait(status: int, headers: Mapping[str, str], now: datetime | None = None) -> int | None:
    """Seconds that an answer asks to wait, by `Retry-After` (RFC 9110) or the Hub's own `ratelimit`.

    Args:
        status: Of the answer.
        headers: By their names in lower case, or of any case where the mapping does not tell cases apart.
        now: For a date; None for the present.

    Returns:
        None where it asks for nothing, or the status is neither 429 nor 503.

    Example:
        >>> find_wait(429, {"retry-after": "30"}), find_wait(404, {"retry-after": "30"})
        (30, None)
        >>> find_wait(429, {"ratelimit": '"api";r=0;t=55'})
        55
        >>> moment = datetime(2026, 11, 29, 12, tzinfo=UTC)
        >>> find_wait(503, {"retry-after": "Sun, 29 Nov 2026 12:00:09 GMT"}, moment)
        9
    """
    if status not in (_TOO_MANY, _UNAVAILABLE):
        return None
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return int(text[:9])
    if rate := _RATE.search(headers.get("ratelimit", "")):
        return int(rate[1])
    try:
        until = parsedate_to_datetime(text)
        passed = until - (now or datetime.now(UTC))
    # A date that is none, or one without a zone.
    except (ValueError, TypeError):
        return None
    return max(0, round(passed.total_seconds()))


def wait_when_asked() -> None:
    """Let the Hub's client wait where the Hub asks for up to `MAX_WAIT_S`; may be called again and again.

    The wait is said on standard error. What is sent with other methods than GET and HEAD is sent again only
    after a 429, which the Hub gives before it does anything.
    """
    from huggingface_hub import get_session

    # The client is made anew after a fork, so it is looked at each time. By its instance: the class is that
    # of an HTTP library which the Hub's client has changed before.
    own = vars(get_session())
    if "send" not in own:
        own["send"] = _make_patient(get_session().send)


@contextmanager
def answer_at_once() -> Iterator[None]:
    """Within it this thread does not wait: who only asks whether a server answers has the answer."""
    _THREAD.hurried = True
    try:
        yield
    finally:
        _THREAD.hurried = False


def _make_patient(send: Callable[..., Any]) -> Callable[..., Any]:
    def send_patiently(request: Any, **options: Any) -> Any:  # noqa: ANN401
        for _ in range(MAX_WAITS):
            response = send(request, **options)
            seconds = find_wait(response.status_code, response.headers)
            hurried = getattr(_THREAD, "hurried", False)
            if seconds is None or seconds > MAX_WAIT_S or hurried or not _can_repeat(request, response):
                return response
            response.close()
            print_message(f"The Hub is busy ({response.status_code}) and asks to wait {seconds} s; waiting.")
            time.sleep(seconds)
        return send(request, **options)

    return send_patiently


def _can_repeat(request: Any, response: Any) -> bool:  # noqa: ANN401
    # A body that is read from a file as it is sent is at its end.
    in_memory = hasattr(request, "_content")
    return in_memory and (request.method in ("GET", "HEAD") or response.status_code == _TOO_MANY)
