"""Scores of images by models that did not draw them: does such a model recognise the label?

A CLIP scorer compares the image with "a photo of a {class}"; a judge is any classifier. Both give the margin
and the rank of the label among all 1000 classes, so that a filter by one can be checked by the other.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import ImagenetGError, InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.generation.rendering.pixel_scorer import PIXEL_MEASURES, PixelScorer
from imagenet_g.generation.rendering.safety_scorer import SAFE_COLUMN, SafetyScorer, load_safety_network
from imagenet_g.generation.rendering.scorer import SOURCE_COLUMNS, Columns, ImageModel, Scorer
from imagenet_g.generation.specs.version import (
    ClipScorerSpec,
    PixelScorerSpec,
    SafetyScorerSpec,
    ScorerSpec,
)

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue

    from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest
    from imagenet_g.benchmark.models.clip_encoders import ClipEncoder
    from imagenet_g.benchmark.records import ClipRecord, ModelRecord


def list_score_columns(name: str, spec: ScorerSpec, *, with_sources: bool) -> tuple[str, ...]:
    """Columns a scorer adds to a release, its name behind a dot.

    clip_score            cosine of image and label text, in [-1, 1]
    label_probability     softmax probability of the label, in [0, 1] (judges)
    label_margin          score of the label minus the best other class: positive where the label wins
    label_rank            how many classes score higher, 0..999
    source_similarity     cosine of the image and its own source image (CLIP, where there are sources)
    other_similarity      the same with the source of an image half a shard away, for comparison
    safe_probability      probability that the image is safe for work, in [0, 1] (safety, which has no other)
    grey_range            of the middle 98 % of the grey values, in [0, 1] (pixels, as the next two)
    lightest, darkest     99 % quantile of the grey values; 1 less the 1 % quantile, in [0, 1]
    """
    if isinstance(spec, PixelScorerSpec):
        return tuple(f"{measure}.{name}" for measure in PIXEL_MEASURES)
    if isinstance(spec, SafetyScorerSpec):
        return (f"{SAFE_COLUMN}.{name}",)
    is_clip = isinstance(spec, ClipScorerSpec)
    columns = ["clip_score" if is_clip else "label_probability", "label_margin", "label_rank"]
    if is_clip and with_sources:
        columns += SOURCE_COLUMNS
    return tuple(f"{column}.{name}" for column in columns)


class Scorers:
    """The scorers of a version on a device, each loaded when it is first asked for.

    Args:
        specs: Their specs, by name.
        device: Where they run.
    """

    def __init__(self, specs: Mapping[str, ScorerSpec], device: str) -> None:
        self._specs = specs
        self._device = device
        self._encoders: dict[str, tuple[ClipEncoder, ImageModel]] = {}
        self._loaded: dict[str, Scorer] = {}

    def load(self, name: str) -> Scorer:
        """The scorer of a name; CLIP scorers that differ in their text alone share one encoder.

        Raises:
            ImagenetGError: As loading a model does.
            InputError: A CLIP scorer whose model is not an open_clip one.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load_new(name, self._specs[name])
        return self._loaded[name]

    def _load_new(self, name: str, spec: ScorerSpec) -> Scorer:
        if isinstance(spec, PixelScorerSpec):
            return PixelScorer(name)
        if isinstance(spec, SafetyScorerSpec):
            return SafetyScorer(name, load_safety_network())
        if isinstance(spec, ClipScorerSpec):
            return self._load_clip(name, spec)
        return _load_judge(name, spec.model, self._device)

    def _load_clip(self, name: str, spec: ClipScorerSpec) -> ClipScorer:
        from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
        from imagenet_g.benchmark.naming.specs import parse_model_spec

        if parse_model_spec(spec.model).scheme != "open_clip":
            raise InputError(
                f"Scorer '{name}' is a CLIP scorer: its model must be open_clip:..., not '{spec.model}'."
            )
        if spec.model not in self._encoders:
            encoder = load_clip_encoder(spec.model)
            model = ImageModel(encoder.transform, encoder.encode_tensors, self._device)
            self._encoders[spec.model] = encoder, model
        return ClipScorer(name, spec, *self._encoders[spec.model])


def can_load_beside(spec: ScorerSpec) -> bool:
    """Whether a scorer may be loaded while images are rendered.

    Only what loads without settings of the whole process: transformers changes the number format of every
    thread while it makes a text tower, and other libraries may do what they like.
    """
    if isinstance(spec, PixelScorerSpec):
        return True
    if not isinstance(spec, ClipScorerSpec):
        return False
    try:
        return "hf_model_name" not in _find_clip_settings(spec.model).read_text(encoding="utf-8")
    # A model that cannot be found is refused where it is loaded.
    except (ImagenetGError, OSError):
        return False


def _find_clip_settings(model: str) -> Path:
    """Where open_clip keeps the settings of a model, without importing it."""
    from importlib.util import find_spec

    from imagenet_g.benchmark.models.packaged import place_packaged
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    name = place_packaged(parse_model_spec(model)).name
    library = find_spec("open_clip")
    if name.startswith("local-dir:"):
        return Path(name.removeprefix("local-dir:")) / "open_clip_config.json"
    return Path(str(library and library.origin)).parent / "model_configs" / f"{name}.json"


def load_scorer(name: str, spec: ScorerSpec, device: str) -> Scorer:
    """Load the model behind one scorer.

    Raises:
        ImagenetGError: As `Scorers.load`.
    """
    return Scorers({name: spec}, device).load(name)


def _load_judge(name: str, model: str, device: str) -> JudgeScorer:
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    request = ModelRequest(
        requested=model, spec=parse_model_spec(model), templates="single", text_device=device
    )
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

    compares_sources = False

    def __init__(self, name: str, classifier: Classifier, device: str, *, sha256: str) -> None:
        self._name = name
        self._sha256 = sha256
        self._record = classifier.record
        self._module = classifier.module.to(device)
        self.model = ImageModel(classifier.transform, self._compute_logits, device)

    def describe(self) -> dict[str, JsonValue]:
        """The model's record."""
        return describe_model(self._record)

    def identify(self) -> str:
        """Hash of weights, layers, code and outputs on fixed inputs."""
        return self._sha256

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> Columns:
        """Probability, margin and rank of the label."""
        import torch

        chosen = outputs.softmax(dim=1)[torch.arange(len(labels)), torch.tensor(labels)]
        return {
            f"label_probability.{self._name}": chosen.tolist(),
            **compare_labels(outputs, labels, self._name),
        }

    def _compute_logits(self, inputs: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.inference_mode():
            logits: torch.Tensor = self._module(inputs).float().cpu()
        return logits


class ClipScorer:
    """Cosine of image and label text; with sources, cosine of image and source."""

    compares_sources = True

    def __init__(self, name: str, spec: ClipScorerSpec, encoder: ClipEncoder, model: ImageModel) -> None:
        self._name = name
        self._text = spec.text
        self._encoder = encoder
        self.model = model
        encoder.model.to(model.device)

    @cached_property
    def head(self) -> torch.Tensor:
        """`(D, 1000)` embeddings of the labels; made when first needed, which may be beside a renderer."""
        import open_clip

        from imagenet_g.benchmark.texts.prompts import load_class_names

        # By open_clip's own loop in fixed batches: `texts.heads` orders and batches prompts by length and
        # memory. The last bits of every score depend on this, and releases record them.
        head: torch.Tensor = open_clip.build_zero_shot_classifier(
            self._encoder.model,
            tokenizer=self._encoder.tokenizer,
            classnames=load_class_names(),
            templates=(self._text.replace("{c}", "{}"),),
            num_classes_per_batch=10,
            device=self.model.device,
            use_tqdm=sys.stderr.isatty(),
        )
        return head.float().cpu()

    def describe(self) -> dict[str, JsonValue]:
        """The model's record and the text."""
        return {**describe_model(self._encoder.record), "text": self._text}

    def identify(self) -> str:
        """Hash of weights, settings, tokenizer and embeddings of fixed inputs."""
        return hash_json([self._encoder.identify(), self._encoder.behaviour_sha256])

    def rate(
        self, outputs: torch.Tensor, labels: Sequence[int], sources: Sequence[torch.Tensor] = ()
    ) -> Columns:
        """Cosine, margin and rank of the label; similarity to the sources where there are any."""
        import torch

        cosines = outputs @ self.head
        own = cosines[torch.arange(len(labels)), torch.tensor(labels)]
        columns = {f"clip_score.{self._name}": own.tolist(), **compare_labels(cosines, labels, self._name)}
        for column, theirs in zip(SOURCE_COLUMNS, sources, strict=False):
            columns[f"{column}.{self._name}"] = (outputs * theirs).sum(dim=1).tolist()
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
