"""CLIP as an encoder: images and text to points on a sphere, without a zero-shot head."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.fingerprints.architecture import hash_architecture
from imagenet_g.benchmark.fingerprints.behaviour import hash_behaviour
from imagenet_g.benchmark.fingerprints.text_side import hash_text_side, list_probe_prompts
from imagenet_g.benchmark.fingerprints.weights import count_parameters, hash_state_dict
from imagenet_g.benchmark.hub.fetching import find_cached_files, parse_revision
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.classifiers import ModelRequest, Transform
from imagenet_g.benchmark.models.clip_models import find_repository, load_parts
from imagenet_g.benchmark.models.clip_settings import describe_preprocessing
from imagenet_g.benchmark.models.zero_shot import ImageTower
from imagenet_g.benchmark.naming.offered import list_open_clip_tags
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import ModelSpec, parse_model_spec
from imagenet_g.benchmark.records import ClipRecord
from imagenet_g.benchmark.texts.prompts import SINGLE_TEMPLATE, load_class_names

PREFERRED = (
    ModelSpec("open_clip", "ViT-B-32", "openai"),
    ModelSpec("open_clip", "ViT-L-14", "datacomp_xl_s13b_b90k"),
    ModelSpec("open_clip", "ViT-L-14", "openai"),
    ModelSpec("open_clip", "ViT-B-16", "laion2b_s34b_b88k"),
)
"""Preferred when no CLIP is named: of different training data, since two of the same data agree too much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEncoder:
    """A CLIP model ready to encode, on the CPU and in float32 until moved.

    Attributes:
        record: Which one.
        model: open_clip's model, in eval mode.
        tokenizer: Its tokenizer, from a list of texts to token ids.
        transform: PIL RGB image to `(3, H, W)` float32.
        architecture_sha256: Hash of its layers and settings, of both towers.
        tokens_sha256: Hash of the token ids of all class names.
        behaviour_sha256: Hash of what both towers make of fixed inputs, rounded; for what one machine keeps.
        assumptions: What its files do not say and was assumed: sentences.
    """

    record: ClipRecord
    model: Any
    tokenizer: Any
    transform: Transform
    architecture_sha256: str
    tokens_sha256: str
    behaviour_sha256: str
    assumptions: tuple[str, ...] = ()

    def identify(self) -> str:
        """Hash of all that is exact about it, the same on every machine.

        Weights alone do not decide an embedding: a tokenizer or a setting of a local folder may be edited.
        """
        record = self.record
        parts = [record.weights_sha256, self.architecture_sha256, self.tokens_sha256]
        return hash_json([*parts, record.preprocessing.model_dump(mode="json")])

    def encode_tensors(self, inputs: torch.Tensor) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1 on the CPU, from `(N, 3, H, W)` on the model's device."""
        with torch.inference_mode():
            features: torch.Tensor = self.model.encode_image(inputs, normalize=False)
        return _normalize(features)

    def encode_images(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1 of RGB images, on the CPU."""
        device = next(self.model.parameters()).device
        return self.encode_tensors(torch.stack([self.transform(image) for image in images]).to(device))

    def encode_texts(self, texts: Sequence[str]) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1 of texts, on the CPU; what is too long is cut."""
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            features: torch.Tensor = self.model.encode_text(
                self.tokenizer(list(texts)).to(device), normalize=False
            )
        return _normalize(features)


def _normalize(features: torch.Tensor) -> torch.Tensor:
    # In float32: in bfloat16 a length of 1 is one of 0.996 to 1.004, and cosines would pass 1.
    return torch.nn.functional.normalize(features.float(), dim=-1).cpu()


def load_clip_encoder(requested: str) -> ClipEncoder:
    """Load a CLIP by its spec, such as "open_clip:ViT-B-32/openai".

    Raises:
        InputError: The spec is not of open_clip.
        ImagenetGError: As `classifiers.load_classifier`.
    """
    parsed = parse_model_spec(requested)
    if parsed.scheme != "open_clip":
        raise InputError(f"A CLIP is named as open_clip:ARCH/PRETRAINED; '{requested}' is another model.")
    spec = resolve_model_spec(parsed).spec
    parts = load_parts(ModelRequest(requested=requested, spec=parsed), spec)
    model, tokenizer, files = parts.model, parts.tokenizer, parts.files
    preprocess = PreprocessCfg(**model.visual.preprocess_cfg)
    transform = image_transform_v2(preprocess, is_train=False)
    weights_sha256 = hash_state_dict(model.state_dict())
    model = model.float().cpu().eval().requires_grad_(False)
    tokens = tokenizer(list_probe_prompts([SINGLE_TEMPLATE], load_class_names()))
    record = ClipRecord(
        requested=requested,
        spec=name_spec(spec),
        weights_sha256=weights_sha256,
        revision=parse_revision(files[0]) if files else None,
        num_parameters=count_parameters(model),
        # Measured, because not every image tower of open_clip has an attribute for it.
        num_dimensions=int(model.encode_image(transform(Image.new("RGB", (8, 8)))[None]).shape[1]),
        preprocessing=describe_preprocessing(preprocess, transform),
    )
    return ClipEncoder(
        record=record,
        model=model,
        tokenizer=tokenizer,
        transform=transform,
        architecture_sha256=hash_architecture(model),
        tokens_sha256=hash_json(tokens.tolist()),
        behaviour_sha256=hash_json(
            [hash_behaviour(ImageTower(model), (transform,)), hash_text_side(model, tokenizer, tokens)]
        ),
        assumptions=parts.assumptions,
    )


def name_spec(spec: ModelSpec) -> str:
    """The spec as a file may hold it: a local folder by its last part only."""
    # The rest of the path is of this machine, and a published file must not carry it.
    scheme, local, path = str(spec).partition("local-dir:")
    return f"{scheme}{local}{Path(path).name}" if local else str(spec)


def list_clips_on_hand() -> Iterator[str]:
    """Specs of open_clip models whose weights are in the Hub's cache here, preferred ones first."""
    offered = [
        ModelSpec("open_clip", name, tag) for name, tags in list_open_clip_tags().items() for tag in tags
    ]
    for spec in dict.fromkeys((*PREFERRED, *offered)):
        repository, names = find_repository(spec, own=None)
        if repository and find_cached_files(repository, names):
            yield str(spec)
