"""What goes wrong on the way to the stand-in Hub: refusals, stalls and cut connections."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Literal

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


@dataclass
class Fault:
    """One thing that goes wrong for some requests.

    Attributes:
        method: HTTP method.
        path: Regular expression found in the path.
        kind: "status" refuses, "stall" never answers, "cut-request" and "cut-response" drop the connection
            after `after` bytes of the body, "flip" changes one byte of the answer.
        times: How many requests it strikes.
        skip: How many matching requests are let through first.
        retry_after: Seconds that a refusal asks to wait; None for no such header.
    """

    method: str
    path: str
    kind: Literal["status", "stall", "cut-request", "cut-response", "flip"]
    status: int = 500
    after: int = 0
    times: int = 1
    skip: int = 0
    struck: int = 0
    retry_after: int | None = None


@dataclass
class Request:
    """One request that was seen."""

    method: str
    path: str
    headers: dict[str, str] = field(repr=False)


class FaultyConnection:
    """ASGI middleware that strikes as the faults say and notes every request."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.faults: list[Fault] = []
        self.requests: list[Request] = []

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Let a request through, or not."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        self.requests.append(Request(scope["method"], scope["path"], headers))
        fault = self._choose(scope["method"], scope["path"])
        transport = receive.__self__.transport  # type: ignore[attr-defined]
        if fault is None:
            return await self._app(scope, receive, send)
        if fault.kind == "status":
            return await _refuse(send, fault.status, fault.retry_after)
        if fault.kind == "stall":
            return await asyncio.sleep(60)
        if fault.kind == "cut-request":
            await _read(receive, fault.after)
            return transport.abort()  # type: ignore[no-any-return]
        return await self._app(scope, receive, _spoil(send, fault, transport))

    def _choose(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and re.search(fault.path, path):
                if fault.skip:
                    fault.skip -= 1
                elif fault.struck < fault.times:
                    fault.struck += 1
                    return fault
        return None


async def _refuse(send: Send, status: int, retry_after: int | None) -> None:
    headers = [(b"content-length", b"0")]
    if retry_after is not None:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _read(receive: Receive, num_bytes: int) -> None:
    seen = 0
    while seen <= num_bytes:
        message = await receive()
        seen += len(message.get("body", b""))
        if not message.get("more_body"):
            return


def _spoil(send: Send, fault: Fault, transport: Any) -> Send:
    async def spoiled(message: Message) -> None:
        body = message.get("body", b"")
        if message["type"] != "http.response.body" or not body:
            return await send(message)
        if fault.kind == "flip":
            at = fault.after % len(body)
            return await send({**message, "body": body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]})
        await send({**message, "body": body[: fault.after], "more_body": True})
        # Let what was written leave before the connection goes.
        await asyncio.sleep(0.05)
        return transport.close()  # type: ignore[no-any-return]

    return spoiled
