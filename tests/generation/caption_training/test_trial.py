"""The trial that shows learning: its interval and its table; and options in place of settings."""

from __future__ import annotations

import math
from argparse import ArgumentParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import DescrStatsW

from imagenet_g.generation.caption_training.trial import STAGES, StageScore, compute_interval
from imagenet_g.generation.captions.specs import PretrainedSpec, load_caption_spec
from imagenet_g.generation.commands.caption_trial import format_trials
from imagenet_g.generation.commands.captions import add_arguments
from imagenet_g.generation.commands.captions_train import change_spec


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=9).filter(lambda v: max(v) - min(v) > 1e-3))
def test_the_interval_is_students(values: list[float]) -> None:
    """Against statsmodels."""
    mean, half = compute_interval(values)
    assert (mean - half, mean + half) == pytest.approx(DescrStatsW(values).tconfint_mean(alpha=0.05))


def test_one_seed_says_nothing_of_the_spread() -> None:
    """Infinite, not zero."""
    assert compute_interval([0.5]) == (0.5, math.inf)


def test_the_table_has_differences_by_seed() -> None:
    """Stage 2 gains 0.1 and 0.2, the control loses."""
    rewards = {STAGES[0]: (0.1, 0.1), STAGES[1]: (0.2, 0.3), STAGES[2]: (-0.1, 0.0)}
    trials = [
        {stage: StageScore(pair[n], -pair[n], 1.0, 0.5 if stage == STAGES[0] else 0.4)
         for stage, pair in rewards.items()}
        for n in range(2)
    ]  # fmt: skip
    text = "\n".join(format_trials(trials))
    assert "stage 2 minus stage 1: reward +0.150 ± 0.635 (seeds +0.100, +0.200)" in text
    assert "stage 2, sign flipped minus stage 1: reward -0.150" in text
    assert "distinct-2 falls by 20.0 %" in text


def test_options_replace_one_setting_each() -> None:
    """And leave the others."""
    parser = ArgumentParser()
    add_arguments(parser)
    words = ["train", "tiny", "--clip", "open_clip:RN50/openai", "--means", "imagenet-val",
             "--classes", "all", "--method", "rloo", "--seed", "3", "--flip-sign",
             "--language-model", "org/name@abc"]  # fmt: skip
    tiny = load_caption_spec("tiny")
    spec = change_spec(tiny, parser.parse_args(words))
    assert spec.objective.clip == "open_clip:RN50/openai" and spec.objective.direction == "near"
    assert (spec.means.ref, spec.classes, spec.rl.method, spec.seed) == ("imagenet-val", "all", "rloo", 3)
    assert spec.language_model == PretrainedSpec(kind="pretrained", repo="org/name", revision="abc")
    assert spec.sft == tiny.sft and spec.means.images_per_class == tiny.means.images_per_class
    assert change_spec(tiny, parser.parse_args(["train", "tiny"])) == tiny
