"""The wheel holds everything and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("baselines", "benchmark", "generation", "leaderboard")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of what git tracks or would track."""
    source = tmp_path_factory.mktemp("source")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file() and not name.startswith((".typings/", "tests/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"],
        cwd=source, check=True, capture_output=True,
    )  # fmt: skip
    return zipfile.ZipFile(next((source / "dist").glob("*.whl")))


def test_site_packages_receives_one_name(wheel: zipfile.ZipFile) -> None:
    """Nothing called `benchmark` or `tests` lands beside other people's packages."""
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"imagenet_g"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_and_table_is_in_the_wheel(wheel: zipfile.ZipFile, folder: str) -> None:
    """A module left out of `packages` would be missed only by the user."""
    kinds = {
        ".py",
        ".css",
        ".csv",
        ".html",
        ".js",
        ".toml",
        ".txt",
        ".json",
        ".md",
        ".parquet",
        ".safetensors",
    }
    wanted = {
        # The top package's own file is kept inside a folder, and stands above all of them in the wheel.
        f"imagenet_g/{path.relative_to(ROOT).as_posix()}".replace("benchmark/package/", "")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and "__pycache__" not in path.parts
    }
    assert wanted <= set(wheel.namelist())


def test_the_top_package_is_in_the_wheel_with_its_types(wheel: zipfile.ZipFile) -> None:
    """Type checkers look for the mark at the top only."""
    assert {"imagenet_g/__init__.py", "imagenet_g/py.typed"} <= set(wheel.namelist())


def test_the_wheel_stays_small(wheel: zipfile.ZipFile) -> None:
    """The art has 8 MB, the wheel 90 MB at most."""
    sizes = {info.filename: info.compress_size for info in wheel.infolist()}
    assert sum(size for name, size in sizes.items() if "/mini/data/renditions/" in name) <= 8_000_000
    assert sum(sizes.values()) <= 90_000_000


def test_no_driver_of_a_browser_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    """What drives a Chromium, for tests and benchmarks, stays in the repository."""
    modules = [name for name in wheel.namelist() if name.endswith(".py")]
    found = {
        (name, word)
        for name in modules
        for word in ("playwright", "chromium")
        if word in wheel.read(name).decode("utf-8").lower()
    }
    assert found == set()
    assert len(modules) > 250, "the search itself missed modules"


def test_the_wheel_runs_where_its_sources_are_not(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Its tables and the embedded edition are found inside it."""
    wheel.extractall(tmp_path / "installed")
    code = (
        "from imagenet_g.benchmark import cli; print(cli.__file__); raise SystemExit(cli.main(['versions']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "installed"))
    assert "mini-v2" in done.stdout
