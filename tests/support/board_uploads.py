"""A visitor of the board who may upload files: good ones, bad ones, and half of one."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from board_visitors import find_event

from imagenet_g.leaderboard.uploads.route import ADDRESS
from imagenet_g.leaderboard.validation.validate import list_submission_files

BOUNDARY = "part"
SECONDS = 120
"""The longest wait for one answer."""
SORTS = ("gap", "top1", "er", "model")


class UploadKind(NamedTuple):
    """One kind of upload."""

    name: str
    send: Callable[[Visitor, str], str]
    """Of a visitor and a session's name: what went wrong, or nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server."""

    status: int
    body: bytes


class Visitor:
    """One visitor, by an address of its own that a trusted proxy states.

    Args:
        address: Of the board.
        number: From 0.
        files: A submission and its predictions.
    """

    def __init__(self, address: str, number: int, files: Sequence[Path]) -> None:
        parts = urllib.parse.urlsplit(address)
        self.host, self.port, self.number, self.files = str(parts.hostname), parts.port or 80, number, files
        self.headers = {"X-Forwarded-For": f"203.0.113.{number + 1}"}
        self._events: dict[str, int] = {}

    def visit(self, wave: int, pause: float) -> tuple[str, float]:
        """Wait, then do what a visitor does; what went wrong, or nothing, and the seconds it took."""
        time.sleep(pause)
        started = time.perf_counter()
        session = f"visitor{self.number}-{wave}"
        try:
            wrong = self._read(session) or self._upload(session, wave)
        except (OSError, http.client.HTTPException, ValueError) as error:
            wrong = f"{type(error).__name__}: {error}"
        return wrong, time.perf_counter() - started

    def _read(self, session: str) -> str:
        page = self.ask("GET", "/")
        if page.status != 200:
            return f"page: {page.status}"
        if not self._events:
            config = json.loads(self.ask("GET", "/config").body)
            self._events = {"load": find_event(config, "load"), "check": _find_check(config)}
        for turn in range(3):
            words = urllib.parse.urlencode({"sort": SORTS[(self.number + turn) % len(SORTS)]})
            body = self._make_event("load", [], session)
            answer = self.ask("POST", f"/gradio_api/run/predict?{words}", body)
            if answer.status != 200 or b"sorted by" not in answer.body:
                return f"table: {answer.status}"
        rows = self.ask("GET", f"/board.csv?{words}")
        return "" if rows.status == 200 and rows.body.count(b"\n") > 1 else f"csv: {rows.status}"

    def _upload(self, session: str, wave: int) -> str:
        # Three of fifty visitors upload in each wave, and not always the same, nor the same kind.
        kind, turn = divmod(self.number + 7 * wave, 17)
        return UPLOADS[(kind + wave) % len(UPLOADS)].send(self, session) if turn == 0 else ""

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body, {**self.headers, "Content-Type": kind})
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def upload(self, files: Sequence[tuple[str, bytes]]) -> Answer:
        """Send files as a browser does."""
        return self.ask("POST", ADDRESS, make_body(files), f"multipart/form-data; boundary={BOUNDARY}")

    def check(self, paths: Sequence[str], session: str) -> str:
        """The report on uploaded files, by the button's own event and the page's queue."""
        sent = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
        joined = self.ask("POST", "/gradio_api/queue/join", self._make_event("check", [sent], session))
        if joined.status != 200:
            raise ValueError(f"queue: {joined.status}")
        connection = http.client.HTTPConnection(self.host, self.port, timeout=SECONDS)
        try:
            connection.request("GET", f"/gradio_api/queue/data?session_hash={session}", headers=self.headers)
            for line in connection.getresponse():
                if b"process_completed" in line:
                    return line.decode()
            raise ValueError("the queue gave no report")
        finally:
            connection.close()

    def open_half(self) -> None:
        """Send half of an upload and wait until the server ends it."""
        body = make_body([("a.json", b"{" * 4000)])
        head = f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
        with socket.create_connection((self.host, self.port), timeout=SECONDS) as connection:
            connection.sendall(head.encode() + body[:2000])
            if not connection.recv(100).startswith(b"HTTP/1.1 408"):
                raise ValueError("half an upload was not ended with 408")

    def _make_event(self, name: str, data: Sequence[object], session: str) -> bytes:
        event = {"data": data, "fn_index": self._events[name], "session_hash": session, "event_data": None}
        return json.dumps(event).encode()


def make_body(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Files as the parts of one form."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def find_upload_files(submissions: Path) -> tuple[Path, ...]:
    """The first submission of a folder, with its predictions."""
    path = list_submission_files(submissions)[0]
    return (path, *sorted(path.with_suffix("").glob("*.parquet")))


def _find_check(config: dict[str, Any]) -> int:
    button = next(c["id"] for c in config["components"] if c["props"].get("value") == "Check")
    return next(int(event["id"]) for event in config["dependencies"] if [button, "click"] in event["targets"])


def _send_good(visitor: Visitor, session: str) -> str:
    answer = visitor.upload([(file.name, file.read_bytes()) for file in visitor.files])
    if answer.status != 200:
        return f"good upload: {answer.status}"
    said = visitor.check(json.loads(answer.body), session)
    return "" if "accepted" in said else f"good upload: {said[:300]}"


def _send_edited(visitor: Visitor, session: str) -> str:
    content = json.loads(visitor.files[0].read_bytes())
    content["statement"]["model"] = "Another Net"
    answer = visitor.upload([("a.json", json.dumps(content).encode())])
    if answer.status != 200:
        return f"edited upload: {answer.status}"
    said = visitor.check(json.loads(answer.body), session)
    return "" if "refused" in said else f"edited upload: {said[:300]}"


def _send_other_type(visitor: Visitor, session: str) -> str:
    answer = visitor.upload([(f"{session}.html", b"<script>")])
    return "" if answer.status == 415 else f"other type: {answer.status}"


def _break_off(visitor: Visitor, session: str) -> str:
    connection = http.client.HTTPConnection(visitor.host, visitor.port, timeout=SECONDS)
    body = make_body([(f"{session}.json", b"{}" * 3000)])
    headers = {**visitor.headers, "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    headers["Content-Length"] = str(len(body))
    connection.putrequest("POST", ADDRESS)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body[:3000])
    # The connection breaks in the middle of the file.
    connection.close()
    return ""


def _open_half(visitor: Visitor, session: str) -> str:
    del session
    visitor.open_half()
    return ""


UPLOADS = (
    UploadKind("good", _send_good),
    UploadKind("edited", _send_edited),
    UploadKind("other type", _send_other_type),
    UploadKind("broken off", _break_off),
    UploadKind("half-open", _open_half),
)
"""What visitors upload, one kind after the other."""
