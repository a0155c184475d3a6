"""The address that files are uploaded to, in place of Gradio's own, which keeps what it is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import UploadFile

from imagenet_g.leaderboard.uploads.checking import MAX_FILES
from imagenet_g.leaderboard.uploads.store import UploadRefusedError, UploadStore

ADDRESS = "/gradio_api/upload"
"""Where Gradio's page sends files."""
BEGINNINGS = {".json": re.compile(rb"\s*[{\[]"), ".parquet": re.compile(rb"PAR1")}
"""How the files of a submission begin, by their suffix."""
_STRANGE = re.compile(r"[^A-Za-z0-9._-]")
MAX_NAME = 150


def add_upload_route(server: FastAPI, store: UploadStore) -> None:
    """Take uploads of submissions into a store; must be called before Gradio's page is mounted."""

    @server.post(ADDRESS)
    async def receive(request: Request) -> Response:
        try:
            paths = await receive_upload(request, store)
        except UploadRefusedError as refused:
            # The rest of a refused body is not read.
            return PlainTextResponse(
                str(refused), status_code=refused.status, headers={"Connection": "close"}
            )
        return JSONResponse(paths)


async def receive_upload(request: Request, store: UploadStore) -> list[str]:
    """Paths of an upload's files; nothing is left of an upload that is refused or breaks off.

    Raises:
        UploadRefusedError: It is too large, of another type, or says no length.
    """
    visitor = request.client.host if request.client else ""
    place = store.reserve(visitor, read_length(request.headers.get("content-length", "")))
    kept = False
    try:
        # Until it is complete a large file has no name in the file system, and vanishes with its connection.
        async with request.form(max_files=MAX_FILES, max_fields=4, max_part_size=4096) as form:
            found = [one for one in form.getlist("files") if isinstance(one, UploadFile)]
            paths = [await run_in_threadpool(keep_file, store, place, one) for one in validate_names(found)]
        kept = bool(paths)
        return paths
    finally:
        if not kept:
            store.drop([place])


def read_length(text: str) -> int:
    """Bytes that a request says it has.

    Raises:
        UploadRefusedError: It says nothing, and could go on for ever.

    >>> read_length("1024")
    1024
    """
    if not (text.isascii() and text.isdecimal() and len(text) < 16):
        raise UploadRefusedError(411, "An upload must say its length.")
    return int(text)


def validate_names(files: Sequence[UploadFile]) -> Sequence[UploadFile]:
    """The files of an upload, all of which are of known types.

    Raises:
        UploadRefusedError: One has another suffix.
    """
    for file in files:
        if PurePosixPath(file.filename or "").suffix not in BEGINNINGS:
            raise UploadRefusedError(415, "Only .json and .parquet files of a submission are taken.")
    return files


def keep_file(store: UploadStore, place: Path, file: UploadFile) -> str:
    """Write one file into the store and return its path.

    Raises:
        UploadRefusedError: Its content is not what its name says, or it is too large.
    """
    name = _STRANGE.sub("_", PurePosixPath((file.filename or "").replace("\\", "/")).name)[-MAX_NAME:]
    beginning = file.file.read(4096)
    if not BEGINNINGS[PurePosixPath(name).suffix].match(beginning):
        raise UploadRefusedError(415, f"'{name}' is no {PurePosixPath(name).suffix} file.")
    file.file.seek(0)
    return str(store.keep(place, name, file.file))
