"""Checkpoints of transformers with random weights, in folders that `transformers:local-dir:PATH` loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import (
    BitImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)
from transformers.utils import logging

from imagenet_g.benchmark.classes import load_classes

SIZE_PX = 32


def list_usual_labels() -> list[str]:
    """As the usual checkpoints of ImageNet have them: all of WordNet's words, "crane" twice."""
    return [info.lemmas for info in load_classes()]


def build_tiny_vit(folder: Path, labels: Sequence[str] | None = None, *, seed: int = 0) -> Path:
    """A ViT of one layer and its image processor."""
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    names = list_usual_labels() if labels is None else labels
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        image_size=SIZE_PX, patch_size=8, id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": SIZE_PX, "width": SIZE_PX}).save_pretrained(folder)
    return folder


def change_json(path: Path, **changes: Any) -> None:
    """Replace keys of a JSON file; None takes a key away."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def _build_tokenizer(folder: Path, words: Sequence[str], *, masks: bool) -> Any:
    """A tokenizer of whole words as they are written; the end of a text is the last word of all."""
    marks = ["<pad>", "<unk>"]
    vocabulary = {word: n for n, word in enumerate([*marks, *dict.fromkeys(words), "</s>"])}
    inner = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    inner.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", vocabulary["</s>"])])
    names = ["input_ids", "attention_mask"] if masks else ["input_ids"]
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>", eos_token="</s>",
        model_input_names=names,
    )  # fmt: skip
    made.save_pretrained(folder)
    return made


_LAYER = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def build_tiny_siglip(folder: Path, words: Sequence[str], *, masks: bool = False, seed: int = 0) -> Path:
    """A SigLIP with a tokenizer that, as that of SigLIP 2, changes nothing about a text."""
    logging.disable_progress_bar()
    tokenizer = _build_tokenizer(folder, words, masks=masks)
    torch.manual_seed(seed)
    text = {**_LAYER, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 16,
            "pad_token_id": 0, "eos_token_id": len(tokenizer) - 1, "bos_token_id": 1}  # fmt: skip
    config = SiglipConfig(text_config=text, vision_config={**_LAYER, "image_size": SIZE_PX, "patch_size": 8})
    model = SiglipModel(config)
    torch.nn.init.normal_(model.text_model.embeddings.token_embedding.weight, std=1.0)
    model.logit_scale.data.fill_(3.0)
    model.logit_bias.data.fill_(-2.0)
    model.save_pretrained(folder)
    SiglipImageProcessor(size={"height": SIZE_PX, "width": SIZE_PX}).save_pretrained(folder)
    return folder


def build_tiny_hf_clip(folder: Path, words: Sequence[str], *, seed: int = 0) -> Path:
    """A CLIP in the format of transformers, with its resize and centre crop."""
    logging.disable_progress_bar()
    tokenizer = _build_tokenizer(folder, words, masks=True)
    torch.manual_seed(seed)
    text = {**_LAYER, "vocab_size": len(tokenizer), "eos_token_id": len(tokenizer) - 1, "pad_token_id": 0,
            "bos_token_id": 1, "max_position_embeddings": 77}  # fmt: skip
    config = CLIPConfig(
        text_config=text,
        vision_config={**_LAYER, "image_size": SIZE_PX, "patch_size": 8},
        projection_dim=16,
    )
    model = CLIPModel(config)
    torch.nn.init.normal_(model.text_model.embeddings.token_embedding.weight, std=1.0)
    model.save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": SIZE_PX}, crop_size={"height": SIZE_PX, "width": SIZE_PX}
    ).save_pretrained(folder)
    return folder


def build_tiny_dino(folder: Path, kind: str) -> Path:
    """A backbone of five layers and its image processor, with two registers where the kind has some."""
    logging.disable_progress_bar()
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 5, "num_attention_heads": 2, "image_size": SIZE_PX,
             "patch_size": 8}  # fmt: skip
    if kind == "dinov2":
        model: Any = Dinov2Model(Dinov2Config(**shape))
    elif kind == "dinov2_with_registers":
        model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**shape, num_register_tokens=2))
    else:
        model = DINOv3ViTModel(DINOv3ViTConfig(**shape, intermediate_size=16, num_register_tokens=2))
    model.save_pretrained(folder)
    BitImageProcessor(
        size={"shortest_edge": SIZE_PX}, crop_size={"height": SIZE_PX, "width": SIZE_PX}
    ).save_pretrained(folder)
    return folder
