"""The Ray engine: the same bytes, and a killed worker costs one shard."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from build_specs import build, make_noise_spec, make_spec, make_split, make_stage, read_release

from imagenet_g.benchmark.errors import InputError, ModelError
from imagenet_g.generation.rendering.engines import choose_engine
from imagenet_g.generation.rendering.ray_engine import run_ray

run_two = partial(run_ray, workers=2, cpus_per_worker=0.5)


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """One local cluster of two CPUs for all tests here."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        # Workers are processes of their own and must find the generators of the tests.
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "support"))
        patch.setenv("RAY_IGNORE_UNHANDLED_ERRORS", "1")
        # Ray lets its workers wait behind every other process; beside other tests that takes minutes.
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        yield
        ray.shutdown()


def test_two_workers_give_the_bytes_of_the_serial_engine(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    """With a real pipeline, whose last bits depend on the number of threads."""
    generators = {"sd": make_stage("StableDiffusionPipeline", tiny("sd"))}
    spec = make_spec(generators, {"sd-l": make_split("sd", images_per_class=8)})
    build(spec, tmp_path / "serial")
    build(spec, tmp_path / "ray", engine=run_two)
    assert read_release(tmp_path / "ray") == read_release(tmp_path / "serial")


def test_a_killed_worker_costs_one_shard(tmp_path: Path) -> None:
    """The process dies in the middle; the build ends as if it had not."""
    options = {"marker": str(tmp_path / "died")}
    spec = make_noise_spec(factory="build_specs:DyingOnceGenerator", options=options)
    listener = build(spec, tmp_path / "ray", engine=run_two)
    assert (tmp_path / "died").exists()
    assert len(listener.tasks) == 3
    build(spec, tmp_path / "serial")
    assert read_release(tmp_path / "ray") == read_release(tmp_path / "serial")


def test_an_error_in_a_worker_reads_as_in_this_process(tmp_path: Path) -> None:
    """One clear message, of the same kind."""
    spec = make_noise_spec(factory="build_specs:FailingGenerator", rows_per_shard=100)
    with pytest.raises(ModelError, match="3 consecutive batches failed: ValueError: out of ideas"):
        build(spec, tmp_path, engine=run_two)


def test_options_that_only_ray_takes_are_refused_by_the_serial_engine() -> None:
    """And shares of a CPU must be positive."""
    with pytest.raises(InputError, match="need --engine ray"):
        choose_engine("serial", workers=2)
    with pytest.raises(InputError, match="must be above 0"):
        choose_engine("ray", cpus_per_worker=0.0)
