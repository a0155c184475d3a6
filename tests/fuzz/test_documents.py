"""Specs in TOML, manifests, results and submissions in JSON: what they say, or one clear message."""

from __future__ import annotations

import json
import shutil
import tempfile
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from door_documents import CHANGES, HARD_TEXTS, apply_changes, format_toml
from doors import RULE, damage, doors, open_place
from hypothesis import given
from hypothesis import strategies as st
from image_sets import write_release
from submission_cases import load_good, validate_case, write_case

from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.real_set_files import load_sets
from imagenet_g.benchmark.splits.releases import load_release_split
from imagenet_g.generation.specs.version import load_version_spec

FOLDER = tempfile.TemporaryDirectory(prefix="door-")
VERSIONS = {
    name: tomllib.loads((files("imagenet_g.generation.data") / "versions" / f"{name}.toml").read_text())
    for name in ("mini", "v1", "draft-dit", "draft-ood", "draft-flux")
}
SET = {
    "name": "my-set",
    "title": "Mine",
    "num_images": 3,
    "class_set": "imagenet-a",
    "outputs": "split-classes",
    "label": "wnid",
    "license": "MIT",
    "source": "me",
    "local_hint": "Copy it.",
}


@doors(60)
@given(data=st.data(), name=st.sampled_from(sorted(VERSIONS)))
def test_a_version_spec_is_read_or_refused(data: st.DataObject, name: str) -> None:
    """The version is the one that stands in the file."""
    document = apply_changes(VERSIONS[name], data.draw(CHANGES))
    text = read_hard(data) or format_toml(document)
    with open_place() as place:
        path = place / "spec.toml"
        path.write_bytes(data.draw(damage(text.encode())) if data.draw(st.booleans()) else text.encode())
        found = RULE.enter("version specs", lambda: load_version_spec(str(path)), names=[path])
        if found is not None:
            assert found.version == tomllib.loads(path.read_text())["version"]


@doors(60)
@given(data=st.data())
def test_a_table_of_a_set_is_read_or_refused(data: st.DataObject) -> None:
    """With the files beside it."""
    text = read_hard(data) or format_toml(apply_changes({"set": [SET]}, data.draw(CHANGES)))
    with open_place() as place:
        path = place / "sets.toml"
        path.write_bytes(data.draw(damage(text.encode())) if data.draw(st.booleans()) else text.encode())
        found = RULE.enter("tables of sets", lambda: load_sets([path]), names=[path, path.name])
        if found is not None:
            assert {table["name"] for table in tomllib.loads(path.read_text())["set"]} <= set(found)


def read_hard(data: st.DataObject) -> str:
    """Seldom a text that is hard to read; else nothing."""
    return (
        HARD_TEXTS[data.draw(st.sampled_from(sorted(HARD_TEXTS)))]
        if data.draw(st.integers(0, 6)) == 0
        else ""
    )


@cache
def make_release() -> Path:
    """A release of three images, which no test changes."""
    return write_release(Path(FOLDER.name) / "v9", [0, 1, 2])


@doors(60)
@given(data=st.data())
def test_a_manifest_is_that_of_its_files_or_refused(data: st.DataObject) -> None:
    """Three images of the classes 0, 1 and 2, whatever it says."""
    document = json.loads((make_release() / "manifest.json").read_text())
    text = read_hard(data) or json.dumps(apply_changes(document, data.draw(CHANGES)))
    with open_place() as place:
        folder = shutil.copytree(make_release(), place / "v9")
        content = data.draw(damage(text.encode())) if data.draw(st.booleans()) else text.encode()
        (folder / "manifest.json").write_bytes(content)
        if RULE.enter("manifests", lambda: load_manifest(folder), names=[folder]) is None:
            return
        names = [folder, "v9", "sd-l", *json.loads(content)["version"].split()]
        split = RULE.enter("releases", lambda: load_release_split(folder, "sd-l", cache=None), names=names)
        assert split is None or split.rows.labels[:, 0].tolist() == [0, 1, 2]


@doors(60)
@given(data=st.data())
def test_a_result_is_read_as_it_stands_or_refused(data: st.DataObject) -> None:
    """What was read is written again as it was."""
    document = json.loads(load_good())["result"]
    text = read_hard(data) or json.dumps(apply_changes(document, data.draw(CHANGES)))
    with open_place() as place:
        path = place / "result.json"
        path.write_bytes(data.draw(damage(text.encode())) if data.draw(st.booleans()) else text.encode())
        found = RULE.enter("results", lambda: load_result(path), names=[path])
    if found is not None:
        assert Result.model_validate_json(found.model_dump_json()) == found


@doors(25)
@given(data=st.data(), resealed=st.booleans())
def test_a_submission_that_was_changed_gets_a_report(data: st.DataObject, resealed: bool) -> None:
    """And never passes unsealed."""
    good = json.loads(load_good())
    changed = apply_changes(good, data.draw(CHANGES))
    if not isinstance(changed, dict):
        return

    def change(content: dict[str, object]) -> None:
        content.clear()
        content.update(changed)

    with open_place() as place:
        # No seal can be computed over half a character; a forger would leave the old one.
        sealable = "\\ud800" not in json.dumps(changed)
        path = write_case(place, change, resealed=resealed and sealable)
        report = RULE.enter("submissions", lambda: validate_case(path), names=[path])
    assert report is not None
    for problem in report.errors:
        assert problem.message.strip()
    if changed != good and not resealed:
        assert report.errors
