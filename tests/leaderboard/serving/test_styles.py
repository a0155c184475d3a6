"""The style files of the board."""

from __future__ import annotations

import re
from importlib.resources import files

from imagenet_g.leaderboard.serving.styles import DATA, OTHER_PAGES, load_style


def test_every_style_file_is_the_boards_unless_it_is_named_as_another_pages() -> None:
    """A new one is on the page and in the export without being named."""
    found = {file.name: file.read_text() for file in files(DATA).iterdir() if file.name.endswith(".css")}
    assert {name for name, text in found.items() if text not in load_style()} == set(OTHER_PAGES)


def test_every_token_that_is_used_has_a_value() -> None:
    """A misspelt one would be an invisible line or a text of the wrong colour."""
    style = load_style()
    assert set(re.findall(r"var\((--board-[\w-]+)", style)) <= set(re.findall(r"(--board-[\w-]+):", style))
