"""Critiques stored beside a release."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from critique_cases import make_critique
from image_sets import write_release

from imagenet_g.benchmark.critiques.shipped import (
    CRITIQUES,
    list_critique_files,
    load_critiques,
    store_critique,
)
from imagenet_g.benchmark.errors import DataError, InputError


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release of one split."""
    return write_release(tmp_path / "v9", [0, 1, 2, 908])


def test_a_stored_critique_is_found_by_its_split(release: Path) -> None:
    """And no file of the release changes."""
    before = {path: path.read_bytes() for path in release.rglob("*") if path.is_file()}
    store_critique(release, make_critique())
    assert load_critiques(release) == {"v9/sd-l": make_critique().model_copy(
        update={"environment": load_critiques(release)["v9/sd-l"].environment}
    )}  # fmt: skip
    assert {path: path.read_bytes() for path in release.rglob("*") if path.is_file()} == before


def test_a_later_critique_replaces_that_of_the_same_split(release: Path) -> None:
    """The index names one."""
    store_critique(release, make_critique(shift=1.0))
    store_critique(release, make_critique(shift=2.0))
    (found,) = load_critiques(release).values()
    assert found.distances == make_critique(shift=2.0).distances


def test_a_critique_of_another_release_is_refused(release: Path) -> None:
    """With what the release holds."""
    with pytest.raises(InputError, match=r"'v8/sd-l', the release holds v9/sd-l"):
        store_critique(release, make_critique(ref="v8/sd-l"))


def test_a_changed_critique_is_refused(release: Path) -> None:
    """The index has its hash."""
    path = store_critique(release, make_critique())
    path.write_text(path.read_text().replace('"num_images": 48', '"num_images": 49'))
    with pytest.raises(DataError, match="is not the file that was stored"):
        load_critiques(release)


def test_a_published_tree_holds_them_with_the_index_last(release: Path) -> None:
    """Under one folder; a copy of it reads the same."""
    store_critique(release, make_critique())
    files = list_critique_files(release)
    assert list(files) == ["critiques/v9-sd-l.json", "critiques/index.json"]
    for name, path in files.items():
        (release / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(path, release / name)
    shutil.rmtree(CRITIQUES.name_folder(release))
    assert list(load_critiques(release)) == ["v9/sd-l"]


def test_a_release_without_critiques_has_none(release: Path) -> None:
    """And nothing to publish."""
    assert load_critiques(release) == {}
    assert list_critique_files(release) == {}
