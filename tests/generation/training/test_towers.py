"""open_clip's towers as transformers' classes."""

from __future__ import annotations

import pytest
import torch
from open_clip.model import CLIP

from imagenet_g.generation.training.clip import encode_tokens, trim_tokens
from imagenet_g.generation.training.towers import make_text_tower, make_vision_tower

END = 49
CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 10, "vocab_size": END + 1, "width": 16, "heads": 2, "layers": 2},
}
TOKENS = torch.tensor([[48, 3, 4, END, END, END, END, END, END, END], [48, 5, 6, 7, 8, 9, 1, 2, 3, END]])


@pytest.fixture(scope="module")
def clip() -> CLIP:
    """Random weights, large enough that differences would show."""
    torch.manual_seed(1)
    model = CLIP(**CONFIG).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@torch.inference_mode()
def test_image_embeddings_are_those_of_open_clip(clip: CLIP) -> None:
    """To the last bits of float32."""
    pixels = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(make_vision_tower(clip)(pixels).image_embeds, clip.encode_image(pixels))


@torch.inference_mode()
def test_hidden_states_lead_to_the_text_embeddings_of_open_clip(clip: CLIP) -> None:
    """Projected at the first end token."""
    hidden = make_text_tower(clip, start_id=48, end_id=END)(TOKENS).last_hidden_state
    pooled = hidden[torch.arange(2), TOKENS.argmax(dim=1)] @ clip.text_projection
    torch.testing.assert_close(pooled, clip.encode_text(TOKENS))


@torch.inference_mode()
def test_trimmed_tokens_have_the_same_embeddings(clip: CLIP) -> None:
    """Attention looks back only."""
    short = trim_tokens(TOKENS[:1])
    assert short.shape == (1, 4)
    expected = clip.encode_text(TOKENS[:1], normalize=True)
    torch.testing.assert_close(encode_tokens(clip, short), expected)
