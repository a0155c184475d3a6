"""Text-to-image classes of diffusers with tiny random weights: spec, plan, images, release, verification."""

from __future__ import annotations

from pathlib import Path

import pytest
from pipeline_chain import REPRESENTATIVES, list_tried, load_outcomes, run_chain
from pipeline_table import README, format_summary, list_text_to_image
from tiny_text_to_image import PIPELINES


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_a_class_of_each_family_comes_as_far_as_its_row_of_the_table_says(name: str, tmp_path: Path) -> None:
    """To R0 with equal pixels, in batches of two or, where the guard asks for it, one at a time."""
    assert run_chain(name, tmp_path) == load_outcomes()[name]


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted({*list_tried()} - {*REPRESENTATIVES}))
def test_every_class_comes_as_far_as_its_row_of_the_table_says(name: str, tmp_path: Path) -> None:
    """Those that are refused are refused for the reason in the table."""
    assert run_chain(name, tmp_path) == load_outcomes()[name]


@pytest.mark.nightly
def test_no_text_to_image_class_of_the_installed_diffusers_is_missing_in_the_table() -> None:
    """One that a newer diffusers adds fails here; `python -m pipeline_table NAME` writes its row."""
    assert set(list_text_to_image()) - set(load_outcomes()) == set()


def test_every_class_with_tiny_weights_is_tried() -> None:
    """And no other."""
    assert list_tried() == sorted(PIPELINES)


def test_the_readme_shows_the_table() -> None:
    """Its counts, and each exception with the reason."""
    assert f"\n\n{format_summary(load_outcomes().values())}\n\n" in README.read_text(encoding="utf-8")
