"""Ports and headers of the web servers."""

from __future__ import annotations

import socket

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from live_board import find_free_port

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.leaderboard.serving.serving import HeaderSender, make_config, make_server, require_port


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


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "seen"),
    [
        ([], "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        (["10.0.0.5"], "127.0.0.1", "203.0.113.9", "127.0.0.1"),
        (["10.0.0.5"], "10.0.0.6", "203.0.113.9", "10.0.0.6"),
        (["10.0.0.5"], "10.0.0.5", "203.0.113.9", "203.0.113.9"),
        (["10.0.0.0/24"], "10.0.0.7", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (["10.0.0.5"], "10.0.0.5", None, "10.0.0.5"),
    ],
    ids=[
        "none named",
        "this machine",
        "a neighbour",
        "the proxy",
        "what the visitor put before",
        "no header",
    ],
)
def test_only_a_proxy_that_was_named_says_who_a_visitor_is(
    trusted: list[str], peer: str, forwarded: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the web server's own variable says."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    server = make_server()

    @server.get("/")
    def tell(request: Request) -> str:
        assert request.client is not None
        return request.client.host

    config = make_config(server, host="127.0.0.1", port=1, trusted_proxies=trusted)
    config.load()
    # As a proxy writes it (RFC 7239), too; it is not read.
    headers = {"Forwarded": "for=192.0.2.1", **({"X-Forwarded-For": forwarded} if forwarded else {})}
    client = TestClient(config.loaded_app, client=(peer, 1), headers=headers)
    assert client.get("/").json() == seen


@pytest.mark.parametrize("address", ["*", "proxy.example.org", "10.0.0.5/8", "0.0.0.0/0", "::/0", ""])
def test_a_proxy_is_an_address_or_a_network(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else could be every visitor; said before a board is built."""
    assert main(["leaderboard", "serve", "--trusted-proxy", address]) == 2
    assert capsys.readouterr().err.startswith(f"imagenet-g: --trusted-proxy '{address}' is ")
