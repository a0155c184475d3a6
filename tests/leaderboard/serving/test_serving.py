"""Ports and headers of the web servers."""

from __future__ import annotations

import socket

import pytest
from fastapi.testclient import TestClient
from live_board import find_free_port

from imagenet_g.benchmark.errors import InputError
from imagenet_g.leaderboard.serving.serving import HeaderSender, make_server, require_port


def test_a_free_port_is_accepted() -> None:
    """And is free afterwards."""
    port = find_free_port()
    require_port("127.0.0.1", port)
    require_port("127.0.0.1", port)


def test_a_busy_port_is_named_with_the_option() -> None:
    """In place of a traceback of the web server."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} of 127.0.0.1 is in use .* --port"):
            require_port("127.0.0.1", port)


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    """With the range."""
    with pytest.raises(InputError, match="65535"):
        require_port("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    """192.0.2.0/24 is kept free for documentation (RFC 5737)."""
    with pytest.raises(InputError, match=r"'192.0.2.1': .* --host 127.0.0.1"):
        require_port("192.0.2.1", find_free_port())


def test_headers_go_with_every_response() -> None:
    """Errors too."""
    server = make_server()
    server.add_middleware(HeaderSender, headers={"Referrer-Policy": "no-referrer"})
    response = TestClient(server).get("/nothing")
    assert response.status_code == 404
    assert response.headers["referrer-policy"] == "no-referrer"
