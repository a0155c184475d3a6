"""The text side of a zero-shot classifier: class names, templates, and the head they make."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import open_clip
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from imagenet_g.benchmark.errors import UnknownNameError
from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.records import ZeroShot
from imagenet_g.benchmark.storage import replace_file

TEMPLATE_SETS = ("openai-80", "single")
SINGLE_TEMPLATE = "a photo of a {}."


class ZeroShotClassifier(torch.nn.Module):
    """A CLIP image encoder with a fixed head made from text.

    Args:
        model: CLIP, with `encode_image(images, normalize=False)` of shape `(N, D)`.
        head: `(D, 1000)` class embeddings, each of length 1.
    """

    head: torch.Tensor

    def __init__(self, model: torch.nn.Module, head: torch.Tensor) -> None:
        super().__init__()
        self.model = model
        # Not persistent: the head follows from weights and texts, and those two are hashed.
        self.register_buffer("head", head, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, 1000)` cosine similarities on the scale (and with the bias) the model was trained with."""
        features = self.encode(images)
        logits: torch.Tensor = self.model.logit_scale.exp() * features @ self.head  # type: ignore[operator]
        bias = getattr(self.model, "logit_bias", None)
        return logits if bias is None else logits + bias

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, D)` float32 embeddings of length 1, whatever the precision of the encoder."""
        features: torch.Tensor = self.model.encode_image(images, normalize=False)  # type: ignore[operator]
        # Before the division: in bfloat16 a length of 1 is one of 0.996 to 1.004.
        return torch.nn.functional.normalize(features.float(), dim=-1)


def load_class_names() -> tuple[str, ...]:
    """open_clip's 1000 class names for prompts, in index order."""
    return tuple(open_clip.IMAGENET_CLASSNAMES)


def load_templates(name: str) -> tuple[str, ...]:
    """Prompts with `{}` where the class name goes.

    Args:
        name: "openai-80" (open_clip's, the 80 of the CLIP paper) or "single".

    Raises:
        UnknownNameError: There is no such set.

    Example:
        >>> load_templates("single"), len(load_templates("openai-80"))
        (('a photo of a {}.',), 80)
    """
    if name not in TEMPLATE_SETS:
        raise UnknownNameError("template set", name, TEMPLATE_SETS)
    if name == "single":
        return (SINGLE_TEMPLATE,)
    return tuple(template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES)


def describe_zero_shot(name: str) -> ZeroShot:
    """The record of a template set with open_clip's class names."""
    templates = load_templates(name)
    return ZeroShot(
        templates=name,
        num_templates=len(templates),
        templates_sha256=hash_lines(templates),
        class_names_sha256=hash_lines(load_class_names()),
    )


def recall_head(build: Callable[[], torch.Tensor], *, folder: Path | None, key: str) -> torch.Tensor:
    """The head kept under `key`, or a new one, kept for the next time.

    Args:
        build: Makes the `(D, 1000)` head; called only when no head is kept.
        folder: Where heads are kept; None to keep none.
        key: Hash of everything the head depends on.

    Raises:
        StorageError: The folder cannot be written.
    """
    if folder is None:
        return build()
    path = folder / f"{key}.safetensors"
    try:
        # safetensors and no pickle: reading a cache that another user filled must not run code.
        return load_file(path)["head"]
    except (OSError, SafetensorError, KeyError):
        head = build()
    with replace_file(path) as temporary:
        save_file({"head": head.contiguous()}, temporary)
    return head


def build_head(
    model: torch.nn.Module, tokenizer: object, templates: Sequence[str], *, device: str = "cpu"
) -> torch.Tensor:
    """Class embeddings: the mean over templates of each prompt's embedding, scaled to length 1.

    Source: Radford et al. 2021, section 3.1.4.

    Args:
        model: CLIP, moved to `device` and left there.
        tokenizer: Its tokenizer, from a list of texts to token ids.
        templates: Prompts with `{}`.
        device: Where to run the text encoder: 80,000 prompts take seconds on a GPU, long minutes without.

    Returns:
        `(D, 1000)` float32 on the CPU.
    """
    head: torch.Tensor = open_clip.build_zero_shot_classifier(
        model.to(device),
        tokenizer=tokenizer,
        classnames=load_class_names(),
        templates=tuple(templates),
        num_classes_per_batch=10,
        device=device,
        # A log file would hold one line for every step of the bar.
        use_tqdm=sys.stderr.isatty(),
    )
    return head.float().cpu()
