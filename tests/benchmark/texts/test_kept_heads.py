"""Heads and their pieces, kept between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from imagenet_g.benchmark.records import ZeroShot
from imagenet_g.benchmark.texts.heads import Pieces
from imagenet_g.benchmark.texts.kept_heads import HeadPieces, make_head_key, recall_head


def make_head(seed: int = 0) -> torch.Tensor:
    """Directions of some classes."""
    columns = torch.randn(4, 10, generator=torch.Generator().manual_seed(seed))
    head: torch.Tensor = columns / columns.norm(dim=0)
    return head


def test_a_head_is_built_once_and_then_recalled(tmp_path: Path) -> None:
    """80,000 prompts are encoded once for a model, not once a run."""
    built: list[torch.Tensor] = []

    def build(pieces: Pieces | None) -> torch.Tensor:
        built.append(make_head())
        return built[-1]

    heads = [recall_head(build, folder=tmp_path, key="k") for _ in range(2)]
    assert len(built) == 1
    assert torch.equal(heads[0], heads[1])


@pytest.mark.parametrize("damage", ["half", "renamed", "half precision", "scaled", "not a number", "flat"])
def test_a_head_that_is_damaged_or_foreign_is_built_again(damage: str, tmp_path: Path) -> None:
    """What another user left in a cache is not taken on trust."""
    path, key = tmp_path / "k.safetensors", {"imagenet_g_key": "k"}
    bad = make_head(1)
    if damage == "half":
        path.write_bytes(b"half")
    elif damage == "renamed":
        save_file({"head": bad}, path, metadata={"imagenet_g_key": "other"})
    else:
        changed = {
            "half precision": bad.bfloat16(),
            "scaled": bad * 1.01,
            "not a number": bad * torch.nan,
            "flat": bad.flatten(),
        }
        save_file({"head": changed[damage]}, path, metadata=key)
    assert torch.equal(recall_head(lambda pieces: make_head(), folder=tmp_path, key="k"), make_head())
    # And the good one stands in its place.
    assert torch.equal(recall_head(lambda pieces: bad, folder=tmp_path, key="k"), make_head())


def test_pieces_stay_until_the_head_is_whole(tmp_path: Path) -> None:
    """A killed run leaves them; the run that finishes removes them."""
    rows = make_head().T.contiguous()

    def stop(pieces: Pieces | None) -> torch.Tensor:
        assert pieces is not None
        pieces.write(0, rows[:5])
        raise KeyboardInterrupt

    def resume(pieces: Pieces | None) -> torch.Tensor:
        assert pieces is not None
        found = pieces.load(0, 5)
        assert found is not None
        assert torch.equal(found, rows[:5])
        assert pieces.load(5, 10) is None
        return make_head()

    with pytest.raises(KeyboardInterrupt):
        recall_head(stop, folder=tmp_path, key="k")
    recall_head(resume, folder=tmp_path, key="k")
    assert [path.name for path in tmp_path.iterdir()] == ["k.safetensors"]


def test_a_piece_of_another_head_or_another_length_is_not_taken(tmp_path: Path) -> None:
    """Its folder may have been copied."""
    rows = make_head().T.contiguous()
    HeadPieces(tmp_path, "other").write(0, rows)
    assert HeadPieces(tmp_path, "k").load(0, 10) is None
    (tmp_path / "000000-000010.safetensors").rename(tmp_path / "000000-000009.safetensors")
    assert HeadPieces(tmp_path, "other").load(0, 9) is None


def test_all_that_decides_a_head_is_in_its_key() -> None:
    """The name of the template set is not: its texts are."""
    texts = ZeroShot(templates="a", num_templates=1, templates_sha256="0" * 64, class_names_sha256="1" * 64)
    base: dict[str, Any] = {
        "weights_sha256": "w",
        "text_sha256": "t",
        "zero_shot": texts,
        "device": "cpu",
    }
    others: list[dict[str, Any]] = [
        {"weights_sha256": "v"},
        {"text_sha256": "u"},
        {"zero_shot": texts.model_copy(update={"templates_sha256": "2" * 64})},
        {"zero_shot": texts.model_copy(update={"class_names_sha256": "2" * 64})},
        {"device": "cuda:1"},
    ]
    keys = {make_head_key(**(base | other)) for other in others}
    assert len(keys | {make_head_key(**base)}) == 6
    same = {"zero_shot": texts.model_copy(update={"templates": "b"})}
    assert make_head_key(**(base | same)) == make_head_key(**base)
    assert make_head_key(**(base | {"device": "cuda:0"})) in keys
