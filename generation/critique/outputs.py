"""What a critique leaves in its folder: the numbers, the page in two forms, and its pictures."""

from __future__ import annotations

import errno
from pathlib import Path

from imagenet_g.benchmark.critiques.critique import CRITIQUE_NAME, Critique, write_critique
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.storage import validate_writable, write_bytes, write_text
from imagenet_g.generation.critique.pages.html import format_html
from imagenet_g.generation.critique.pages.markdown import PICTURES, format_markdown, list_pictures
from imagenet_g.generation.critique.pages.page import make_page
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails

HTML_NAME = "critique.html"
MARKDOWN_NAME = "critique.md"


def validate_out(folder: Path) -> None:
    """Check, before hours of work, that the outputs can be written.

    Raises:
        InputError: A file stands there.
        StorageError: It cannot be written.
    """
    try:
        is_file = folder.exists() and not folder.is_dir()
    except OSError as error:
        # A name that is too long, or one below a file.
        is_file = error.errno != errno.ENAMETOOLONG
    if is_file:
        raise InputError(f"--out '{folder}' is a file; name a folder for {CRITIQUE_NAME} and its page.")
    validate_writable(folder)


def write_outputs(folder: Path, critique: Critique, pictures: Thumbnails) -> tuple[Path, ...]:
    """Write the numbers and the page; returns the files that a person opens.

    Raises:
        StorageError: They cannot be written.
    """
    page = make_page(critique, pictures)
    for name, data in list_pictures(page):
        write_bytes(folder / PICTURES / name, data)
    write_text(folder / MARKDOWN_NAME, format_markdown(page))
    write_text(folder / HTML_NAME, format_html(page))
    # Last: where the numbers are, their page is whole.
    write_critique(folder / CRITIQUE_NAME, critique)
    return folder / CRITIQUE_NAME, folder / HTML_NAME, folder / MARKDOWN_NAME
