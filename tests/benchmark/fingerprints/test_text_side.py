"""Another tokenizer or another setting of the text encoder is another text side, whatever the weights."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import open_clip
import pytest
import torch
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.fingerprints.text_side import hash_text_side, hash_tokenizer, list_probe_prompts
from imagenet_g.benchmark.models.packaged import find_packaged_model

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
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    return hash_text_side(model, tokenizer, tokenizer(PROMPTS))


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
    first = hash_text_side(model, tokenizer, tokenizer(prompts))
    assert first != hash_text_side(model, tokenizer, rotate(prompts))


def test_every_name_and_every_template_is_probed() -> None:
    """A word that stands in one template only may be the one that a tokenizer has wrong."""
    prompts = list_probe_prompts(["a {}.", "my {}", "art of {}"], ["cat", "dog"])
    assert prompts == ["a cat.", "a dog.", "my cat", "art of cat"]


def test_a_word_that_no_probe_prompt_has_shows(tmp_path: Path) -> None:
    """A token for two words beside each other changes the prompts of one class in one template only."""
    source = find_packaged_model("mini-clip", "open_clip")
    shutil.copytree(source, tmp_path / "m")
    before = hash_tokenizer(open_clip.get_tokenizer(f"local-dir:{tmp_path / 'm'}"))
    path = tmp_path / "m" / "tokenizer.json"
    content = json.loads(path.read_text())
    joined = dict(content["added_tokens"][0], content="cool goldfish", special=False, id=5)
    content["added_tokens"].append(joined)
    path.write_text(json.dumps(content))
    tokenizer = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'm'}")
    assert hash_tokenizer(tokenizer) != before


@pytest.mark.parametrize("name", ["ViT-B-32", "packaged"])
def test_a_tokenizer_has_one_hash_before_and_after_it_is_used(name: str) -> None:
    """It remembers words, and how it was last called."""
    folder = find_packaged_model("mini-clip", "open_clip")
    name = f"local-dir:{folder}" if name == "packaged" else name
    tokenizer = open_clip.get_tokenizer(name)
    before = hash_tokenizer(tokenizer)
    tokenizer(["a photo of a grey whale"], context_length=9)
    assert hash_tokenizer(tokenizer) == before == hash_tokenizer(open_clip.get_tokenizer(name))


@pytest.mark.parametrize("change", ["context_length", "clean_fn", "pat", "bpe_ranks"])
def test_a_setting_of_a_tokenizer_shows(change: str) -> None:
    """Of open_clip's own."""
    tokenizer = open_clip.get_tokenizer("ViT-B-32")
    before = hash_tokenizer(tokenizer)
    values = {"context_length": 7, "clean_fn": str.upper, "pat": re.compile("x"), "bpe_ranks": {}}
    setattr(tokenizer, change, values[change])
    assert hash_tokenizer(tokenizer) != before
