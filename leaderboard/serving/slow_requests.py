"""How long a server waits for a request to be complete: half of one must not hold a place for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from imagenet_g.leaderboard.serving.serving import App, Message, Receive, Send

HEADER_SECONDS = 10.0
"""From the first byte of a connection, or of its next request, to the end of the headers."""
PAUSE_SECONDS = 20.0
"""Between two parts of a body."""
BODY_SECONDS = 240.0
"""For a whole body; less than an upload is kept without a report."""


class ClosingProtocol(H11Protocol):
    """Closes a connection whose request has not begun in time; uvicorn alone would wait for ever."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait on where the headers are not complete yet."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        # Not started again by every byte: one a second would be enough to stay.
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEADER_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class BodyClock:
    """Ends requests whose body does not come, with status 408.

    Args:
        app: The application.
        pause: Seconds between two parts of a body.
        whole: Seconds for a whole body.
    """

    def __init__(self, app: App, pause: float, whole: float) -> None:
        self._app = app
        self._pause = pause
        self._whole = whole

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass a request on, its body as it comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noticing(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, self._hurry(receive), send_noticing)
        except (TimeoutError, ClientDisconnect):
            # A connection that was lost is no fault of the server; nobody may be there to read the answer.
            if not started:
                await _send_too_late(send)

    def _hurry(self, receive: Receive) -> Receive:
        loop = asyncio.get_running_loop()
        complete, end = False, loop.time() + self._whole

        async def receive_in_time() -> Message:
            nonlocal complete
            if complete:
                # What follows a body is the news that the reader has left, which may take hours.
                return await receive()
            message = await asyncio.wait_for(receive(), min(self._pause, max(0.0, end - loop.time())))
            complete = not message.get("more_body", False)
            return message

        return receive_in_time


async def _send_too_late(send: Callable[[Message], object]) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    for message in (
        {"type": "http.response.start", "status": 408, "headers": headers},
        {"type": "http.response.body", "body": b"The request did not come in time."},
    ):
        await send(message)  # type: ignore[misc]
