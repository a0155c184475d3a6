"""Two models on one line: the interval of the difference of their effective robustness."""

from __future__ import annotations

import numpy as np

from imagenet_g.benchmark.robustness.fits import fit_line, predict_top1
from imagenet_g.benchmark.robustness.jackknife import compute_variances, find_reach
from imagenet_g.benchmark.robustness.points import BaselinePoints, EvaluatedModel
from imagenet_g.benchmark.statistics.observations import Observation

TOP1 = np.linspace(0.3, 0.8, 8)
POINTS = BaselinePoints(
    baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",), models=tuple("abcdefgh"),
    families=tuple("stuvwxyz"), reference=TOP1[:, None], shifted=TOP1 - 0.2, reference_n=(2000,),
    shifted_n=2000,
)  # fmt: skip


def draw_models(rng: np.random.Generator) -> list[EvaluatedModel]:
    """Two equal models on 100 classes of ten images that are hard or easy for both alike."""
    hard, total = rng.normal(0, 1, 100), np.full(100, 10.0)

    def observe(shift: float) -> Observation:
        right = rng.binomial(10, 1 / (1 + np.exp(-(hard + shift)))).astype(float)
        return Observation(top1=float(right.sum() / 1000), n=1000, right=right, total=total)

    return [EvaluatedModel(reference=(observe(0.3),), shifted=observe(-0.7)) for _ in range(2)]


def compute_value(model: EvaluatedModel) -> float:
    """Effective robustness by the fit itself."""
    expected = predict_top1(fit_line(POINTS, "logit"), model.reference[0].top1)
    return model.shifted.top1 - float(np.ravel(expected)[0])


def test_a_model_less_itself_has_no_variance() -> None:
    """Line, classes and families are the same on both sides."""
    model, _ = draw_models(np.random.default_rng(0))
    variances = compute_variances(POINTS, model, "logit", less=model)
    assert (variances.classes, variances.families) == (0.0, 0.0)


def test_robustnesses_on_one_line_are_subtracted_as_a_pair() -> None:
    """The interval covers in 93 to 98 %, and is shorter than that of independent ones."""
    rng = np.random.default_rng(1)
    held, shorter = 0, 0
    for _ in range(300):
        first, second = draw_models(rng)
        reach = find_reach(compute_variances(POINTS, first, "logit", less=second))
        held += abs(compute_value(first) - compute_value(second)) <= reach
        alone = [find_reach(compute_variances(POINTS, one, "logit")) for one in (first, second)]
        shorter += reach < np.hypot(alone[0], alone[1])
    # 300 draws of 95 %: 285, with a standard deviation of 3.8.
    assert 274 <= held <= 296
    assert shorter > 250
