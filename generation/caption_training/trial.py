"""Experiment: does stage 2 learn from the reward, and from nothing else?

Each seed trains its own stage 1 and, from there, stage 2 twice: with the reward, and with its sign flipped.
The table has means over seeds and Student's 95 % intervals of the differences between stage 2 and stage 1.
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.benchmark.identity import make_seed
from imagenet_g.benchmark.terminal.text import print_line
from imagenet_g.generation.caption_training.language_models import load_trained
from imagenet_g.generation.caption_training.run import (
    CaptionRun,
    TrainRequest,
    load_run,
    load_scorer,
    run_training,
)
from imagenet_g.generation.caption_training.seeds import make_prompt
from imagenet_g.generation.caption_training.writing import draw_captions
from imagenet_g.generation.captions.diversity import compute_distinct
from imagenet_g.generation.captions.scoring import CaptionScorer
from imagenet_g.generation.captions.specs import CaptionSpec, load_caption_spec

STAGES = ("stage 1", "stage 2", "stage 2, sign flipped")
# One whole batch of `draw_captions`.
CAPTIONS_PER_CLASS = 64
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class StageScore:
    """Scores of one trained model, on captions sampled without selection.

    Attributes:
        reward: Mean reward under the paper's hard floor, invalid captions included, in [-1, 1].
        cosine: Mean cosine of the valid captions to their class means.
        valid: Share of valid captions.
        distinct_2: Over all captions.
    """

    reward: float
    cosine: float
    valid: float
    distinct_2: float


Trial = dict[str, StageScore]
"""Scores of one seed by stage."""


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """What to train and measure.

    Attributes:
        config: Name of shipped caption settings, or the path of a .toml file.
        clip: The CLIP of the reward as a model spec; None for a tiny one with random weights.
        num_seeds: How many seeds, at least 1.
        out: Folder of the runs; finished ones in it are not trained again.
    """

    config: str
    clip: str | None
    num_seeds: int
    out: Path


def run_trials(request: TrialRequest) -> list[Trial]:
    """Train and measure every seed.

    Raises:
        InputError: The settings or the CLIP cannot be used.
    """
    clip = request.clip or f"open_clip:local-dir:{build_random_clip(request.out / 'clip')}"
    return [
        run_trial(make_spec(request.config, clip, seed), request.out) for seed in range(request.num_seeds)
    ]


def run_trial(spec: CaptionSpec, out: Path) -> Trial:
    """Train one seed both ways and measure all three models."""
    far, near = out / f"seed-{spec.seed}", out / f"seed-{spec.seed}-flipped"
    _train(spec, far)
    if not near.exists():
        # Stage 1 does not depend on the sign; sharing it makes the comparison paired.
        for name in ("sft", "seeds.tsv", "means.safetensors"):
            source = far / name
            (shutil.copytree if source.is_dir() else _copy)(source, near / name)
    flipped = spec.objective.model_copy(update={"direction": "near"})
    _train(spec.model_copy(update={"objective": flipped}), near)
    scorer, run = load_scorer(load_run(far), far, "cpu"), load_run(far)
    folders = (far / "sft", far / "rl", near / "rl")
    with quiet_training():
        return {
            stage: measure_model(run, scorer, folder / "model")
            for stage, folder in zip(STAGES, folders, strict=True)
        }


def measure_model(run: CaptionRun, scorer: CaptionScorer, folder: Path) -> StageScore:
    """Sample captions of every class, with the same seeds for every model, and score all of them."""
    model, tokenizer = load_trained(folder)
    model.eval()
    spec, captions, indices = run.spec, list[str](), list[int]()
    for index in spec.class_indices:
        captions += draw_captions(
            model, tokenizer, make_prompt(spec, index), CAPTIONS_PER_CLASS, spec.sampling,
            max_tokens=spec.max_tokens, seed=make_seed("caption-trial", str(spec.seed), str(index), 0),
        )  # fmt: skip
        indices += [index] * CAPTIONS_PER_CLASS
    scores = scorer.score(captions, indices)
    valid = np.asarray(scores.valid)
    return StageScore(
        reward=float(scores.make_rewards("floor").mean()),
        cosine=float(scores.cosines[valid].mean()) if valid.any() else math.nan,
        valid=float(valid.mean()),
        distinct_2=compute_distinct(captions, 2),
    )


def compute_interval(values: Sequence[float]) -> tuple[float, float]:
    """Mean and half width of Student's 95 % interval; infinite for a single value.

    Example:
        >>> mean, half = compute_interval([0.040, 0.045, 0.051])
        >>> round(mean, 3), round(half, 3)
        (0.045, 0.014)
    """
    mean = statistics.mean(values)
    if len(values) < 2:
        return mean, math.inf
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return mean, quantile * statistics.stdev(values) / math.sqrt(len(values))


def make_spec(config: str, clip: str, seed: int) -> CaptionSpec:
    """Settings with a CLIP and a seed."""
    spec = load_caption_spec(config)
    objective = spec.objective.model_copy(update={"clip": clip})
    return spec.model_copy(update={"objective": objective, "seed": seed})


def build_random_clip(folder: Path, *, seed: int = 7) -> Path:
    """A tiny open_clip model with random weights of a seed: embeddings without meaning."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    if (folder / "open_clip_config.json").exists():
        return folder
    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    with torch.random.fork_rng(devices=[]):
        # Fixed: runs in one folder must share one CLIP.
        torch.manual_seed(seed)
        state = open_clip.CLIP(**config).state_dict()
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    preprocess = {"mean": list(open_clip.OPENAI_DATASET_MEAN), "std": list(open_clip.OPENAI_DATASET_STD)}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess})
    (folder / "open_clip_config.json").write_text(text)
    return folder


def _train(spec: CaptionSpec, out: Path) -> None:
    def note(text: str) -> None:
        print_line(f"{out.name} {text}", error=True)

    run_training(TrainRequest(spec=spec, out=out, device="cpu", data={}, cache=None, note=note))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
