"""The CLIP of a recipe: images and captions in one space, trained by contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.generation.training.specs import ClipSpec, ConvolutionsSpec

if TYPE_CHECKING:
    from open_clip.model import CLIP
    from transformers import CLIPTokenizer

# Source: Radford et al. 2021, Section 2.5: a larger scale makes training unstable.
_MAX_SCALE = 100.0
_EMBED_BATCH = 256


class ClipTask:
    """Trains a CLIP to match captions and images.

    Args:
        spec: The architecture.
        pictures: The training images.
        tokenizer: Tokenizer of the captions.
        device: Device of the training.
        seed: Seed of the initial weights.
    """

    def __init__(
        self, spec: ClipSpec, pictures: Pictures, tokenizer: CLIPTokenizer, *, device: str, seed: int
    ) -> None:
        torch.manual_seed(seed)
        self._device = device
        self._spec = spec
        self._pixels = pictures.pixels
        self._labels = pictures.labels
        # Sorted, so that a caption's number does not depend on the order of a set, which changes with the
        # process.
        texts = sorted(set(pictures.captions))
        numbers = {text: number for number, text in enumerate(texts)}
        self._caption_numbers = torch.tensor([numbers[text] for text in pictures.captions])
        self._tokens = tokenize(tokenizer, texts)
        self.clip = make_clip(spec, side=int(pictures.pixels.shape[-1])).to(device)
        self._side = find_input_side(self.clip)

    @property
    def module(self) -> torch.nn.Module:
        """Both towers and the scale between them."""
        clip: torch.nn.Module = self.clip
        return clip

    def compute_loss(self, numbers: torch.Generator, batch_size: int) -> dict[str, torch.Tensor]:
        """Symmetric cross-entropy over the batch, where an image has more than one right caption.

        Captions equal to its own are right, and those of its class in another style are partly right.
        Otherwise each class would be learnt separately in every style, and a plain prompt would match only
        plain images.

        Source: Radford et al. 2021, Fig. 3; equal captions as Yang et al. 2022 (UniCL), Eq. 4.
        """
        rows = torch.randint(len(self._pixels), (batch_size,), generator=numbers)
        captions = self._caption_numbers[rows]
        pixels = normalize_pixels(self._pixels[rows], side=self._side).to(self._device)
        # In float32 before they are compared, whatever type the towers compute in.
        images = self.clip.encode_image(pixels, normalize=True).float()
        # Captions are short: without their padding the text tower costs a fraction.
        texts = encode_tokens(self.clip, trim_tokens(self._tokens[captions]).to(self._device)).float()
        logits = (
            self.clip.logit_scale.clamp(max=torch.tensor(_MAX_SCALE).log().item()).exp() * images @ texts.T
        )
        labels = self._labels[rows]
        same = (captions[:, None] == captions[None, :]).float().to(self._device)
        kin = (labels[:, None] == labels[None, :]).float().to(self._device)
        right = torch.maximum(same, self._spec.class_weight * kin)
        target = right / right.sum(dim=1, keepdim=True)
        loss = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
        # Only a number for the log: the share of images whose best caption in the batch names their class.
        found = kin.gather(1, logits.argmax(dim=1, keepdim=True)).mean()
        return {"loss": loss, "found": found, "scale": self.clip.logit_scale.exp()}


def make_clip_config(spec: ClipSpec, *, side: int) -> dict[str, Any]:
    """The open_clip model configuration of a recipe, for images of `side` pixels."""
    return {
        "embed_dim": spec.embed_dim,
        "vision_cfg": _make_vision_config(spec, side=side),
        "text_cfg": {
            "context_length": spec.max_tokens,
            "vocab_size": spec.vocabulary_size,
            "width": spec.text.width,
            "heads": spec.text.heads,
            "layers": spec.text.layers,
            # Any text is accepted: the tokenizer is loaded from the saved folder itself.
            "hf_tokenizer_name": "own",
        },
    }


def _make_vision_config(spec: ClipSpec, *, side: int) -> dict[str, Any]:
    vision = spec.vision
    if isinstance(vision, ConvolutionsSpec):
        return {
            "timm_model_name": vision.timm_model,
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": vision.size_px,
        }
    return {
        "image_size": side,
        "patch_size": vision.patch_px,
        "layers": vision.layers,
        "width": vision.width,
        # open_clip takes the width of a head, not the number of heads.
        "head_width": vision.width // vision.heads,
    }


def make_clip(spec: ClipSpec, *, side: int) -> CLIP:
    """An untrained model."""
    from open_clip.model import CLIP

    return CLIP(**make_clip_config(spec, side=side))


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str]) -> torch.Tensor:
    """`(N, max_tokens)` int64 token numbers, padded with the end token."""
    encoded = tokenizer(list(texts), padding="max_length", truncation=True, return_tensors="pt")
    tokens: torch.Tensor = encoded.input_ids
    return tokens


def trim_tokens(tokens: torch.Tensor) -> torch.Tensor:
    """The same texts without the columns where all have ended; in a causal tower nothing depends on those.

    Example:
        >>> trim_tokens(torch.tensor([[7, 1, 9, 9, 9], [7, 1, 2, 9, 9]])).tolist()
        [[7, 1, 9, 9], [7, 1, 2, 9]]
    """
    # The end token has the highest number, and is also the padding.
    end = tokens.max()
    longest = int((tokens != end).sum(dim=1).max()) + 1
    return tokens[:, :longest]


def encode_tokens(clip: CLIP, tokens: torch.Tensor) -> torch.Tensor:
    """`(N, D)` text embeddings of length 1, of texts of any length up to the model's.

    As `clip.encode_text`, which accepts the full length only.
    """
    length = tokens.shape[1]
    hidden = clip.token_embedding(tokens) + clip.positional_embedding[:length]
    hidden = clip.ln_final(clip.transformer(hidden, attn_mask=clip.attn_mask[:length, :length]))
    # As CLIP reads a text: at its first end token, which argmax finds because its number is the highest.
    ends = hidden[torch.arange(len(tokens)), tokens.argmax(dim=1)]
    return functional.normalize(ends @ clip.text_projection, dim=-1)


def find_input_side(clip: CLIP) -> int:
    """Side of the image tower's input, in pixels."""
    size = clip.visual.image_size
    return int(size[0] if isinstance(size, tuple | list) else size)


def normalize_pixels(pixels: torch.Tensor, *, side: int) -> torch.Tensor:
    """uint8 `(N, 3, S, S)` as CLIP's input: `(N, 3, side, side)` float32, normalised by CLIP's statistics."""
    from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1) for values in (OPENAI_DATASET_MEAN, OPENAI_DATASET_STD)
    )
    values = pixels.float() / 255
    if values.shape[-1] != side:
        resized = functional.interpolate(values, size=(side, side), mode="bicubic", antialias=True)
        # Bicubic interpolation overshoots at edges.
        values = resized.clamp(0, 1)
    return (values - mean) / std


@torch.inference_mode()
def embed_pictures(clip: CLIP, pixels: torch.Tensor, *, device: str) -> torch.Tensor:
    """`(N, D)` float32 image embeddings on the CPU, not scaled to length 1."""
    clip.eval().to(device)
    side = find_input_side(clip)
    batches = [normalize_pixels(batch, side=side) for batch in torch.split(pixels, _EMBED_BATCH)]
    return torch.cat([clip.encode_image(batch.to(device)).cpu() for batch in batches])
