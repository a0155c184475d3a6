"""Models that share most of what they see in an image: honest kin, by a shared-latent model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.answers.top_five import TopFive


def draw_kin(
    num_models: int,
    *,
    shared: float,
    num_images: int = 1000,
    num_classes: int = 200,
    margin: float = 2.5,
    seed: int = 0,
) -> tuple[list[TopFive], npt.NDArray[np.int16]]:
    """Answers of models whose logits have a common part, and the labels.

    A logit is the image's own value for the class, which all models see, and the model's own noise; the right
    class is `margin` higher. Kin that share more of the variance make more errors in common.

    Args:
        num_models: M.
        shared: Share of the variance of a logit that all models have in common.
        num_images: N.
        num_classes: Classes that the models choose among.
        margin: Of the right class, in standard deviations of a logit.
        seed: Of the random numbers.

    Returns:
        M answers, and `(N, 1)` labels.
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(num_classes, size=num_images)
    common = np.sqrt(shared) * rng.standard_normal((num_images, num_classes))
    common[np.arange(num_images), labels] += margin
    answers = [_answer(common, np.sqrt(1 - shared), rng) for _ in range(num_models)]
    return answers, labels[:, None].astype(np.int16)


def _answer(common: npt.NDArray[np.float64], noise: float, rng: np.random.Generator) -> TopFive:
    # Three times as sharp: of unit variance, softmax would hardly prefer any class.
    logits = 3 * (common + noise * rng.standard_normal(common.shape))
    best = np.argsort(-logits, axis=1)[:, :5]
    chances = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    return TopFive(best.astype(np.int16), np.take_along_axis(chances, best, axis=1).astype(np.float32))
