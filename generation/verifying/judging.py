"""Whether a remade sample is statistically like the released one: a judge's accuracy, and its features.

Accuracy alone says little: a judge at chance is as accurate on any images. So the judge must be above chance,
and its features are compared as well, by the squared maximum mean discrepancy under the cubic kernel of
`benchmark/quality/kernel.py` (Gretton et al. 2012). Its test swaps the two images of a pair at random: both
were made from one prompt, so that under equal distributions either order is as likely. p is the share of
`NUM_SWAPS` swaps and the observed order that give at least the observed discrepancy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from imagenet_g.benchmark.classes import NUM_CLASSES
from imagenet_g.benchmark.quality.kernel import compute_kernel, compute_kernel_distance
from imagenet_g.benchmark.records import Count, FileModel, Fraction
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.statistics.intervals import BOOTSTRAP_SEED, compute_wilson_interval

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from imagenet_g.benchmark.models.classifiers import Classifier

NUM_SWAPS = 999
MIN_P = 0.05
"""Below it the two samples count as different."""
JUDGE_BATCH = 32


class FeatureComparison(FileModel):
    """Features of the released and of the remade sample."""

    cosine: float
    """Mean cosine, image by image."""
    kernel_distance: float
    """Unbiased squared discrepancy under the cubic kernel; may be negative."""
    p: Fraction
    """Share of swaps with a discrepancy at least as large."""


class JudgeComparison(FileModel):
    """Accuracy of a model on the released and on the remade sample."""

    model: str
    n: Count
    top1_released: Fraction
    top1_remade: Fraction
    low: Fraction
    """Wilson interval of the released sample's accuracy, 95 %."""
    high: Fraction
    chance: Fraction
    """Accuracy of the best constant answer, at least 1/1000."""
    features: FeatureComparison | None
    """Null for judges without features."""


def compare_judgements(
    model: str,
    labels: Sequence[int],
    released: Sequence[int],
    remade: Sequence[int],
    features: FeatureComparison | None,
) -> JudgeComparison:
    """A judge's accuracy on both samples.

    Args:
        model: The judge's spec.
        labels: Class indices of the sample.
        released: Predicted classes of the released images.
        remade: Predicted classes of the remade images.
        features: Comparison of its features, or None.
    """
    right = sum(a == b for a, b in zip(labels, released, strict=True))
    # Wilson's, because a probe is small and a judge may be right on nearly all or none of it.
    low, high = compute_wilson_interval(right, len(labels))
    return JudgeComparison(
        model=model,
        n=len(labels),
        top1_released=right / len(labels),
        top1_remade=sum(a == b for a, b in zip(labels, remade, strict=True)) / len(labels),
        low=low,
        high=high,
        chance=max(int(np.bincount(labels).max()) / len(labels), 1 / NUM_CLASSES),
        features=features,
    )


def judge_likeness(judge: JudgeComparison) -> tuple[Literal["R2", "none", "unknown"], str]:
    """Whether a judge calls two samples alike, and why."""
    interval = f"[{judge.low:.3f}, {judge.high:.3f}]"
    scored = f"{judge.model} scores {judge.top1_remade:.3f}"
    if not judge.low <= judge.top1_remade <= judge.high:
        return "none", f"{scored}, outside {interval}"
    if judge.low <= judge.chance:
        return "unknown", (
            f"{scored}, inside {interval}, which is no better than chance ({judge.chance:.3f}): R2 needs a "
            "judge that reads these images"
        )
    if judge.features is None:
        return "unknown", (
            f"{scored}, inside {interval}, but it has no features: R2 needs an open_clip judge, such as "
            "--judge open_clip:ViT-B-32/openai"
        )
    found = (
        f"kernel distance of its features {judge.features.kernel_distance:.5f}, p = {judge.features.p:.3f}"
    )
    if judge.features.p < MIN_P:
        return "none", f"{scored}, inside {interval}, but the samples differ: {found}"
    return "R2", f"{scored}, inside {interval}; {found}"


def compare_features(released: FloatArray, remade: FloatArray) -> FeatureComparison:
    """Features of pairs of images, and the test whether swapping the two of a pair matters.

    Args:
        released: `(n, D)` features of length 1, n >= 2.
        remade: `(n, D)` features of length 1, row by row of the same images.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> one = rng.normal(size=(64, 8))
        >>> one /= np.linalg.norm(one, axis=1, keepdims=True)
        >>> compare_features(one, one).p, compare_features(one, np.abs(one)).p < 0.01
        (1.0, True)
    """
    pair = (released.astype(np.float64), remade.astype(np.float64))
    cross = compute_kernel(*pair)
    # With signs s of the pairs the biased discrepancy is s^T M s / n^2; the observed order has s = 1.
    matrix = compute_kernel(pair[0], pair[0]) + compute_kernel(pair[1], pair[1]) - cross - cross.T
    signs = np.random.default_rng(BOOTSTRAP_SEED).choice([-1.0, 1.0], size=(NUM_SWAPS, len(matrix)))
    swapped = np.einsum("si,ij,sj->s", signs, matrix, signs, optimize=True)
    # Sums of the same numbers in another order differ in their last bits.
    observed = float(matrix.sum()) - 1e-9 * float(np.abs(matrix).sum())
    return FeatureComparison(
        cosine=float((pair[0] * pair[1]).sum(axis=1).mean()),
        kernel_distance=compute_kernel_distance(*pair),
        p=(1 + int((swapped >= observed).sum())) / (1 + NUM_SWAPS),
    )


def judge_images(
    model: str, labels: Sequence[int], pictures: Sequence[Sequence[Image.Image]], *, device: str
) -> JudgeComparison:
    """Predictions and features of a model on both samples.

    Args:
        model: The judge's spec.
        labels: Class indices of the sample.
        pictures: Released and remade images.
        device: Where the judge runs.

    Raises:
        ImagenetGError: The model cannot be loaded.
    """
    from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
    from imagenet_g.benchmark.naming.specs import parse_model_spec

    classifier = load_classifier(
        ModelRequest(requested=model, spec=parse_model_spec(model), templates="single", text_device=device)
    )
    classifier.module.to(device)
    predicted = [_run_in_batches(partial(_classify, classifier, device), images) for images in pictures]
    compared = None
    if classifier.encoder is not None and len(labels) > 1:
        encoded = [_run_in_batches(classifier.encode_images, images) for images in pictures]
        compared = compare_features(*(np.asarray(features.double().cpu()) for features in encoded))
    return compare_judgements(model, labels, predicted[0].tolist(), predicted[1].tolist(), compared)


def _classify(classifier: Classifier, device: str, images: Sequence[Image.Image]) -> torch.Tensor:
    """`(N,)` class indices."""
    import torch

    inputs = torch.stack([classifier.transform(image) for image in images]).to(device)
    with torch.inference_mode():
        logits: torch.Tensor = classifier.module(inputs)
    return logits.float().cpu().argmax(dim=1)


def _run_in_batches(
    run: Callable[[Sequence[Image.Image]], torch.Tensor], images: Sequence[Image.Image]
) -> torch.Tensor:
    import torch

    return torch.cat(
        [run(images[first : first + JUDGE_BATCH]) for first in range(0, len(images), JUDGE_BATCH)]
    )
