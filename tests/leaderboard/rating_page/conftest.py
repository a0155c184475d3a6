"""A small audit, of folders made for the test."""

from __future__ import annotations

from pathlib import Path

import pytest
from rating_cases import open_audit, write_audit, write_folders

from imagenet_g.leaderboard.rating_page.desk import RatingDesk


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """An audit of square PNGs with wide JPEGs as its reference, six of a class."""
    split = write_folders(tmp_path / "made", "PNG", (64, 64), 2)
    reference = write_folders(tmp_path / "real", "JPEG", (90, 60), 6)
    return write_audit(tmp_path / "audit", split, reference)


@pytest.fixture
def desk(audit: Path) -> RatingDesk:
    """The audit, open."""
    return open_audit(audit)
