"""Prompts, and the head they make."""

from pathlib import Path

import open_clip
import pytest
import torch

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.models.zero_shot import (
    TEMPLATE_SETS,
    ZeroShotClassifier,
    describe_zero_shot,
    load_class_names,
    load_templates,
    recall_head,
)


def test_the_80_templates_fill_in_as_open_clips_own() -> None:
    """Strings here, functions there."""
    templates = load_templates("openai-80")
    assert len(set(templates)) == 80
    for template, own in zip(templates, open_clip.OPENAI_IMAGENET_TEMPLATES, strict=True):
        assert template.format("tench") == own("tench")


def test_single_is_the_papers_one_prompt() -> None:
    """Radford et al. 2021, section 3.1.4."""
    assert load_templates("single") == ("a photo of a {}.",)


def test_an_unknown_template_set_gets_did_you_mean() -> None:
    """With the two there are."""
    with pytest.raises(UnknownNameError, match="openai-80"):
        load_templates("openai80")


def test_class_names_are_those_the_class_table_shows() -> None:
    """One wording in prompts and on pages, in index order."""
    assert load_class_names() == tuple(info.name for info in load_classes())


def test_no_class_name_or_template_breaks_formatting() -> None:
    """Exactly one slot a template, no braces in a name."""
    assert all(template.count("{}") == 1 for name in TEMPLATE_SETS for template in load_templates(name))
    assert not any("{" in name or "}" in name for name in load_class_names())


def test_the_record_tells_template_sets_apart() -> None:
    """The hashes are of the texts."""
    first, second = (describe_zero_shot(name) for name in TEMPLATE_SETS)
    assert (first.num_templates, second.num_templates) == (80, 1)
    assert first.templates_sha256 != second.templates_sha256
    assert first.class_names_sha256 == second.class_names_sha256


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


def test_a_head_is_built_once_and_then_recalled(tmp_path: Path) -> None:
    """80,000 prompts are encoded once for a model, not once a run."""
    built: list[torch.Tensor] = []

    def build() -> torch.Tensor:
        built.append(torch.randn(4, 1000))
        return built[-1]

    heads = [recall_head(build, folder=tmp_path, key="k") for _ in range(2)]
    assert len(built) == 1
    assert torch.equal(heads[0], heads[1])


def test_a_damaged_head_is_built_again(tmp_path: Path) -> None:
    """Half a file does no harm."""
    (tmp_path / "k.safetensors").write_bytes(b"half")
    assert recall_head(lambda: torch.ones(4, 1000), folder=tmp_path, key="k").sum() == 4000
    assert recall_head(lambda: torch.zeros(4, 1000), folder=tmp_path, key="k").sum() == 4000
