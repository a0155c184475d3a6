"""Critiques go into the published tree with their release, and onto its card."""

from __future__ import annotations

from pathlib import Path

import pytest
from critique_cases import make_critique
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.critiques.shipped import CRITIQUES, load_critiques, store_critique


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of four images."""
    return write_release(tmp_path / "release", [3, 7, 11, 13])


def test_a_critique_is_published_with_the_version_and_shown_on_its_card(
    release: Path, tmp_path: Path
) -> None:
    """The tree reads as the release did."""
    store_critique(release, make_critique())
    assert main(["publish", str(release), "--to", str(tmp_path / "tree")]) == 0
    assert load_critiques(tmp_path / "tree") == load_critiques(release)
    card = (tmp_path / "tree" / "README.md").read_text()
    assert "## How good the images are: `v9/sd-l`" in card
    assert "Fréchet distance, by class" in card
    assert "airplane wing (several meanings" in card


def test_without_one_the_card_has_no_such_section(release: Path, tmp_path: Path) -> None:
    """And the tree no such folder."""
    assert main(["publish", str(release), "--to", str(tmp_path / "tree")]) == 0
    assert "How good the images are" not in (tmp_path / "tree" / "README.md").read_text()
    assert not (tmp_path / "tree" / "critiques").exists()


def test_a_changed_critique_stops_the_publication(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written."""
    path = store_critique(release, make_critique())
    path.write_text(path.read_text().replace('"num_images": 48', '"num_images": 4'))
    assert main(["publish", str(release), "--to", str(tmp_path / "tree")]) == 2
    assert CRITIQUES.name_folder(release).name in capsys.readouterr().err
    assert not (tmp_path / "tree").exists()
