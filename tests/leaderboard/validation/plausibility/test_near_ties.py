"""The jump at ties: none of honest models, and one where wrong answers were made right."""

from __future__ import annotations

import numpy as np
import pytest
from kin_answers import draw_kin
from scipy.stats import norm
from submission_cases import ROOT

from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.leaderboard.validation.likeness.answers import SplitAnswers, load_answers
from imagenet_g.leaderboard.validation.plausibility.forging import list_wrong, put_first
from imagenet_g.leaderboard.validation.plausibility.near_ties import NearTies, fit_jump, measure_near_ties
from imagenet_g.leaderboard.validation.plausibility.verdicts import REFUSE_Z, WARN_Z, judge_ties

FILES = sorted((ROOT / "mini").glob("*/*.parquet"))


def load(number: int) -> SplitAnswers:
    """The answers of a shipped submission."""
    found = load_answers(FILES[number])
    assert found is not None
    return found


def measure(top5: TopFive, labels: np.ndarray) -> NearTies:
    """The near ties, which there are."""
    found = measure_near_ties(top5, labels)
    assert found is not None
    return found


def test_no_shipped_model_has_a_jump() -> None:
    """On no split; the highest of 15 is that of mini-clip on mini/sd-l."""
    found = [measure(one.top5, one.labels).z for one in map(load, range(len(FILES)))]
    assert max(found) < WARN_Z - 1


def test_labels_as_answers_are_refused_of_every_shipped_model() -> None:
    """With the model's own probabilities kept: it would never be wrong, however near the tie."""
    for number in range(len(FILES)):
        answers = load(number)
        found = measure(put_first(answers, list_wrong(answers)), answers.labels)
        assert found.z > REFUSE_Z + 2, FILES[number]
        problem = judge_ties(found, "mini/real")
        assert problem is not None
        assert (problem.severity, problem.code) == ("error", "implausible")


@pytest.mark.parametrize("temperature", [0.25, 1, 3])
def test_the_temperature_of_a_model_makes_no_jump(temperature: float) -> None:
    """Nor does the accuracy: a tie is a tie at every temperature."""
    models, labels = draw_kin(8, shared=0.5, seed=1)
    for top5 in models:
        warm = top5.probabilities ** (1 / temperature)
        # The rest of the probability goes to classes that are not stored.
        found = measure(TopFive(top5.indices, 0.9 * warm / warm.sum(axis=1, keepdims=True)), labels)
        assert abs(found.z) < WARN_Z


def test_z_is_standard_normal_without_a_jump() -> None:
    """By simulation, of answers that are right with the chance that their margin says."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        sizes = rng.exponential(1, 150)
        found.append(fit_jump(sizes, rng.random(150) < 1 / (1 + np.exp(-1.5 * sizes)))[1])
    assert np.mean(found) == pytest.approx(0, abs=0.15)
    assert np.std(found) == pytest.approx(1, abs=0.12)
    # At 2.0 and not at the thresholds, which 400 draws do not reach.
    assert np.mean(np.array(found) > 2) == pytest.approx(norm.sf(2), abs=0.02)


def test_few_near_ties_accuse_nobody() -> None:
    """Ten right of ten are no evidence."""
    assert judge_ties(NearTies(10, 10, 5.0, 6.0, 1.0), "mini/real") is None


def test_answers_of_one_class_have_no_ties() -> None:
    """A system that names one class has no second probability."""
    one = TopFive(np.array([[3, -1]], dtype=np.int16), np.array([[1, 0]], dtype=np.float32))
    assert measure_near_ties(one, np.array([[3]], dtype=np.int16)) is None
