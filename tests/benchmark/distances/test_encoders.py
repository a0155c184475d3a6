"""Features of classifiers: the input of their last linear layer."""

from __future__ import annotations

import pytest
import timm
import torch

from imagenet_g.benchmark.distances.encoders import HeadInput
from imagenet_g.benchmark.errors import InputError, ModelError


def test_features_are_timm_s_own() -> None:
    """As `forward_head(pre_logits=True)` gives them."""
    model = timm.create_model("test_resnet", pretrained=False).eval()
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(images), pre_logits=True)
        torch.testing.assert_close(HeadInput(model).encode_image(images), expected)


def test_a_model_without_a_linear_layer_is_refused() -> None:
    """In one message."""
    with pytest.raises(InputError, match="no linear layer"):
        HeadInput(torch.nn.Sequential(torch.nn.Conv2d(3, 5, 1), torch.nn.Flatten()))


def test_a_head_that_runs_on_many_vectors_an_image_is_refused() -> None:
    """Which of them are the features would be a guess."""
    model = torch.nn.Sequential(torch.nn.Flatten(2), torch.nn.Linear(4, 5))
    with pytest.raises(ModelError, match="no single vector"):
        HeadInput(model).encode_image(torch.zeros(2, 3, 2, 2))
