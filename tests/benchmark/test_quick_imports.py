"""Imports without the collector, and answers from the cache without the libraries of models."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest
from PIL import Image

from imagenet_g.benchmark.quick_imports import quick_imports

CLASSIFIERS = ("torch", "torchvision", "timm", "open_clip", "transformers", "datasets", "openvino", "ray")


def test_garbage_is_collected_again_after_the_imports() -> None:
    """Off inside, on behind, also when one stands in another and when the import fails."""
    with pytest.raises(ImportError), quick_imports():
        with quick_imports():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()


def test_nothing_is_frozen_where_nothing_was_imported() -> None:
    """A model that is garbage at that time must still be collected."""
    before = gc.get_freeze_count()
    with quick_imports():
        import sys as again
    assert again is sys
    assert gc.get_freeze_count() == before


def test_a_collector_that_is_off_stays_off() -> None:
    """The caller has reasons of its own."""
    gc.disable()
    try:
        with quick_imports():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`evaluate` with a model of timm on one image."""
    home = tmp_path_factory.mktemp("cached")
    (home / "images" / "n01440764").mkdir(parents=True)
    Image.new("RGB", (64, 64), (90, 120, 30)).save(home / "images" / "n01440764" / "0.png")
    words = ["evaluate", "--model", "wheel:efficientnet-lite0", "--split", f"folder:{home / 'images'}"]
    return [*words, "--reference", "published", "--out", str(home / "out"), "--cache", str(home / "cache")]


def list_loaded(words: list[str]) -> tuple[str, list[str]]:
    """What a command prints in a process of its own, and which libraries of models it has imported."""
    code = (
        "import sys; from imagenet_g.benchmark.cli import main\n"
        f"assert main({words!r}) == 0\n"
        f"print('LOADED', *[name for name in {CLASSIFIERS!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    printed, _, loaded = done.stdout.rpartition("LOADED")
    return printed, loaded.split()


def test_a_model_of_timm_imports_no_other_library_and_its_answer_from_the_cache_none(
    words: list[str],
) -> None:
    """open_clip, transformers and datasets take seconds to import, and torch takes them too."""
    assert list_loaded(words)[1] == ["torch", "torchvision", "timm"]
    for more in ([], ["--baseline", "testbed"]):
        printed, loaded = list_loaded([*words, *more])
        assert "all predictions came from the cache" in printed
        assert loaded == []
