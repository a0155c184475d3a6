"""Which files decide what an outside model library does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagenet_g.benchmark.fingerprints.library_code import hash_library, list_source_files
from imagenet_g.benchmark.naming.libraries import ROWS


def write_package(folder: Path) -> Path:
    """A package with its loader and the transform in two modules, inside a namespace package."""
    package = folder / "tally_space" / "tally_package"
    package.mkdir(parents=True)
    for name in ("__init__", "loader", "preparing"):
        (package / f"{name}.py").write_text("")
    (folder / "tally_space" / "of_others.py").write_text("")
    return package


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.scheme)
def test_a_library_of_this_package_has_no_hash(row: object) -> None:
    """Its predictions keep the keys they have."""
    assert hash_library(getattr(row, "scheme", "")) is None


def test_all_files_of_the_loaders_package_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of other packages in the same namespace do not."""
    package = write_package(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    row = replace(ROWS[0], loader="tally_space.tally_package.loader:load_model")
    assert [path.name for path in list_source_files(row)] == ["__init__.py", "loader.py", "preparing.py"]
    assert {path.parent for path in list_source_files(row)} == {package}


def test_a_loader_that_does_not_exist_has_no_files() -> None:
    """Loading reports it."""
    assert list_source_files(replace(ROWS[0], loader="tally_nowhere.loader:load_model")) == ()
