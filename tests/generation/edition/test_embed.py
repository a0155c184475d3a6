"""Built splits beside the drawings, in the edition that ships."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from build_specs import build, make_noise_spec
from silent_verification import SilentListener

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.splits.manifests import load_manifest, write_manifest
from imagenet_g.generation.edition.embed import embed_splits
from imagenet_g.generation.verifying.regeneration import RegenerationSettings
from imagenet_g.generation.verifying.verify import VerifyRequest, run_verify


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built release of one split, version "mini"."""
    out = tmp_path_factory.mktemp("built") / "release"
    build(make_noise_spec(version="mini"), out)
    return out


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of the edition in the package, with its drawings alone."""
    folder = Path(str(Path(__file__).parents[3] / "benchmark" / "data" / "mini"))
    out = tmp_path / "mini"
    shutil.copytree(folder, out, ignore=shutil.ignore_patterns("real*", "sd-*"))
    manifest = load_manifest(out)
    write_manifest(out, manifest.model_copy(update={"splits": {"renditions": manifest.splits["renditions"]}}))
    return out


def test_a_new_folder_takes_the_splits_of_several_builds(built: Path, tmp_path: Path) -> None:
    """One process a split, and then one release."""
    other = tmp_path / "other"
    spec = make_noise_spec(version="mini")
    build(spec.model_copy(update={"splits": {"sd-i": spec.splits["sd-l"]}}), other)
    embed_splits(built, tmp_path / "both")
    embed_splits(other, tmp_path / "both")
    request = VerifyRequest(release=tmp_path / "both", splits=(), settings=RegenerationSettings())
    report = run_verify(request, SilentListener())
    assert not report.damaged
    assert [(split.split, split.level) for split in report.splits] == [("sd-i", "R0"), ("sd-l", "R0")]


def test_a_built_split_joins_the_others(built: Path, shipped: Path) -> None:
    """With its files; the drawings stay as they are."""
    before = load_manifest(shipped)
    after = embed_splits(built, shipped)
    assert set(after.splits) == {"renditions", "sd-l"}
    assert after.splits["renditions"] == before.splits["renditions"]
    assert load_manifest(shipped) == after


def test_the_licence_covers_all_splits(built: Path, shipped: Path) -> None:
    """Each once."""
    assert embed_splits(built, shipped).license == "Apache-2.0 AND CC-BY-4.0 AND CC0-1.0 AND MIT"


def test_embedding_twice_changes_nothing(built: Path, shipped: Path) -> None:
    """Same manifest, same files."""
    first = embed_splits(built, shipped)
    assert embed_splits(built, shipped) == first


def test_an_embedded_release_can_be_verified(built: Path, shipped: Path) -> None:
    """Files by their hashes; the drawings, which no spec made, are said to be of unknown level."""
    embed_splits(built, shipped)
    report = run_verify(
        VerifyRequest(release=shipped, splits=("renditions",), settings=RegenerationSettings()),
        SilentListener(),
    )
    assert not report.damaged
    assert report.splits[0].level == "unknown"
    assert "not made by 'imagenet-g build'" in report.splits[0].reason


def test_another_version_is_refused(shipped: Path, tmp_path: Path) -> None:
    """By both names."""
    out = tmp_path / "other"
    build(make_noise_spec(version="other"), out)
    with pytest.raises(DataError, match=r"'other'.*'mini'"):
        embed_splits(out, shipped)


def test_a_damaged_release_is_refused_and_nothing_is_written(
    built: Path, shipped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one message."""
    damaged = tmp_path / "damaged"
    shutil.copytree(built, damaged)
    next(damaged.glob("data/*/*.parquet")).write_bytes(b"PAR1")
    before = load_manifest(shipped)
    assert main(["lab", "embed", str(damaged), "--out", str(shipped)]) == 2
    assert "is damaged" in capsys.readouterr().err
    assert load_manifest(shipped) == before
    assert not (shipped / "data" / "sd-l").exists()
