"""Another tokenizer or another setting of the text encoder is another text side, whatever the weights."""

from __future__ import annotations

import json
from pathlib import Path

import open_clip
import pytest
import torch
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.fingerprints.text_side import hash_text_side, list_probe_prompts

PROMPTS = ["a tench.", "a goldfish."]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny CLIP."""
    return build_tiny_clip(tmp_path / "clip")


def hash_folder(folder: Path, **text_settings: object) -> str:
    """The text side of a folder, with settings of its config changed."""
    path = folder / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["text_cfg"] |= text_settings
    path.write_text(json.dumps(config))
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    return hash_text_side(model, open_clip.get_tokenizer(f"local-dir:{folder}"), PROMPTS)


def test_the_same_folder_has_the_same_text_side(folder: Path) -> None:
    """Loaded twice."""
    assert hash_folder(folder) == hash_folder(folder)


@pytest.mark.parametrize("setting", [{"pool_type": "first"}, {"no_causal_mask": True}])
def test_a_setting_of_the_text_encoder_shows(folder: Path, setting: dict[str, object]) -> None:
    """None of these is in the weights or in the printed form of the model."""
    assert hash_folder(folder) != hash_folder(folder, **setting)


def test_other_token_ids_show(folder: Path) -> None:
    """Also of a prompt that is not encoded."""
    model = open_clip.create_model(f"local-dir:{folder}").eval()
    tokenizer = open_clip.get_tokenizer("ViT-B-32")

    def rotate(texts: list[str]) -> torch.Tensor:
        tokens: torch.Tensor = tokenizer(texts).clone()
        tokens[-1, 1] += 1
        return tokens

    prompts = [*PROMPTS, "a shark."]
    assert hash_text_side(model, tokenizer, prompts) != hash_text_side(model, rotate, prompts)


def test_every_name_and_every_template_is_probed() -> None:
    """A word that stands in one template only may be the one that a tokenizer has wrong."""
    prompts = list_probe_prompts(["a {}.", "my {}", "art of {}"], ["cat", "dog"])
    assert prompts == ["a cat.", "a dog.", "my cat", "art of cat"]
