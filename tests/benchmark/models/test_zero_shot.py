"""An image encoder with a head."""

import pytest
import torch

from imagenet_g.benchmark.models.zero_shot import ZeroShotClassifier


class Encoder(torch.nn.Module):
    """An image encoder with a known answer."""

    def __init__(self, bias: float | None) -> None:
        super().__init__()
        self.logit_scale = torch.nn.Parameter(torch.tensor(100.0).log())
        self.logit_bias = None if bias is None else torch.nn.Parameter(torch.tensor(bias))

    def encode_image(self, images: torch.Tensor, *, normalize: bool) -> torch.Tensor:
        """The first two pixels."""
        assert not normalize  # the classifier does it, in float32
        return images.flatten(1)[:, :2]


@pytest.mark.parametrize(("bias", "expected"), [(None, [60.0, 80.0]), (-10.0, [50.0, 70.0])])
def test_logits_are_scaled_cosines_with_the_models_bias(bias: float | None, expected: list[float]) -> None:
    """By hand: (3, 4) / 5 against the axes, times 100."""
    image = torch.zeros(1, 3, 2, 2)
    image[0, 0, 0] = torch.tensor([3.0, 4.0])
    logits = ZeroShotClassifier(Encoder(bias), torch.eye(2))(image)
    assert logits[0].tolist() == pytest.approx(expected, rel=1e-5)
