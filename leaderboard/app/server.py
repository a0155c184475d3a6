"""The app behind a web server, with the rows of any address as files beside it."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Request, Response
from gradio import routes

from imagenet_g.leaderboard.app.app import build_app
from imagenet_g.leaderboard.app.plot_script import HEAD
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.model_page.badge import ADDRESS, format_badge
from imagenet_g.leaderboard.pages.cells import format_csv
from imagenet_g.leaderboard.pages.pages import show_scatter
from imagenet_g.leaderboard.pages.queries import BoardQuery, parse_query, select_rows, settle_query
from imagenet_g.leaderboard.serving.memory import keep_memory_low
from imagenet_g.leaderboard.serving.serving import (
    HeaderSender,
    WordDropper,
    list_headers,
    make_server,
    make_theme,
    require_port,
    run_until_stopped,
)
from imagenet_g.leaderboard.serving.styles import load_style
from imagenet_g.leaderboard.uploads.route import add_upload_route
from imagenet_g.leaderboard.uploads.store import UploadStore, open_store

OF_GRADIO = ("page", "deep_link")
"""Words of an address that Gradio takes for other pages of the application and for states that it stored; the
board lacks both, and the answer would be an error."""

PARQUET = "application/vnd.apache.parquet"
MAX_SESSIONS = 200
"""Visits whose state is kept, of 0.3 MB each. Gradio would keep 10,000, for ever; a reader whose visit is no
longer among the newest has the order that the address states."""


def build_server(
    board: Board, *, submissions: Path, reports: Path, store: UploadStore, framed_by: Sequence[str] = ()
) -> FastAPI:
    """A FastAPI application: `/board.csv`, `/board.parquet` and the page; no telemetry, no remote fonts.

    Args:
        board: The board shown.
        submissions: Folder that uploads are compared with.
        reports: Folder that readers' reports on images go to.
        store: Where uploads lie until their report.
        framed_by: Other sites that may show the page in a frame.
    """
    server = make_server()
    server.add_middleware(WordDropper, words=OF_GRADIO)
    server.add_middleware(HeaderSender, headers=list_headers(framed_by))
    add_upload_route(server, store)
    refuse_deep_links(server)

    @server.get("/board.csv")
    def send_csv(request: Request) -> Response:
        rows = select_rows(board, settle_query(board, parse_query(str(request.query_params))))
        return Response(
            format_csv(rows), media_type="text/csv; charset=utf-8", headers=_name("imagenet-g.csv")
        )

    @server.get("/board.parquet")
    def send_parquet(request: Request) -> Response:
        rows = select_rows(board, settle_query(board, parse_query(str(request.query_params))))
        stream = io.BytesIO()
        rows.to_parquet(stream, index=False)
        return Response(stream.getvalue(), media_type=PARQUET, headers=_name("imagenet-g.parquet"))

    add_badge_route(server, board)
    # Loads the libraries and groups the rows by split before the first reader has to wait for it.
    show_scatter(board, settle_query(board, BoardQuery()), []).to_json()
    with keep_no_edits(store):
        page = build_app(board, submissions=submissions, reports=reports, store=store)
        # `api_open` off: requests that go past the page would also go past its queue.
        page.queue(default_concurrency_limit=8, max_size=200, api_open=False)
        page.state_session_capacity = MAX_SESSIONS
        gr.mount_gradio_app(
            server,
            page,
            path="/",
            theme=make_theme(),
            css=load_style(),
            head=HEAD,
            footer_links=[],
            # Rendering on the server needs Node.js beside Python.
            ssr_mode=False,
        )
    return server


def refuse_deep_links(server: FastAPI) -> None:
    """Have no links to stored states; must be called before Gradio's page is mounted.

    By itself Gradio writes a file for whoever asks, and keeps it: anybody could fill the disk. Here the state
    is in the address.
    """

    @server.get("/gradio_api/deep_link")
    def refuse() -> Response:
        return Response(status_code=404)


@contextmanager
def keep_no_edits(store: UploadStore) -> Iterator[None]:
    """Remove the folder `vibe_edit_history` that Gradio makes for its editor, which is off here.

    Gradio makes it with each page and once more as it mounts one, in a folder that it chose when it was
    imported and that other programs share. Within this it makes it in the store's folder.
    """
    # By its name: Gradio does not offer it to others.
    names, name = vars(routes), "DEFAULT_TEMP_DIR"
    before = names[name]
    names[name] = str(store.folder)
    try:
        yield
    finally:
        names[name] = before
        shutil.rmtree(store.folder / "vibe_edit_history", ignore_errors=True)


def add_badge_route(server: FastAPI, board: Board) -> None:
    """Badges of models; must be called before Gradio's page is mounted."""

    @server.get(f"/{ADDRESS}")
    def send_badge(model: str = "", split: str = "") -> Response:
        return Response(format_badge(board, model, split), media_type="image/svg+xml")


def run_server(
    board: Board,
    *,
    submissions: Path,
    reports: Path,
    host: str,
    port: int,
    framed_by: Sequence[str] = (),
    trusted_proxies: Sequence[str] = (),
) -> None:
    """Serve until interrupted; uploads and Gradio's own files lie in a temporary folder, which is removed.

    Args:
        board: The board shown.
        submissions: Folder that uploads are compared with.
        reports: Folder that readers' reports on images go to.
        host: Address that it listens at.
        port: Its port.
        framed_by: Other sites that may show the page in a frame.
        trusted_proxies: Addresses or networks of proxies that say who their visitors are.

    Raises:
        InputError: The port is taken, or the host is no address of this machine.
    """
    require_port(host, port)
    with keep_memory_low(), open_store() as store:
        server = build_server(
            board, submissions=submissions, reports=reports, store=store, framed_by=framed_by
        )
        run_until_stopped(server, host=host, port=port, trusted_proxies=trusted_proxies)


def _name(file: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{file}"'}
