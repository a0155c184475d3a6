"""The manifest: what it accepts, and that it stands byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    EqualsView,
    FileRecord,
    Manifest,
    SplitManifest,
    ThresholdView,
    format_manifest,
    load_manifest,
    write_manifest,
)

SHA = "0" * 64


def make_manifest() -> Manifest:
    """Every kind of view, and a recipe."""
    split = SplitManifest(
        files=(FileRecord(path="data/s/a.parquet", sha256=SHA, num_bytes=1, num_rows=2),),
        num_images=2,
        class_indices=(0, 999),
        views={
            "classes": ClassView(class_set="imagenet-100"),
            "noto": EqualsView(column="hand", value="noto"),
            "clip-filtered": ThresholdView(column="clip_score.b", minimum=0.3),
        },
        recipe={"steps": 50, "scales": [7.5, None]},
    )
    return Manifest(
        version="v1",
        title="t",
        license="MIT",
        released=None,
        superseded_by=None,
        notice=None,
        made_with={"torch": "2.6"},
        splits={"s": split},
    )


def test_a_manifest_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """And the second writing gives the same bytes."""
    write_manifest(tmp_path, make_manifest())
    loaded = load_manifest(tmp_path)
    assert loaded == make_manifest()
    assert (tmp_path / "manifest.json").read_text() == format_manifest(loaded)


def test_a_folder_without_manifest_is_not_a_release(tmp_path: Path) -> None:
    """It is written last."""
    with pytest.raises(DataError, match="not a complete release"):
        load_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": 2}'])
def test_a_malformed_manifest_is_named(tmp_path: Path, text: str) -> None:
    """Not a traceback of the parser."""
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="not a valid manifest"):
        load_manifest(tmp_path)


def test_unknown_keys_are_refused() -> None:
    """A newer file is not read as if it were this one."""
    data = json.loads(format_manifest(make_manifest())) | {"surprise": 1}
    with pytest.raises(ValidationError, match="surprise"):
        Manifest.model_validate(data)


def test_what_may_be_unknown_must_be_said() -> None:
    """Null and absent are not the same."""
    data = json.loads(format_manifest(make_manifest()))
    del data["notice"]
    with pytest.raises(ValidationError, match="notice"):
        Manifest.model_validate(data)


@pytest.mark.parametrize(
    "path", ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "", "a/", ".a", "C:\\x", "a\n"]
)
def test_paths_out_of_the_release_are_refused(path: str) -> None:
    """A release from elsewhere is not to be trusted."""
    with pytest.raises(ValidationError, match=r"path\n.*string_pattern_mismatch"):
        FileRecord(path=path, sha256=SHA, num_bytes=1, num_rows=1)


@given(path=st.text())
def test_an_accepted_path_stays_inside(path: str) -> None:
    """Whatever the text."""
    try:
        FileRecord(path=path, sha256=SHA, num_bytes=1, num_rows=1)
    except ValidationError:
        return
    resolved = (Path("/release") / path).resolve()
    assert resolved.is_relative_to("/release")
    assert resolved != Path("/release")


@pytest.mark.parametrize("name", ["A", "a/b", "", "..", "a b"])
def test_split_names_can_be_referred_to(name: str) -> None:
    """A name that no reference can spell is refused."""
    data = json.loads(format_manifest(make_manifest()))
    data["splits"] = {name: data["splits"]["s"]}
    with pytest.raises(ValidationError, match=r"splits.*\n.*string_pattern_mismatch"):
        Manifest.model_validate(data)


def test_a_malformed_manifest_is_named_with_its_broken_fields_alone(tmp_path: Path) -> None:
    """Without the words and addresses of the library that checks it."""
    (tmp_path / "manifest.json").write_text('{"version": 7}')
    with pytest.raises(
        DataError, match=r"(?s)manifest\.json' is not a valid manifest:\n  version: "
    ) as caught:
        load_manifest(tmp_path)
    assert "pydantic" not in str(caught.value)
