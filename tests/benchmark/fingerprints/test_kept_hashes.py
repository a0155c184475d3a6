"""A hash of weights is kept for the files that gave it, and for no others."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.fingerprints import kept_hashes, weights
from imagenet_g.benchmark.fingerprints.kept_hashes import KeptHashes
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models import heads
from imagenet_g.benchmark.models.heads import count_outputs
from imagenet_g.benchmark.predictions.result_files import load_result

Calls = list[int]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """How many tensors each whole hash was computed over."""
    calls: Calls = []

    def count(state: dict[str, torch.Tensor]) -> str:
        calls.append(len(state))
        return hash_state_dict(state)

    monkeypatch.setattr(weights, "hash_state_dict", count)
    return calls


def make_state() -> dict[str, torch.Tensor]:
    """Two tensors, one of them longer than what is sampled."""
    return {"w": torch.arange(4096.0).reshape(64, 64), "b": torch.zeros(3)}


def hash_with(folder: Path, state: dict[str, torch.Tensor], path: Path, *, key: str | None = None) -> str:
    """The hash for a model that was asked for a moment after its file was written."""
    keeper = KeptHashes(folder, "timm", since_ns=time.time_ns() + kept_hashes._SETTLED_NS)
    return keeper.hash_state(state, (path,), ("timm:test_vit", key))


def test_a_file_is_hashed_once(tmp_path: Path, calls: Calls) -> None:
    """The second time the hash comes from the cache, and is the same."""
    save_file(make_state(), tmp_path / "w.safetensors")
    hashes = {hash_with(tmp_path / "kept", make_state(), tmp_path / "w.safetensors") for _ in range(3)}
    assert (hashes, calls) == ({hash_state_dict(make_state())}, [2])


def test_a_file_with_its_time_set_back_is_hashed_again(tmp_path: Path, calls: Calls) -> None:
    """Size, modification time and inode are alike; the change time is not, though a sample shows nothing."""
    path, other = tmp_path / "w.safetensors", make_state()
    save_file(make_state(), path)
    hash_with(tmp_path / "kept", make_state(), path)
    before = path.stat()
    other["w"][-1, -1] = 7.0
    save_file(other, tmp_path / "other.safetensors")
    path.write_bytes((tmp_path / "other.safetensors").read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    same = (after.st_size, after.st_mtime_ns, after.st_ino)
    assert same == (before.st_size, before.st_mtime_ns, before.st_ino)
    assert hash_with(tmp_path / "kept", other, path) == hash_state_dict(other)
    assert len(calls) == 2


def test_a_file_moved_to_the_place_of_another_is_hashed_again(tmp_path: Path, calls: Calls) -> None:
    """Another inode."""
    path, other = tmp_path / "w.safetensors", make_state()
    save_file(make_state(), path)
    hash_with(tmp_path / "kept", make_state(), path)
    other["w"][-1, -1] = 7.0
    save_file(other, tmp_path / "other.safetensors")
    (tmp_path / "other.safetensors").replace(path)
    assert hash_with(tmp_path / "kept", other, path) == hash_state_dict(other)
    assert len(calls) == 2


def test_a_file_that_changed_while_it_was_read_is_kept_no_hash_of(tmp_path: Path, calls: Calls) -> None:
    """Its stamp may be that of contents which the model was not made of."""
    save_file(make_state(), tmp_path / "w.safetensors")
    keeper = KeptHashes(tmp_path / "kept", "timm", since_ns=time.time_ns())
    for _ in range(2):
        keeper.hash_state(make_state(), (tmp_path / "w.safetensors",), ())
    assert (calls, (tmp_path / "kept").exists()) == ([2, 2], False)


def test_another_model_of_the_same_file_is_hashed_again(tmp_path: Path, calls: Calls) -> None:
    """Other tensors, such as the averaged ones of a training checkpoint, or a layer at its random start."""
    save_file(make_state(), tmp_path / "w.safetensors")
    averaged, random = make_state(), {**make_state(), "b": torch.ones(3)}
    for state, key in ((make_state(), None), (averaged, "state_dict_ema"), (random, None)):
        assert hash_with(tmp_path / "kept", state, tmp_path / "w.safetensors", key=key) == hash_state_dict(
            state
        )
    assert len(calls) == 3


@pytest.mark.parametrize("content", [b"", b"{}", b'{"weights_sha256": "short"}', b"\xff"])
def test_a_damaged_kept_hash_counts_as_absent(tmp_path: Path, calls: Calls, content: bytes) -> None:
    """It is computed again and written anew."""
    save_file(make_state(), tmp_path / "w.safetensors")
    for _ in range(2):
        assert hash_with(tmp_path / "kept", make_state(), tmp_path / "w.safetensors") == hash_state_dict(
            make_state()
        )
        kept = next((tmp_path / "kept").glob("*.json"))
        kept.write_bytes(content)
    assert len(calls) == 2


def test_a_model_without_files_is_hashed_each_time(tmp_path: Path, calls: Calls) -> None:
    """Nothing stands for it; a file that is gone stands for nothing either."""
    keeper = KeptHashes(tmp_path / "kept", "timm")
    for files in ((), (tmp_path / "gone",)):
        assert keeper.hash_state(make_state(), files, ()) == hash_state_dict(make_state())
    assert len(calls) == 2


def test_other_options_hash_the_same_weights_no_more(
    tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another split, another folder of results, another dtype; another file under the name is noticed.

    Where the request is the same, its outputs are not counted again either.
    """
    counts: list[str] = []

    def count(module: torch.nn.Module, size: tuple[int, int], *, spec: str) -> int:
        counts.append(spec)
        return count_outputs(module, size, spec=spec)

    monkeypatch.setattr(heads, "count_outputs", count)
    weights_file = tmp_path / "w.safetensors"
    for name in ("one", "two"):
        (tmp_path / name / "n01440764").mkdir(parents=True)
        Image.new("RGB", (64, 64), (90, 120, 30)).save(tmp_path / name / "n01440764" / "0.png")

    def evaluate(split: str, out: str, *more: str) -> str:
        words = ["--model", "timm:test_vit", "--checkpoint", str(weights_file), *more]
        words += ["--split", f"folder:{tmp_path / split}", "--reference", "published"]
        words += ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / out)]
        assert main(["evaluate", *words]) == 0
        return load_result(next((tmp_path / out).glob("*/result.json"))).model.weights_sha256

    torch.manual_seed(0)
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), weights_file)
    # The first run must not take the file for one that changes while it is read.
    time.sleep(2 * kept_hashes._SETTLED_NS / 1e9)
    first = evaluate("one", "a")
    assert len(calls) == 1
    assert evaluate("two", "b") == first
    assert len(calls) == len(counts) == 1
    assert evaluate("one", "c", "--dtype", "bfloat16") == first
    assert (len(calls), len(counts)) == (1, 2)
    save_file(timm.create_model("test_vit", pretrained=False).state_dict(), weights_file)
    assert evaluate("one", "d") != first
    assert len(counts) == 3
