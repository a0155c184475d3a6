"""Tests of kinds of generators from outside the package: found, built, looked at, run dry and verified."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from build_specs import CLASSES, make_spec, make_split, write_spec

from imagenet_g.benchmark import plugins
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.identity import make_image_id
from imagenet_g.generation.specs import kinds
from imagenet_g.generation.specs.kinds import OWN_KINDS, find_generator_kind, parse_generator_spec
from imagenet_g.generation.specs.spec_errors import list_keys
from imagenet_g.generation.specs.version import VersionSpec, parse_version_spec

STRIPES = """
from typing import ClassVar, Literal

import numpy as np
from PIL import Image

from imagenet_g.generation.generators import Rendering
from imagenet_g.generation.specs.generator import GeneratorSpec


class StripesSpec(GeneratorSpec):
    made_by: ClassVar[str] = "outside_stripes:Stripes"

    kind: Literal["stripes"]
    inputs: Literal["prompt"] = "prompt"
    side_px: int

    @property
    def image_size(self):
        return self.side_px, self.side_px

    def format_settings(self):
        return f"stripes of {self.side_px} px"


class Stripes:
    def __init__(self, spec):
        self.side_px = spec.side_px

    def load(self, device):
        pass

    def describe(self):
        return {"kind": "stripes", "side_px": self.side_px}

    def render(self, rows):
        return [Rendering(self.draw(np.random.default_rng(row.seed))) for row in rows]

    def draw(self, rng):
        lines = rng.integers(0, 256, (self.side_px, 1, 3), dtype=np.uint8)
        return Image.fromarray(np.repeat(lines, self.side_px, axis=1))
"""


@pytest.fixture(scope="module")
def spec_path(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A version made by a kind of an installed package: a module and its metadata on the path."""
    site = tmp_path_factory.mktemp("site")
    (site / "outside_stripes.py").write_text(STRIPES)
    info = site / "outside_stripes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-stripes\nVersion: 1.0\n")
    lines = (
        "[imagenet_g.generator_kinds]",
        "stripes = outside_stripes:StripesSpec",
        "absent = outside_stripes:Absent",
        "no-kind = outside_stripes:Stripes",
    )
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    sys.path.append(str(site))
    try:
        table = {"kind": "stripes", "side_px": 16}
        yield write_spec(site / "tiny.toml", make_spec({"stripes": table}, {"sd-l": make_split("stripes")}))
    finally:
        sys.path.remove(str(site))
        sys.modules.pop("outside_stripes", None)


@pytest.fixture(scope="module")
def release(spec_path: Path) -> Path:
    """It, built."""
    out = spec_path.parent / "release"
    assert main(["build", str(spec_path), "--out", str(out)]) == 0
    return out


def test_a_kind_from_outside_keeps_its_keys_in_a_dump(spec_path: Path) -> None:
    """Recipes are made of dumps."""
    spec = parse_version_spec(spec_path.read_text(), source="tiny.toml")
    table = {"kind": "stripes", "inputs": "prompt", "side_px": 16}
    assert spec.model_dump(mode="json")["generators"]["stripes"] == table
    assert VersionSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_a_release_of_a_kind_from_outside_is_verified(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From its manifest alone, to the same pixels."""
    assert main(["verify", str(release)]) == 0
    assert "sd-l: R0: all 12 images have the same pixels" in capsys.readouterr().out


def test_an_image_of_a_kind_from_outside_can_be_inspected(
    release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what made it."""
    image_id = make_image_id("tiny", "sd-l", CLASSES[0], 0)
    assert main(["inspect", image_id, "--release", str(release)]) == 0
    assert "generator   stripes" in capsys.readouterr().out


def test_a_dry_run_shows_the_settings_and_the_size_of_a_kind_from_outside(
    spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the kind's own class words them."""
    assert main(["build", str(spec_path), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "made by  stripes of 16 px" in printed
    assert re.search(r"\(\d+ bytes an image, measured\)", printed)
    assert "different; not cut: this kind of generator has no text encoder" in printed


def test_a_kind_that_runs_no_pipeline_refuses_another_one(
    spec_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says of which kind it is."""
    assert main(["build", str(spec_path), "--dry-run", "--pipeline", "org/name"]) == 2
    assert "generators of kind 'stripes' have no pipeline" in capsys.readouterr().err


def test_an_unknown_kind_is_named_with_the_nearest(spec_path: Path) -> None:
    """Kinds of other packages among them."""
    with pytest.raises(UnknownNameError, match="Did you mean 'stripes'"):
        find_generator_kind("stripe")


@pytest.mark.parametrize(("name", "message"), [("absent", "cannot be used"), ("no-kind", "is not a kind")])
def test_a_broken_entry_point_is_refused_by_name(spec_path: Path, name: str, message: str) -> None:
    """Whoever installed the package learns which line of it is wrong."""
    with pytest.raises(InputError, match=message):
        find_generator_kind(name)


def test_two_packages_with_one_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of them was meant would depend on the order of installation."""
    points = [EntryPoint("twice", f"package_{n}:Spec", kinds.ENTRY_POINTS) for n in range(2)]
    monkeypatch.setattr(plugins, "find_points", lambda group: points)
    with pytest.raises(InputError, match=r"\(package_0:Spec\) and .*\(package_1:Spec\)"):
        find_generator_kind("twice")


def test_a_package_cannot_take_the_name_of_a_kind_of_ours(
    spec_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the package, which would otherwise be ignored in silence."""
    own = next(iter(metadata.entry_points(group=kinds.ENTRY_POINTS, name="stripes"))).dist
    point = EntryPoint("diffusers", "outside_stripes:StripesSpec", kinds.ENTRY_POINTS)._for(own)  # type: ignore[attr-defined]
    monkeypatch.setattr(plugins, "find_points", lambda group: [point])
    with pytest.raises(InputError, match=r"'diffusers' is built in, and outside-stripes \(outside_stripes"):
        find_generator_kind("diffusers")


def misspell(spec_path: Path, old: str, new: str) -> str:
    """The message about a spec in which a text is replaced."""
    text = spec_path.read_text()
    assert old in text
    with pytest.raises(InputError) as caught:
        parse_version_spec(text.replace(old, new), source="tiny.toml")
    return str(caught.value)


def test_a_misspelt_key_of_a_kind_from_outside_is_compared_with_its_own_keys(spec_path: Path) -> None:
    """Neither with those of other kinds nor with those of the version."""
    message = misspell(spec_path, '"side_px"', '"sid_px"')
    assert "unknown key 'generators.stripes.sid_px'. Did you mean 'side_px'? (1 more error)" in message
    near_another_kind = misspell(spec_path, '"side_px" = 16', '"side_px" = 16, "pipelin" = "x"')
    assert "unknown key 'generators.stripes.pipelin'" in near_another_kind
    assert "Did you mean" not in near_another_kind


def test_further_unknown_keys_are_counted_as_such(spec_path: Path) -> None:
    """A number alone does not say of what."""
    message = misspell(spec_path, '"side_px" = 16', '"side_px" = 16, "ab" = 1, "cd" = 2')
    assert message.endswith("(1 more unknown key)")


def test_the_advice_to_install_a_package_is_not_given_for_a_misspelt_kind(spec_path: Path) -> None:
    """It is given where no name is near."""
    with pytest.raises(UnknownNameError) as near:
        find_generator_kind("stripe")
    assert "needs that package installed" not in str(near.value)
    with pytest.raises(UnknownNameError, match="needs that package installed"):
        find_generator_kind("woodcut")


def test_without_the_package_nothing_is_verified_and_the_exit_code_says_so(
    release: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The files match, and the next step is named once."""
    monkeypatch.setattr(plugins, "find_points", lambda group: [])
    assert main(["verify", str(release)]) == 2
    printed = capsys.readouterr()
    assert "match the manifest" in printed.out
    assert "no probe could be rendered again. sd-l: Unknown kind of generator 'stripes'." in printed.err
    assert "unknown" not in printed.out


@pytest.mark.parametrize(("name", "found"), OWN_KINDS.items())
def test_every_kind_of_ours_is_listed_by_its_own_name(name: str, found: type) -> None:
    """The key of the row is the word in the class."""
    with pytest.raises(ValueError, match="validation error"):
        parse_generator_spec({"kind": name})
    assert found.model_fields["kind"].annotation.__args__ == (name,)  # type: ignore[attr-defined]


def test_keys_of_every_kind_are_suggested(spec_path: Path) -> None:
    """At any depth: the scale of a guidance, the revision of a part."""
    keys = list_keys(VersionSpec)
    assert "side_px" in keys
    assert {"background", "away", "scale", "parts", "subfolder", "factory", "rows_per_shard"} <= set(keys)
    assert "made_by" not in keys
