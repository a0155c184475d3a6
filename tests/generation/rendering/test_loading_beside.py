"""Scorers that are loaded while images are rendered: which ones, and that a release does not depend on it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch
from build_specs import build, make_noise_spec

from imagenet_g.benchmark.errors import ImagenetGError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
from imagenet_g.generation.generators.runtime import own_random_numbers
from imagenet_g.generation.rendering import jobs
from imagenet_g.generation.rendering.scorer import Scorer
from imagenet_g.generation.rendering.scorers import Scorers, can_load_beside
from imagenet_g.generation.specs.version import (
    ClipScorerSpec,
    JudgeScorerSpec,
    PixelScorerSpec,
    SafetyScorerSpec,
    ScorerSpec,
)

CLIP = "open_clip:packaged:mini-clip"


def make_clip(model: str) -> ClipScorerSpec:
    """A scorer of that CLIP."""
    return ClipScorerSpec(kind="clip", model=model, text="a photo of a {c}")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (make_clip(CLIP), True),
        (make_clip("open_clip:ViT-B-32/openai"), True),
        (PixelScorerSpec(kind="pixels"), True),
        # Its text tower is of transformers, which sets the number format of the whole process.
        (make_clip("open_clip:roberta-ViT-B-32/laion2b_s12b_b32k"), False),
        (make_clip("open_clip:local-dir:/nowhere"), False),
        (make_clip("open_clip:hf-hub:org/name"), False),
        (JudgeScorerSpec(kind="judge", model="timm:resnet50.a1_in1k"), False),
        (SafetyScorerSpec(kind="safety"), False),
    ],
)
def test_what_sets_the_whole_process_is_loaded_before(spec: ScorerSpec, expected: bool) -> None:
    """And what is not known."""
    assert can_load_beside(spec) is expected


def test_a_clip_that_is_loaded_beside_takes_no_random_numbers() -> None:
    """A generator may use those of the process."""
    before = torch.get_rng_state()
    with own_random_numbers():
        load_clip_encoder(CLIP)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_model_draws_its_own_weights_all_the_same() -> None:
    """A layer that no file fills must not be empty memory."""
    with own_random_numbers():
        weight = torch.nn.Linear(64, 64).weight
    assert 0.0 < float(weight.detach().std()) < 0.2


def test_scorers_that_come_late_give_the_same_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come when the last image is drawn; the shards need no pass of their own."""
    spec = make_noise_spec(scorers=["looks"], scorer_tables={"looks": {"kind": "pixels"}})
    build(spec, tmp_path / "early")
    load = Scorers.load

    def load_late(scorers: Scorers, name: str) -> Scorer:
        time.sleep(0.5)
        return load(scorers, name)

    def refuse(*args: object) -> int:
        raise AssertionError("a pass of its own")

    monkeypatch.setattr(Scorers, "load", load_late)
    monkeypatch.setattr(jobs, "score_shard", refuse)
    build(spec, tmp_path / "late")
    hashes = [
        {path.name: hash_file(path) for path in (tmp_path / name / "data").rglob("*.parquet")}
        for name in ("early", "late")
    ]
    assert hashes[0] == hashes[1] != {}


def test_a_clip_that_cannot_be_read_ends_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the message of its loading, and without a release."""

    def fail(scorers: Scorers, name: str) -> Scorer:
        raise ImagenetGError("its weights are damaged")

    monkeypatch.setattr(Scorers, "load", fail)
    spec = make_noise_spec(scorers=["looks"], scorer_tables={"looks": {"kind": "pixels"}})
    with pytest.raises(ImagenetGError, match="its weights are damaged"):
        build(spec, tmp_path / "out")
    assert not (tmp_path / "out" / "manifest.json").exists()
