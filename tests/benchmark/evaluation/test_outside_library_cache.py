"""Predictions of an outside model library are kept for its distribution, its version and its code alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_release
from outside_library import MODULE, ROW, install, write_distribution

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.predictions.result_files import load_result

FROM_CACHE = "all predictions came from the cache"
# Its own words about the transform stay the same whatever the transform does, as a careless author's would.
SILENT = MODULE.replace("description=repr(transform)", 'description="resized"')
EDITED = SILENT.replace("transforms.Resize((32, 32))", "transforms.CenterCrop(32)")
STORED = SILENT.replace(
    "transform=transform, precropped_transform=transform,",
    "transform=transform, precropped_transform=transform, files=(Path(__file__).with_name('weights'),),",
).replace("import torch\n", "from pathlib import Path\n\nimport torch\n", 1)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three images."""
    folder = tmp_path_factory.mktemp("release")
    write_release(folder, [1, 2, 3])
    return folder


def evaluate(release: Path, folder: Path, site: Path) -> dict[str, str]:
    """The recorded versions of an evaluation with the library of `site`, its cache in `folder`."""
    words = ["--model", "tally:mean/seed0", "--split", "v9/sd-l", "--data", f"v9={release}"]
    words += ["--out", str(folder / "out"), "--cache", str(folder / "cache"), "--device", "cpu"]
    with install(site):
        assert main(["evaluate", *words, "--workers", "1"]) == 0
    return load_result(next((folder / "out").glob("*/result.json"))).entries[0].predictions.run.versions


def write_site(folder: Path, module: str = SILENT, *, version: str = "0.1", name: str = "tally") -> Path:
    """An installed library with this loader module."""
    modules = {"tally_library": ROW, "tally_models": module}
    (folder / "weights").parent.mkdir(parents=True)
    (folder / "weights").write_bytes(b"w")
    return write_distribution(folder, name=name, version=version, modules=modules)


@pytest.mark.parametrize("module", [SILENT, STORED], ids=["no files", "weights in a file"])
def test_the_same_library_reads_its_predictions_from_the_cache(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], module: str
) -> None:
    """The other tests would pass if nothing were ever kept."""
    site = write_site(tmp_path / "site", module)
    evaluate(release, tmp_path, site)
    assert FROM_CACHE not in capsys.readouterr().out
    evaluate(release, tmp_path, site)
    assert FROM_CACHE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("before", "after"),
    [(SILENT, EDITED), (STORED, STORED.replace("transforms.Resize((32, 32))", "transforms.CenterCrop(32)"))],
    ids=["no files", "weights in a file"],
)
def test_an_edited_transform_is_run_again(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str
) -> None:
    """Weights, layers and the described preprocessing are what they were."""
    site = write_site(tmp_path / "site", before)
    evaluate(release, tmp_path, site)
    (site / "tally_models.py").write_text(after)
    evaluate(release, tmp_path, site)
    assert FROM_CACHE not in capsys.readouterr().out


def test_another_version_is_run_again_and_recorded(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the same code: the record of an old run would name the old version."""
    old = evaluate(release, tmp_path, write_site(tmp_path / "old", version="0.1"))
    new = evaluate(release, tmp_path, write_site(tmp_path / "new", version="0.2"))
    assert (old["tally"], new["tally"]) == ("0.1", "0.2")
    assert FROM_CACHE not in capsys.readouterr().out


def test_another_distribution_of_the_same_scheme_is_run_again(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two packages may register one scheme, one after the other."""
    evaluate(release, tmp_path, write_site(tmp_path / "one"))
    evaluate(release, tmp_path, write_site(tmp_path / "other", name="tally-other"))
    assert FROM_CACHE not in capsys.readouterr().out
