"""CLIP and SigLIP of transformers as classifiers, with a head made from text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.fingerprints.towers import hash_towers
from imagenet_g.benchmark.hub.fetching import fetch
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
from imagenet_g.benchmark.models.clip_models import make_text_head
from imagenet_g.benchmark.models.heads import hash_weights, make_classifier
from imagenet_g.benchmark.models.zero_shot import ZeroShotClassifier
from imagenet_g.benchmark.texts.prompts import load_prompts
from imagenet_g.benchmark.transformers_models.building import (
    assemble_model,
    build_model,
    describe_settings,
    load_config,
)
from imagenet_g.benchmark.transformers_models.processors import load_processor
from imagenet_g.benchmark.transformers_models.sources import TOKENIZER_FILES, CheckpointFiles
from imagenet_g.benchmark.transformers_models.texts import CANONICAL_KINDS, PromptTokenizer


class TwoTowers(torch.nn.Module):
    """A CLIP of transformers with the methods that open_clip's have.

    Args:
        model: With `get_image_features`, `get_text_features` and `logit_scale`.
        settings: Its configuration in words: not all of it shows in its layers.
    """

    def __init__(self, model: torch.nn.Module, settings: str) -> None:
        super().__init__()
        self.model: Any = model
        self.settings = settings

    @property
    def logit_scale(self) -> torch.Tensor:
        """Logarithm of the factor of a cosine."""
        scale: torch.Tensor = self.model.logit_scale
        return scale

    @property
    def logit_bias(self) -> torch.Tensor | None:
        """What SigLIP adds to a scaled cosine; None for a CLIP."""
        bias: torch.Tensor | None = getattr(self.model, "logit_bias", None)
        return bias

    def encode_image(self, images: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        """`(N, D)` embeddings of `(N, 3, H, W)` inputs."""
        return _finish(self.model.get_image_features(pixel_values=images), normalize)

    def encode_text(self, tokens: torch.Tensor, normalize: bool = False) -> torch.Tensor:
        """`(N, D)` embeddings of what a `PromptTokenizer` makes."""
        ids, mask = tokens.unbind(1) if tokens.ndim == 3 else (tokens, None)
        return _finish(self.model.get_text_features(input_ids=ids, attention_mask=mask), normalize)


def _finish(made: Any, normalize: bool) -> torch.Tensor:  # noqa: ANN401
    # A tensor up to version 4 of the library, an answer with several from 5 on.
    features: torch.Tensor = made if isinstance(made, torch.Tensor) else made.pooler_output
    return torch.nn.functional.normalize(features, dim=-1) if normalize else features


def load_zero_shot(request: ModelRequest, files: CheckpointFiles, *, spec: str) -> Classifier:
    """A CLIP or SigLIP as a classifier of the 1000 classes.

    Raises:
        InputError: A class map is given, or a file of texts is malformed.
        ImagenetGError: As `classifiers.load_classifier`.
    """
    from transformers import AutoModelForZeroShotImageClassification

    if request.class_map is not None:
        raise InputError(
            f"'{request.requested}' is zero-shot: its classes are the 1000 already, without --class-map."
        )
    prompts = load_prompts(request.templates, request.class_names)
    tokenizer = load_tokenizer(files, spec=spec)
    processor = load_processor(files, spec=spec)
    built = build_model(AutoModelForZeroShotImageClassification, files, spec=spec)
    # Before the model becomes float32: the hash is of the weights as the file has them.
    weights_sha256 = hash_weights(request, built.model, spec, files.files)
    towers = TwoTowers(built.model, describe_settings(built.model.config)).float().eval()
    head = make_text_head(towers, tokenizer, prompts, request, weights_sha256=weights_sha256)
    module = ZeroShotClassifier(towers.cpu(), head)
    return make_classifier(
        request,
        replace(
            assemble_model(files, built, module, processor, spec=spec),
            encoder=module.encode,
            weights_sha256=weights_sha256,
            zero_shot=prompts.describe(),
            towers=hash_towers(built.model.state_dict()),
        ),
    )


def load_tokenizer(files: CheckpointFiles, *, spec: str) -> PromptTokenizer:
    """The tokenizer that lies beside the weights, with the text rules of its kind of model.

    Raises:
        DataError: There is no tokenizer.
        ModelError: It cannot be loaded.
    """
    from transformers import AutoTokenizer

    if not any((files.folder / name).is_file() for name in TOKENIZER_FILES):
        raise DataError(
            f"'{files.folder}' holds no tokenizer (tokenizer.json): no prompts can be made for '{spec}'. "
            "Save it beside the weights: tokenizer.save_pretrained(FOLDER)."
        )
    config = load_config(files, spec=spec)
    with fetch(None), ignore_library_warnings():
        tokenizer = AutoTokenizer.from_pretrained(
            str(files.folder), local_files_only=True, trust_remote_code=False
        )
    return PromptTokenizer(
        tokenizer,
        length=config.text_config.max_position_embeddings,
        # By kind of model, because tokenizers do not say which texts their model was trained on.
        canonical=config.model_type in CANONICAL_KINDS,
    )
