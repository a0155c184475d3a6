"""Verifying everything after a kill, and releases whose recipe was taken out whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from build_specs import NoiseGenerator, build, make_noise_spec
from tampering import change_manifest

from imagenet_g.benchmark.cli import main
from imagenet_g.generation.generators.generator import Rendering, RenderRow


class StoppingGenerator(NoiseGenerator):
    """Stops its process as a kill does, after so many batches; never before a number is set."""

    left: ClassVar[int] = 10**9
    drawn: ClassVar[int] = 0

    def render(self, rows: Sequence[RenderRow]) -> list[Rendering]:
        """Noise, or the end."""
        if StoppingGenerator.left == 0:
            raise KeyboardInterrupt
        StoppingGenerator.left -= 1
        StoppingGenerator.drawn += 1
        return super().render(rows)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten batches of two."""
    out = tmp_path_factory.mktemp("release")
    factory = f"{__name__}:StoppingGenerator"
    build(make_noise_spec(factory=factory, images_per_class=20, batch_size=2), out)
    return out


def verify(release: Path, cache: Path, *words: str) -> int:
    """Exit code, or 130 for a run that was stopped."""
    try:
        return main(["verify", str(release), "--cache", str(cache), *words])
    except KeyboardInterrupt:
        return 130


def test_a_stopped_verification_of_everything_goes_on_where_it_stopped(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every batch is rendered once over both runs, but those that were in work; the next run begins anew."""
    monkeypatch.setattr(StoppingGenerator, "left", 20)
    assert verify(release, tmp_path, "--all") == 130
    kept = next((tmp_path / "verified").iterdir())
    before = len(kept.read_text().splitlines())
    assert 8 <= before <= 20
    # As a kill in the middle of a write leaves it.
    kept.write_text(kept.read_text() + '[17, [{"image_id": "ab')
    monkeypatch.setattr(StoppingGenerator, "left", 10**9)
    monkeypatch.setattr(StoppingGenerator, "drawn", 0)
    assert verify(release, tmp_path, "--all") == 0
    assert StoppingGenerator.drawn == 30 - before
    out = capsys.readouterr().out
    assert f"{before} of 30 batches were compared before" in out
    assert "all 60 images were rendered again" in out
    assert list((tmp_path / "verified").iterdir()) == []


def test_what_was_compared_under_another_manifest_is_not_taken(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was changed in between has another hash in the manifest, or is damaged."""
    copy = shutil.copytree(release, tmp_path / "copy")
    monkeypatch.setattr(StoppingGenerator, "left", 20)
    assert verify(copy, tmp_path / "cache", "--all") == 130
    change_manifest(copy, lambda tables: tables.update(title="Another"))
    monkeypatch.setattr(StoppingGenerator, "left", 10**9)
    monkeypatch.setattr(StoppingGenerator, "drawn", 0)
    assert verify(copy, tmp_path / "cache", "--all") == 0
    assert StoppingGenerator.drawn == 30


@pytest.mark.parametrize("recipe", [None, {}, {"kind": "mine"}])
def test_a_recipe_that_was_taken_out_whole_is_a_failure(
    release: Path, tmp_path: Path, recipe: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows still say that they were planned."""
    copy = shutil.copytree(release, tmp_path / "copy")
    tables = json.loads((copy / "manifest.json").read_text())
    tables["splits"]["sd-l"]["recipe"] = recipe
    (copy / "manifest.json").write_text(json.dumps(tables))
    assert verify(copy, tmp_path / "cache") == 1
    assert "its rows name batches of a plan" in capsys.readouterr().out
