"""Scores of images by models that did not draw them: does such a model recognise the label?

A CLIP scorer compares the image with "a photo of a {class}"; a judge is any classifier. Both give the margin
and the rank of the label among all 1000 classes, so that a filter by one can be checked by the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.generation.specs.version import ClipScorerSpec, ScorerSpec

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from pydantic import JsonValue

    from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder
    from imagenet_g.benchmark.records import ClipRecord, ModelRecord

BATCH_SIZE = 32
"""Images a forward pass; fixed, because the last bits of a score depend on it."""
Columns = dict[str, list[float]]
SourcePairs = Sequence[tuple["Image.Image", "Image.Image"]]
"""For each image, the source it was made from and another image's source."""


class Scorer(Protocol):
    """Scores images it is shown."""

    def describe(self) -> dict[str, JsonValue]:
        """Which model, with which weights."""

    def identify(self) -> str:
        """Hash of weights, code and behaviour: scores of another one are computed again."""

    def score(
        self, images: Sequence[Image.Image], labels: Sequence[int], sources: SourcePairs | None
    ) -> Columns:
        """Numbers by column, one per image, at most `BATCH_SIZE` images at a time."""


def list_score_columns(name: str, spec: ScorerSpec, *, with_sources: bool) -> tuple[str, ...]:
    """Columns a scorer adds to a release, its name behind a dot.

    clip_score            cosine of image and label text, in [-1, 1]
    label_probability     softmax probability of the label, in [0, 1] (judges)
    label_margin          score of the label minus the best other class: positive where the label wins
    label_rank            how many classes score higher, 0..999
    source_similarity     cosine of the image and its own source image (CLIP, where there are sources)
    other_similarity      the same with the source of an image half a shard away, for comparison
    """
    is_clip = isinstance(spec, ClipScorerSpec)
    columns = ["clip_score" if is_clip else "label_probability", "label_margin", "label_rank"]
    if is_clip and with_sources:
        columns += ["source_similarity", "other_similarity"]
    return tuple(f"{column}.{name}" for column in columns)


def load_scorer(name: str, spec: ScorerSpec, device: str) -> Scorer:
    """Load the model behind a scorer.

    Raises:
        ImagenetGError: As loading a model does.
        InputError: A CLIP scorer whose model is not an open_clip one.
    """
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    parsed = parse_model_spec(spec.model)
    if isinstance(spec, ClipScorerSpec):
        if parsed.scheme != "open_clip":
            raise InputError(
                f"Scorer '{name}' is a CLIP scorer: its model must be open_clip:..., not '{spec.model}'."
            )
        return ClipScorer(name, spec, load_clip_encoder(spec.model), device)
    request = ModelRequest(requested=spec.model, spec=parsed, templates="single", text_device=device)
    classifier = load_classifier(request)
    return JudgeScorer(name, classifier, device, sha256=_identify_judge(classifier, request))


def _identify_judge(classifier: Classifier, request: ModelRequest) -> str:
    """Taken on the CPU, before the model is moved: another device would round to other digits."""
    from imagenet_g.benchmark.evaluation.memos import make_memo

    memo = make_memo(classifier, request, choice="", device="", dtype="float32")
    parts = [memo.architecture_sha256, memo.code_sha256, memo.behaviour_sha256]
    return hash_json([*parts, memo.record.weights_sha256])


class JudgeScorer:
    """Margin and rank of the label under a classifier."""

    def __init__(self, name: str, classifier: Classifier, device: str, *, sha256: str) -> None:
        self._name = name
        self._sha256 = sha256
        self._classifier = classifier
        self._device = device
        self._module = classifier.module.to(device)

    def describe(self) -> dict[str, JsonValue]:
        """The model's record."""
        return describe_model(self._classifier.record)

    def identify(self) -> str:
        """Hash of weights, layers, code and outputs on fixed inputs."""
        return self._sha256

    def score(
        self, images: Sequence[Image.Image], labels: Sequence[int], sources: SourcePairs | None
    ) -> Columns:
        """Probability, margin and rank of the label."""
        import torch

        with torch.inference_mode():
            logits = self._module(stack_images(self._classifier, images, self._device)).float().cpu()
            chosen = logits.softmax(dim=1)[torch.arange(len(labels)), torch.tensor(labels)]
        return {
            f"label_probability.{self._name}": chosen.tolist(),
            **compare_labels(logits, labels, self._name),
        }


class ClipScorer:
    """Cosine of image and label text; with sources, cosine of image and source."""

    def __init__(self, name: str, spec: ClipScorerSpec, encoder: ClipEncoder, device: str) -> None:
        from imagenet_g.benchmark.texts.heads import build_head
        from imagenet_g.benchmark.texts.prompts import load_class_names

        self._name = name
        self._text = spec.text
        self._encoder = encoder
        template = spec.text.replace("{c}", "{}")
        # Moves the encoder to the device, too.
        self._head = build_head(
            encoder.model, encoder.tokenizer, (template,), load_class_names(), device=device
        )

    def describe(self) -> dict[str, JsonValue]:
        """The model's record and the text."""
        return {**describe_model(self._encoder.record), "text": self._text}

    def identify(self) -> str:
        """Hash of weights, settings, tokenizer and embeddings of fixed inputs."""
        return hash_json([self._encoder.identify(), self._encoder.behaviour_sha256])

    def score(
        self, images: Sequence[Image.Image], labels: Sequence[int], sources: SourcePairs | None
    ) -> Columns:
        """Cosine, margin and rank of the label; similarity to the sources where there are any."""
        import torch

        features = self._encoder.encode_images(images)
        cosines = features @ self._head
        own = cosines[torch.arange(len(labels)), torch.tensor(labels)]
        columns = {f"clip_score.{self._name}": own.tolist(), **compare_labels(cosines, labels, self._name)}
        if sources is not None:
            for number, column in enumerate(("source_similarity", "other_similarity")):
                theirs = self._encoder.encode_images([pair[number] for pair in sources])
                columns[f"{column}.{self._name}"] = (features * theirs).sum(dim=1).tolist()
        return columns


def compare_labels(scores: torch.Tensor, labels: Sequence[int], name: str) -> Columns:
    """Margin and rank of the label.

    Args:
        scores: `(N, 1000)` float; -inf for classes the model does not have.
        labels: N class indices.
        name: The scorer's.
    """
    import torch

    rows, chosen = torch.arange(len(labels)), torch.tensor(labels)
    own = scores[rows, chosen]
    others = scores.clone()
    # Without the label itself, which would always be its own best rival.
    others[rows, chosen] = float("-inf")
    best = others.max(dim=1).values
    return {
        f"label_margin.{name}": (own - best).tolist(),
        f"label_rank.{name}": (others > own[:, None]).sum(dim=1).tolist(),
    }


def stack_images(classifier: Classifier, images: Sequence[Image.Image], device: str) -> torch.Tensor:
    """`(N, 3, H, W)` inputs on the device."""
    import torch

    return torch.stack([classifier.transform(image) for image in images]).to(device)


def describe_model(record: ModelRecord | ClipRecord) -> dict[str, JsonValue]:
    """Spec, weights hash and revision of a model."""
    # The path of a folder does not identify its weights; their hash does.
    scheme, local, path = record.spec.partition("local-dir:")
    return {
        "model": f"{scheme}{local}{Path(path).name}" if local else record.spec,
        "weights_sha256": record.weights_sha256,
        "revision": record.revision,
        "preprocessing": record.preprocessing.description,
    }
