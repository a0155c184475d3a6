"""What visitors upload: taken within limits, deleted with the report, and never left behind."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from live_board import find_free_port
from submission_cases import ROOT, write_case

from imagenet_g.leaderboard.serving import slow_requests
from imagenet_g.leaderboard.serving.serving import HeaderSender, list_headers, make_config, make_server
from imagenet_g.leaderboard.uploads.checking import check_stored
from imagenet_g.leaderboard.uploads.route import ADDRESS, add_upload_route
from imagenet_g.leaderboard.uploads.store import (
    GRADIO_FOLDER,
    UploadLimits,
    UploadRefusedError,
    UploadStore,
    open_store,
)

LIMITS = UploadLimits(file_bytes=2000, visitor_bytes=5000, all_bytes=8000, uploads=3, seconds=60)
BOUNDARY = "part"


class Clock:
    """Seconds that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock at zero."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> UploadStore:
    """An empty store with small limits."""
    return UploadStore(tmp_path / "uploads", LIMITS, clock=clock)


def list_left(store: UploadStore) -> list[Path]:
    """What lies in a store's folder."""
    return list(store.folder.rglob("*"))


@pytest.mark.parametrize(
    ("others", "asked", "status"),
    [
        ([], ("ann", 5001), 413),
        ([("ann", 4000)], ("ann", 1001), 429),
        ([("ann", 1), ("ann", 1), ("ann", 1)], ("ann", 1), 429),
        ([("ann", 4000), ("bea", 4000)], ("cid", 1), 503),
    ],
    ids=["one upload", "one visitor's bytes", "one visitor's uploads", "all visitors"],
)
def test_more_than_may_be_held_is_refused(
    store: UploadStore, others: list[tuple[str, int]], asked: tuple[str, int], status: int
) -> None:
    """Before a byte of it is read; and taken once the others are gone."""
    places = [store.reserve(*other) for other in others]
    with pytest.raises(UploadRefusedError) as refused:
        store.reserve(*asked)
    assert refused.value.status == status
    store.drop(places)
    if status != 413:
        store.reserve(*asked)


def test_an_upload_that_nobody_checks_is_deleted_in_time(store: UploadStore, clock: Clock) -> None:
    """Its files too, and its bytes count no longer."""
    place = store.reserve("ann", 4000)
    path = store.keep(place, "a.json", BytesIO(b"{}"))
    clock.now = 59.0
    store.sweep()
    assert store.find([str(path)]) == [path]
    # Asking for it began its time again, as a check does.
    clock.now = 118.0
    store.sweep()
    assert path.is_file()
    clock.now = 178.0
    store.sweep()
    assert list_left(store) == []
    store.reserve("ann", 5000)


def test_a_larger_file_than_may_be_is_refused_and_not_left(store: UploadStore) -> None:
    """Whatever the request said of its length."""
    place = store.reserve("ann", 10)
    with pytest.raises(UploadRefusedError, match=r"more than 2,000 bytes"):
        store.keep(place, "a.json", BytesIO(b"{" * 2001))
    store.drop([place])
    assert list_left(store) == []


def test_only_files_of_the_store_are_found(store: UploadStore, tmp_path: Path) -> None:
    """A visitor's browser may name any file of the machine."""
    path = store.keep(store.reserve("ann", 10), "a.json", BytesIO(b"{}"))
    (tmp_path / "secret.json").write_text("{}")
    others = ["/etc/passwd", str(path.parent / ".." / ".." / "secret.json"), str(tmp_path / "secret.json")]
    assert store.find([*others, None, 3, "a\0b", str(path)]) == [path]


@pytest.mark.parametrize("content", [b"{}", b"{", b"[" * 900])
def test_files_are_deleted_with_the_report(store: UploadStore, content: bytes, tmp_path: Path) -> None:
    """A report of refusal too; a second one says that they are gone."""
    path = store.keep(store.reserve("ann", 1000), "a.json", BytesIO(content))
    assert not check_stored([str(path)], store, tmp_path).accepted
    assert list_left(store) == []
    assert "upload them again" in check_stored([str(path)], store, tmp_path).problems[0].message


def test_files_are_deleted_where_the_check_fails(
    store: UploadStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason."""
    monkeypatch.setattr("imagenet_g.leaderboard.uploads.checking.check_upload", lambda *_, **__: 1 / 0)
    path = store.keep(store.reserve("ann", 1000), "a.json", BytesIO(b"{}"))
    with pytest.raises(ZeroDivisionError):
        check_stored([str(path)], store, tmp_path)
    assert list_left(store) == []


def test_the_folder_is_gradios_and_goes_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Gradio writes by itself goes too, and the variable is as it was."""
    import os

    monkeypatch.setenv(GRADIO_FOLDER, "before")
    with open_store() as store:
        assert os.environ[GRADIO_FOLDER] == str(store.folder)
        (store.folder / "left").write_text("by Gradio")
    assert not store.folder.exists()
    assert os.environ[GRADIO_FOLDER] == "before"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[UploadStore, int]]:
    """The route of uploads behind a real server, and its port; it waits a second for half a request."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as changed:
        for name in ("HEADER_SECONDS", "PAUSE_SECONDS", "BODY_SECONDS"):
            changed.setattr(slow_requests, name, 1.0)
        store, server, port = UploadStore(folder, LIMITS), make_server(), find_free_port()
        server.add_middleware(HeaderSender, headers=list_headers())
        add_upload_route(server, store)
        running = uvicorn.Server(make_config(server, host="127.0.0.1", port=port))
        thread = Thread(target=lambda: asyncio.run(running.serve()))
        thread.start()
        while not running.started:
            time.sleep(0.01)
        yield store, port
        running.should_exit = True
        thread.join()


def make_body(name: str, content: bytes) -> bytes:
    """One file as a browser sends it."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def send(port: int, body: bytes) -> tuple[int, str, dict[str, str]]:
    """Status, text and headers of the answer to an upload."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", ADDRESS, body, kind)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(), dict(answer.getheaders())
    connection.close()
    return found


def test_an_upload_lies_in_the_store_until_it_is_dropped(served: tuple[UploadStore, int]) -> None:
    """Under its own name, without the folders that a name may hold."""
    store, port = served
    status, text, headers = send(port, make_body("../../up/it.json", b' {"a": 1}'))
    (path,) = map(Path, json.loads(text))
    assert (status, path.name, path.read_bytes()) == (200, "it.json", b' {"a": 1}')
    assert path.parent.parent == store.folder
    store.drop([path.parent])
    assert list_left(store) == []
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("a.html", b"<script>", 415),
        ("a.json", b"<script>", 415),
        ("a.parquet", b"PK\x03\x04", 415),
        ("a.json.gz", b"\x1f\x8b", 415),
        ("a.json", b"{" * 2001, 413),
        ("a.json", b"{" * 6000, 413),
    ],
)
def test_other_types_and_sizes_are_refused_and_not_kept(
    served: tuple[UploadStore, int], name: str, content: bytes, status: int
) -> None:
    """By name, by first bytes, by size."""
    store, port = served
    assert send(port, make_body(name, content))[0] == status
    assert list_left(store) == []


def open_half(port: int, data: bytes) -> socket.socket:
    """A connection on which part of a request was sent."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(data)
    return connection


HEAD = (
    f"POST {ADDRESS} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n"
    f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
).encode()


def test_half_a_body_is_answered_408_and_not_kept(served: tuple[UploadStore, int]) -> None:
    """In the time that is set, and its bytes count no longer."""
    store, port = served
    with open_half(port, HEAD + make_body("a.json", b"{" * 1500)[:1000]) as connection:
        assert connection.recv(1000).startswith(b"HTTP/1.1 408")
    assert list_left(store) == []


@pytest.mark.parametrize("data", [b"", b"POST / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_request_that_does_not_begin_is_ended(served: tuple[UploadStore, int], data: bytes) -> None:
    """Nothing, half a line or half the headers."""
    with open_half(served[1], data) as connection:
        assert connection.recv(1000) == b""


def test_nothing_is_left_of_a_connection_that_breaks(served: tuple[UploadStore, int]) -> None:
    """In the middle of a file."""
    store, port = served
    open_half(port, HEAD + make_body("a.json", b"{" * 1500)[:1000]).close()
    end = time.monotonic() + 10
    while list_left(store) and time.monotonic() < end:
        time.sleep(0.02)
    assert list_left(store) == []


def test_a_good_upload_is_recomputed_and_gone(tmp_path: Path) -> None:
    """By the real worker, which reads it in its own process."""
    path = write_case(tmp_path)
    files = [path, *path.with_suffix("").glob("*.parquet")]
    with open_store() as store:
        place = store.reserve("ann", 1)
        kept = [str(store.keep(place, file.name, BytesIO(file.read_bytes()))) for file in files]
        report = check_stored(kept, store, ROOT.parent / "nowhere")
        assert report.accepted, report
        assert list_left(store) == []
