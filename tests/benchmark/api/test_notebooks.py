"""The notebooks run from top to bottom, offline, and show what they say."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import pytest
from notebook_runs import list_outputs, run_notebook
from PIL import Image

NOTEBOOKS = Path(__file__).parents[3] / "benchmark" / "notebooks"


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tutorial with its outputs."""
    return run_notebook(NOTEBOOKS / "tutorial.ipynb", tmp_path_factory.mktemp("tutorial"))


def test_the_tutorial_shows_its_results_as_tables(tutorial: Any) -> None:
    """With a bar of progress above them."""
    shown = list_outputs(tutorial, "run")
    assert any("<progress" in one.get("text/html", "") for one in shown)
    assert "mini/sd-l" in shown[-1]["text/html"]


def test_the_tutorial_draws_the_line(tutorial: Any) -> None:
    """As a picture of the size that the command writes."""
    (shown,) = list_outputs(tutorial, "plot")
    assert Image.open(io.BytesIO(base64.b64decode(shown["image/png"]))).size == (1080, 960)


def test_the_notebook_of_an_own_model_runs(tmp_path: Path) -> None:
    """The last cell runs the result again and finds the same numbers."""
    notebook = run_notebook(NOTEBOOKS / "own_model.ipynb", tmp_path)
    assert "the same numbers" in list_outputs(notebook, "rerun")[-1]["text/html"]
