"""The two sides of a CLIP under the names of several libraries."""

from __future__ import annotations

import open_clip
import pytest
import torch

from imagenet_g.benchmark.fingerprints.towers import hash_tower, hash_towers


def test_open_clip_and_transformers_have_one_hash_for_one_text_side() -> None:
    """The same table of embeddings, in either precision."""
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=8
    )
    theirs = CLIPTextModel(config).state_dict()
    table = next(value for name, value in theirs.items() if name.endswith("token_embedding.weight"))
    ours = {"token_embedding.weight": table.clone().half(), "ln_final.weight": torch.ones(3)}
    assert hash_tower(ours, "text") == hash_tower(theirs, "text") is not None


def test_other_embeddings_have_another_hash() -> None:
    """Every value counts."""
    table = torch.zeros(4, 2)
    changed = table.clone()
    changed[3, 1] = 1
    name = "token_embedding.weight"
    assert hash_tower({name: table}, "text") != hash_tower({name: changed}, "text")


def test_a_model_of_open_clip_has_both_sides() -> None:
    """As its library builds it."""
    vision = {"image_size": 16, "layers": 1, "width": 64, "patch_size": 8}
    text = {"context_length": 8, "vocab_size": 50, "width": 64, "heads": 1, "layers": 1}
    model = open_clip.CLIP(embed_dim=8, vision_cfg=vision, text_cfg=text)
    assert set(hash_towers(model.state_dict())) == {"text", "image"}


@pytest.mark.parametrize("side", ["text", "image"])
def test_a_state_without_one_first_layer_has_no_hash(side: str) -> None:
    """None, and two, are equally unknown."""
    ends = ("token_embedding.weight", "patch_embedding.weight")
    two = {f"{name}.{end}": torch.zeros(2) for name in "ab" for end in ends}
    assert hash_tower({"fc.weight": torch.zeros(2)}, side) is None  # type: ignore[arg-type]
    assert hash_tower(two, side) is None  # type: ignore[arg-type]


def test_an_image_side_of_another_kind_is_known_by_its_first_convolution() -> None:
    """Such as a ResNet of timm, whose stem has a name of its own."""
    one, two = torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    state = {"visual.trunk.stem.weight": one, "visual.trunk.next.weight": two}
    only = {"patch_embedding.weight": one}
    assert hash_tower(state, "image") == hash_tower(only, "image") is not None
