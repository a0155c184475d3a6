"""The two towers of an open_clip model as classes of transformers, which diffusers' pipelines hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import torch

if TYPE_CHECKING:
    from open_clip.model import CLIP
    from transformers import CLIPTextModel, CLIPVisionModelWithProjection

Module: TypeAlias = Any
"""Parts of either library, which have no types for their attributes."""
_BLOCK = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
"""Modules of a transformer block: open_clip's name, transformers' name."""


def make_text_tower(clip: CLIP, *, start_id: int, end_id: int) -> CLIPTextModel:
    """The text tower; its last hidden state equals the input of the projection in the model's own tower.

    Args:
        clip: An open_clip model with its own text transformer.
        start_id: Number of the start token.
        end_id: Number of the end token, also the padding.
    """
    from transformers import CLIPTextConfig, CLIPTextModel

    vocabulary, width = clip.token_embedding.weight.shape
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        max_position_embeddings=len(clip.positional_embedding),
        bos_token_id=start_id,
        eos_token_id=end_id,
        pad_token_id=end_id,
        projection_dim=clip.text_projection.shape[1],
        **_describe_blocks(clip.transformer, width),
    )
    state = {
        "embeddings.token_embedding.weight": clip.token_embedding.weight,
        "embeddings.position_embedding.weight": clip.positional_embedding,
        **_name_norm("final_layer_norm", clip.ln_final),
        **_convert_blocks(clip.transformer),
    }
    return _fill(CLIPTextModel(config), state)


def make_vision_tower(clip: CLIP) -> CLIPVisionModelWithProjection:
    """The image tower; its image embeddings equal `clip.encode_image` of the same pixels."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    visual = clip.visual
    width = visual.class_embedding.shape[0]
    config = CLIPVisionConfig(
        hidden_size=width,
        image_size=visual.image_size[0],
        patch_size=visual.patch_size[0],
        projection_dim=visual.proj.shape[1],
        **_describe_blocks(visual.transformer, width),
    )
    state = {
        "embeddings.class_embedding": visual.class_embedding,
        "embeddings.patch_embedding.weight": visual.conv1.weight,
        "embeddings.position_embedding.weight": visual.positional_embedding,
        # transformers spells it so.
        **_name_norm("pre_layrnorm", visual.ln_pre),
        **_name_norm("post_layernorm", visual.ln_post),
        **_convert_blocks(visual.transformer),
    }
    named = {f"vision_model.{name}": value for name, value in state.items()}
    # open_clip multiplies by the projection from the right, a linear layer of torch by the transposed.
    return _fill(CLIPVisionModelWithProjection(config), {**named, "visual_projection.weight": visual.proj.T})


def _describe_blocks(transformer: Module, width: int) -> dict[str, Any]:
    block = transformer.resblocks[0]
    return {
        "num_hidden_layers": len(transformer.resblocks),
        "num_attention_heads": block.attn.num_heads,
        "intermediate_size": block.mlp.c_fc.weight.shape[0],
        # open_clip's own models use the exact function; transformers' default is the approximation that
        # OpenAI's weights were trained with.
        "hidden_act": "gelu",
    }


def _convert_blocks(transformer: Module) -> dict[str, torch.Tensor]:
    converted: dict[str, torch.Tensor] = {}
    for number, block in enumerate(transformer.resblocks):
        place = f"encoder.layers.{number}"
        for own, theirs in _BLOCK.items():
            converted |= _name_norm(f"{place}.{theirs}", block.get_submodule(own))
        # torch packs queries, keys and values into one matrix, transformers has three.
        weights, biases = block.attn.in_proj_weight.chunk(3), block.attn.in_proj_bias.chunk(3)
        for letter, weight, bias in zip("qkv", weights, biases, strict=True):
            converted[f"{place}.self_attn.{letter}_proj.weight"] = weight
            converted[f"{place}.self_attn.{letter}_proj.bias"] = bias
    return converted


def _name_norm(name: str, module: Module) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": module.weight, f"{name}.bias": module.bias}


def _fill(model: Module, state: dict[str, torch.Tensor]) -> Module:
    """A model with exactly the given weights."""
    expected = set(model.state_dict())
    # Versions of transformers differ in whether the names of the text tower begin with this.
    prefix = "text_model." if any(name.startswith("text_model.") for name in expected) else ""
    named = {
        name if name in expected else f"{prefix}{name}": value.detach().clone().contiguous()
        for name, value in state.items()
    }
    # Strict: a name that is missing or left over is an error, not a tower with some random weights.
    model.load_state_dict(named)
    return model.eval()
