"""A page behind a web server of this machine: no telemetry, no remote fonts, no pages of its own."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from imagenet_g.benchmark.errors import InputError

if TYPE_CHECKING:
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MAX_PORT = 65_535
HEADERS = {
    # Pictures are data addresses and everything else comes from here; Gradio's own scripts stand in the page.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    # The address of a page may hold what its reader chose, or a rater's code.
    "Referrer-Policy": "no-referrer",
}
"""Of every page and file."""


def make_server() -> FastAPI:
    """A FastAPI application without pages of its own."""
    from fastapi import FastAPI

    # Without a description FastAPI serves no `/docs`, a page that loads its scripts from another host.
    return FastAPI(openapi_url=None)


def make_theme() -> gr.themes.Base:
    """The theme of the pages."""
    import gradio as gr

    # Names of installed fonts: the default theme loads its fonts from Google.
    return gr.themes.Default(
        font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"], primary_hue="blue"
    )


def list_headers(framed_by: Sequence[str] = ()) -> dict[str, str]:
    """Security headers.

    Args:
        framed_by: Other sites that may show the page in a frame, as a Space of the Hub is shown.

    Example:
        >>> list_headers(["https://example.org"])["Content-Security-Policy"][-42:]
        "frame-ancestors 'self' https://example.org"
    """
    policy = " ".join([HEADERS["Content-Security-Policy"], *framed_by])
    return HEADERS | {"Content-Security-Policy": policy}


class HeaderSender:
    """Sends headers with every response of an application.

    Args:
        app: The application.
        headers: Names and values; one that the application sets itself is replaced.
    """

    # Not FastAPI's `middleware("http")`, which would hold back the streams of open pages.
    def __init__(self, app: App, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = {name.lower().encode(): value.encode() for name, value in headers.items()}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, and its response back with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [pair for pair in message["headers"] if pair[0].lower() not in self._headers]
                message["headers"] = [*others, *self._headers.items()]
            await send(message)

        await self._app(scope, receive, send_with_headers)


class WordDropper:
    """Takes words out of addresses that an application would read as its own.

    Args:
        app: The application.
        words: Names in the part of an address behind "?".
    """

    def __init__(self, app: App, words: Sequence[str]) -> None:
        self._app = app
        self._words = words

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on without the words; all others stay as they were sent."""
        if scope["type"] == "http":
            scope = {**scope, "query_string": drop_words(scope["query_string"], self._words)}
        await self._app(scope, receive, send)


def drop_words(query: bytes, words: Sequence[str]) -> bytes:
    """The part of an address behind "?" without some names and their values.

    Example:
        >>> drop_words(b"split=a&page=2&%70age=3&pages=4", ["page"])
        b'split=a&pages=4'
    """
    parts = query.split(b"&")
    return b"&".join(
        p for p in parts if unquote_to_bytes(p.partition(b"=")[0]).decode("latin-1") not in words
    )


def require_port(host: str, port: int) -> None:
    """Check that a server can listen, before anything is loaded for it.

    Raises:
        InputError: The port is taken or needs more rights, or the host is no address of this machine.
    """
    if not 0 < port <= MAX_PORT:
        raise InputError(f"--port {port} is no port; name one from 1024 to {MAX_PORT}.")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family):
            return
    except OSError as error:
        raise InputError(_explain_port(host, port, error)) from error


def require_proxies(addresses: Sequence[str]) -> None:
    """Check the addresses of proxies.

    Raises:
        InputError: One is neither an address nor a network, or it is the network of all addresses, by which
            visitors could name themselves.

    Example:
        >>> require_proxies(["10.0.0.5", "10.1.0.0/16"])
        >>> require_proxies(["*"])
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.InputError: --trusted-proxy '*' is neither an IP address, ...
    """
    for address in addresses:
        try:
            network = ip_network(address)
        except ValueError as error:
            raise InputError(
                f"--trusted-proxy '{address}' is neither an IP address, such as 10.0.0.5, nor a network, "
                "such as 10.0.0.0/8."
            ) from error
        if network.prefixlen == 0:
            raise InputError(f"--trusted-proxy '{address}' is every address; name the proxy's own.")


def run_until_stopped(server: FastAPI, *, host: str, port: int, trusted_proxies: Sequence[str] = ()) -> None:
    """Serve until Ctrl-C or a request to end."""
    import uvicorn

    # uvicorn raises the signal again when it has stopped; the default would end the process on the spot, and
    # leave its temporary files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    uvicorn.Server(make_config(server, host=host, port=port, trusted_proxies=trusted_proxies)).run()


def make_config(
    server: FastAPI, *, host: str, port: int, trusted_proxies: Sequence[str] = ()
) -> uvicorn.Config:
    """How an application is served: with limits of time for requests, and no wait for readers at the end.

    Args:
        server: The application.
        host: Address that it listens at.
        port: Its port.
        trusted_proxies: Addresses or networks whose `X-Forwarded-For` says who a visitor is.
    """
    import uvicorn

    from imagenet_g.leaderboard.serving import slow_requests

    server.add_middleware(
        slow_requests.BodyClock, pause=slow_requests.PAUSE_SECONDS, whole=slow_requests.BODY_SECONDS
    )
    # Every open page holds a stream that never ends by itself; Ctrl-C must not wait for the readers.
    return uvicorn.Config(
        server,
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=2,
        # By itself uvicorn believes whoever asks from this machine, and an environment variable.
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        http=slow_requests.ClosingProtocol,
    )


def _explain_port(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use by another program. Stop that one, or name another --port."
    if error.errno == errno.EACCES:
        return f"Port {port} needs more rights than this account has; name a --port from 1024 to {MAX_PORT}."
    # Behind it Python adds the address once more.
    reason = str(error.strerror or error).partition(" (while")[0]
    return (
        f"Nothing can listen at '{host}': {reason}. Use --host 127.0.0.1 for this machine "
        "alone, or an address of this machine that others can reach."
    )
