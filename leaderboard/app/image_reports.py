"""Readers' reports of wrong images: small files for the maintainers of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_json, make_slug
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.storage import write_text
from imagenet_g.leaderboard.pages.image_cards import find_rows
from imagenet_g.leaderboard.submissions.problems import clip_text

REASONS = ("wrong label", "not recognisable", "offensive", "duplicate", "other")
# The form is open to everyone: without a limit it could fill the disk.
MAX_REPORTS = 10_000


class ImageReport(FileModel):
    """One report."""

    schema_version: Literal[1] = 1
    split: str
    image_id: str
    reason: str
    note: str
    created_utc: str


def write_image_report(folder: Path, *, split: str, image_id: str, reason: str, note: str) -> Path:
    """Write a report and return its path; the same words twice are one file.

    Raises:
        InputError: There is no such image or reason, or the folder holds too many reports.
    """
    image_id = image_id.strip()
    if reason not in REASONS:
        raise InputError(f"Unknown reason '{clip_text(reason)}'; choose one of {', '.join(REASONS)}.")
    if not find_rows(split, [image_id]):
        raise InputError(
            f"{clip_text(split)} has no image '{clip_text(image_id)}'; copy the id below an image."
        )
    if folder.is_dir() and sum(1 for _ in folder.iterdir()) >= MAX_REPORTS:
        raise InputError(f"There are {MAX_REPORTS} reports already. Write to the maintainers instead.")
    words = {"split": split, "image_id": image_id, "reason": reason, "note": clip_text(note)}
    report = ImageReport(**words, created_utc=make_environment().created_utc)
    # Named by its content, without the time: a button pressed twice writes one file.
    path = folder / f"{make_slug(image_id)}-{hash_json(words)[:12]}.json"
    write_text(path, report.model_dump_json(indent=2) + "\n")
    return path
