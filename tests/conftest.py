"""What every test stands on: no network, one thread pool, a cache of its own."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from pathlib import Path

# Before any library reads them: tests must not reach for the Hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

# One core for each process that a test starts: others wait for theirs, and tiny models gain nothing by two.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Scores that the user keeps are no part of a test.
os.environ["IMAGENET_G_SCORES"] = os.devnull

import pytest
import torch
from hypothesis import settings

ROOT = Path(__file__).parents[1]
BEGUN_FIRST = (
    "leaderboard/app/test_browser_axe.py", "leaderboard/app/test_browser_views.py",
    "benchmark/evaluation/test_keep_features.py",
    "generation/releases/test_publish.py", "generation/caption_training/test_run.py",
    "benchmark/feeding/test_processes.py", "generation/building/test_build.py",
    "generation/rendering/test_score_files.py", "benchmark/backends/test_openvino_backend.py",
    "benchmark/inference/test_killed.py", "benchmark/engines/test_processes.py",
    "generation/generators/test_comparators.py", "leaderboard/app/test_browser_addresses.py",
    "baselines/replays/test_experiments.py", "generation/building/test_diffusers_build.py",
    "generation/rendering/test_ray_engine.py", "leaderboard/rating_page/test_browser.py",
    "generation/building/test_sharing.py", "benchmark/engines/test_ray_crew.py",
    "leaderboard/validation/test_robustness_checks.py", "leaderboard/test_metric_from_outside.py",
    "leaderboard/test_load.py", "generation/filtering/test_filter.py",
    "generation/commands/test_build.py", "benchmark/evaluation/test_evaluate.py",
    "generation/specs/test_extending.py", "generation/verifying/test_tampering.py",
    "generation/training/test_stages.py", "generation/edition/test_embed.py",
    "generation/edition/test_renditions.py", "leaderboard/commands/test_leaderboard.py",
    "leaderboard/validation/test_submissions.py", "generation/bench/test_stages.py",
    "generation/bench/test_sizes.py", "generation/training/test_shipped_generators.py",
    "benchmark/evaluation/test_stale_answers.py", "generation/building/test_ood_split.py",
    "generation/generators/test_generator.py", "generation/verifying/test_verify.py",
    "generation/captions/test_names.py", "generation/plans/test_plan.py",
    "leaderboard/test_workflows.py", "benchmark/test_quick_imports.py",
)  # fmt: skip
"""Files of tests that take the longest, most seconds first: left to the end, one of them would run alone."""

# Containers often forbid compiled modules; then each of a hundred processes would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# While tests are collected nothing dies, and looking for what did takes a third of the time.
gc.disable()

# Tiny models on many threads mostly wait for each other.
torch.set_num_threads(1)

# A shell that starts the tests in its background has Ctrl-C ignored, and what tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Timings on a busy machine say nothing; the same examples every time make a red run repeatable.
settings.register_profile("imagenet-g", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("imagenet-g")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; the others keep their order."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(BEGUN_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Take what was imported out of the garbage collector's sight.

    That is most of a million objects which never die, and looking through them takes up to half a second;
    libraries ask for it at every call of theirs.
    """
    # Without a collection before: it takes seconds, and finds little that could be freed.
    gc.freeze()
    gc.enable()
    # Libraries look for leaks of theirs as Python ends, and must find all of their own. Not before: pytest
    # collects garbage five times after the last test, which would take seconds.
    atexit.register(gc.unfreeze)
