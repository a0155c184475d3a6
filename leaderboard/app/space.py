"""A folder that can be pushed as a Space of the Hugging Face Hub: the board and what starts it.

The Space reads what lies beside it and builds nothing; `imagenet-g leaderboard space` writes it again after
every build, into an empty folder or into a clone of the Space.
"""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.storage import replace_file, write_text
from imagenet_g.leaderboard.board.board import BOARD_NAME, FACTS_NAME, load_board

BOARD_FILES = ("answers/*.parquet", "*.parquet", "lines.json", FACTS_NAME, BOARD_NAME)
"""`board.json` comes last, as the build writes it."""
SUBMISSION_FILES = ("*/*__*.json", "*/baselines/*.json")
"""Files that an upload is compared with; predictions are not copied."""
ATTRIBUTES = "*.parquet filter=lfs diff=lfs merge=lfs -text\n"
README = """---
title: ImageNet-G leaderboard
emoji: 📉
colorFrom: blue
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "{python}"
app_file: app.py
license: apache-2.0
pinned: false
tags: [leaderboard, robustness, imagenet]
short_description: How far image classifiers fall on generated images
---
# ImageNet-G leaderboard

Written by `imagenet-g leaderboard space` from the board of {built}, by imagenet-g {imagenet_g}.
Do not edit the files here: build the board and write this folder again.

* `app.py` shows `board/`, and validates uploads against `submissions/`.
* `requirements.txt` names the imagenet-g that reads this board; `--requirement` writes another, such as an
  address of a repository at a tag.
* Readers' reports on images go to persistent storage where the Space has some (`/data`), and are lost at
  every restart where it has none.
"""
APP = '''"""The board beside this file, at the address the Space names."""

import os
from pathlib import Path

from imagenet_g.leaderboard.board.board import load_board
from imagenet_g.leaderboard.app.server import run_server

HERE = Path(__file__).resolve().parent
STORED = Path("/data")

if __name__ == "__main__":
    run_server(
        load_board(HERE / "board"),
        submissions=HERE / "submissions",
        reports=(STORED if STORED.is_dir() else HERE) / "reports",
        host=os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0"),
        port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        # The Hub shows a Space in a frame of its own page.
        framed_by=["https://huggingface.co"],
    )
'''


def write_space(
    to: Path, *, board: Path, submissions: Path, requirement: str | None = None
) -> tuple[Path, ...]:
    """Write the folder; other content, such as a clone's `.git`, stays.

    Args:
        to: An empty folder, or a clone of a Space.
        board: The board's folder.
        submissions: Folder of submissions that uploads are compared with.
        requirement: How pip gets imagenet-g; None for this very release from the package index.

    Returns:
        Every file that was written.

    Raises:
        InputError: The folder holds something other than a Space, or Gradio is not installed.
        DataError: The board is missing or incomplete.
        StorageError: The folder cannot be written.
    """
    built = load_board(board).info
    refuse_other_folder(to)
    # `to/board` would be the board itself, which is removed below before it is copied.
    if to.resolve() in (board.resolve().parent, submissions.resolve().parent):
        raise InputError(f"'{to}' holds the board itself. Write the Space into another folder.")
    # The Gradio and Python of this machine, with which the board was looked at: the Hub would take its
    # newest.
    readme = README.format(
        gradio=find_gradio_version(),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        built=built.built_utc,
        imagenet_g=built.imagenet_g,
    )
    texts = {
        "README.md": readme,
        "app.py": APP,
        "requirements.txt": f"{requirement or make_requirement()}\n",
        ".gitattributes": ATTRIBUTES,
    }
    for name in ("board", "submissions"):
        # Files that are no longer on the board must not stay in the Space.
        shutil.rmtree(to / name, ignore_errors=True)
    copied = [
        *_copy_files(board, BOARD_FILES, to / "board"),
        *_copy_files(submissions, SUBMISSION_FILES, to / "submissions"),
    ]
    for name, text in texts.items():
        write_text(to / name, text)
    return (*copied, *(to / name for name in texts))


def refuse_other_folder(to: Path) -> None:
    """Refuse to overwrite a folder that is not a Space.

    Raises:
        InputError: The folder has files, and no README with a Space's front matter.
    """
    if to.is_dir() and any(path.name != ".git" for path in to.iterdir()):
        readme = to / "README.md"
        text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
        if not text.startswith("---\n") or "\nsdk:" not in text:
            raise InputError(
                f"'{to}' has files and is not a Space. Name an empty folder or a clone of a Space."
            )


def find_gradio_version() -> str:
    """The Gradio release of the Space: the one installed here.

    Raises:
        InputError: Gradio is not installed.
    """
    try:
        return version("gradio")
    except PackageNotFoundError as error:
        raise InputError("A Space needs gradio: pip install 'imagenet-g[leaderboard]'.") from error


def make_requirement() -> str:
    """This release of imagenet-g with what its board needs."""
    return f"imagenet-g[leaderboard]=={version('imagenet-g')}"


def _copy_files(source: Path, patterns: tuple[str, ...], to: Path) -> list[Path]:
    copied = []
    for pattern in patterns:
        for path in sorted(source.glob(pattern)):
            target = to / path.relative_to(source)
            with replace_file(target) as temporary:
                shutil.copyfile(path, temporary)
            copied.append(target)
    return copied
