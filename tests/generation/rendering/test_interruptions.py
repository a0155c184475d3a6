"""A build that is ended amid its overlapped work leaves whole files, and resumes to the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from build_specs import build, make_noise_spec, read_release
from interrupted_builds import interrupt_each, kill_each

from imagenet_g.generation.specs.version import VersionSpec

JUDGE = {"kind": "judge", "model": "python:toy_models:make_colour_model"}


@pytest.fixture(scope="module")
def spec() -> VersionSpec:
    """Noise in four shards of three batches, scored by a judge; slow, so that no signal comes late."""
    return make_noise_spec(
        images_per_class=16,
        rows_per_shard=12,
        factory="build_specs:SlowGenerator",
        scorers=["judge"],
        scorer_tables={"judge": JUDGE},
    )


@pytest.fixture(scope="module")
def straight(spec: VersionSpec, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of a build that nothing interrupted."""
    out = tmp_path_factory.mktemp("straight")
    build(spec, out)
    return read_all(out)


def read_all(out: Path) -> dict[str, bytes]:
    """Every file of a release, and the images and scores behind it."""
    work = {path.relative_to(out).as_posix(): path for path in (out / ".build").rglob("*.parquet")}
    return read_release(out) | {name: path.read_bytes() for name, path in work.items()}


@pytest.mark.parametrize("end", [kill_each, interrupt_each], ids=["kill -9", "Ctrl-C"])
def test_a_build_that_is_ended_at_each_moment_in_turn_ends_with_the_same_bytes(
    end: Callable[[VersionSpec, Path], None],
    spec: VersionSpec,
    straight: dict[str, bytes],
    tmp_path: Path,
) -> None:
    """Six times; what is not whole does not count, and what is whole is not made again."""
    end(spec, tmp_path)
    build(spec, tmp_path)
    assert read_all(tmp_path) == straight
