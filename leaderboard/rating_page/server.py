"""The raters' page behind a web server of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import gradio as gr
from fastapi import FastAPI, Response

from imagenet_g.benchmark.audits.files import load_all_ratings, load_sample
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.real_set_files import RealSet
from imagenet_g.benchmark.storage import validate_writable
from imagenet_g.benchmark.terminal.text import print_line
from imagenet_g.leaderboard.rating_page.desk import RatingDesk
from imagenet_g.leaderboard.rating_page.page import build_page
from imagenet_g.leaderboard.rating_page.pictures import open_pictures
from imagenet_g.leaderboard.serving.serving import (
    HEADERS,
    HeaderSender,
    make_server,
    make_theme,
    require_port,
    run_until_stopped,
)

CSS = Path(str(files("imagenet_g.leaderboard.data") / "rating.css"))
_NO_UPLOAD = 1024
"""Bytes: the page takes no files, and Gradio would keep those that are sent to it."""


def open_desk(
    folder: Path,
    *,
    data: Mapping[str, Path],
    sets: Mapping[str, RealSet] | None = None,
    cache: Path | None = None,
) -> RatingDesk:
    """An audit, checked and opened for raters.

    Args:
        folder: Of the audit, with its `sample.json`.
        data: Local copies by name, see `parse_data_pairs`.
        sets: Known real sets by name; None for the shipped ones.
        cache: Where file hashes are remembered.

    Raises:
        InputError: There is no sample, its images are not available, or the folder has simulated ratings.
        UntrustedFileError: A file of the audit is malformed.
        DataError: The images are not those that the sample was drawn from.
        StorageError: Ratings cannot be written.
    """
    sample = load_sample(folder)
    # With people's ratings beside them no report could be made of the folder.
    if any(answers.header.simulated for answers in load_all_ratings(folder, sample)):
        raise InputError(
            f"'{folder}' holds ratings that a program made; copy its sample.json into a folder for people."
        )
    validate_writable(folder)
    return RatingDesk(folder, open_pictures(sample, data=data, sets=sets, cache=cache))


def build_rating_server(desk: RatingDesk) -> FastAPI:
    """A FastAPI application with the page; no telemetry, no remote fonts, no uploads."""
    server = make_server()

    @server.post("/gradio_api/upload")
    def refuse_upload() -> Response:
        return Response("This page takes no files.", status_code=403)

    page = build_page(desk)
    page.queue(api_open=False)
    server.add_middleware(HeaderSender, headers=HEADERS)
    gr.mount_gradio_app(
        server,
        page,
        path="/",
        theme=make_theme(),
        css_paths=CSS,
        footer_links=[],
        max_file_size=_NO_UPLOAD,
        # Rendering on the server needs Node.js beside Python.
        ssr_mode=False,
    )
    return server


def run_rating_server(desk: RatingDesk, *, host: str, port: int) -> None:
    """Serve until interrupted.

    Raises:
        InputError: The port is taken, or the host is no address of this machine.
    """
    require_port(host, port)
    print_line(
        f"http://{host}:{port} asks about {desk.total} images; ratings go to {desk.folder / 'ratings'}; "
        "stop with Ctrl-C"
    )
    run_until_stopped(build_rating_server(desk), host=host, port=port)
