"""Continuing an earlier training: the weights to start from, and the records of both."""

from __future__ import annotations

from pathlib import Path

import torch

from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.training.loop import Trained
from imagenet_g.benchmark.training.records import TrainingStageRecord, load_record
from imagenet_g.benchmark.training.states import Start
from imagenet_g.generation.generators.runtime import PACKAGES
from imagenet_g.generation.training.context import TrainingContext
from imagenet_g.generation.training.export import load_autoencoder, load_exported_clip, load_unet_weights


def find_start(context: TrainingContext, stage: str) -> Start | None:
    """Weights of an earlier training of this stage, if the recipe or the user names one.

    Raises:
        DataError: The folder is no finished training.
    """
    folder = context.find_earlier(stage)
    if folder is None:
        return None
    record = load_record(folder).find_stage(stage)
    if record is None:
        raise InputError(f"'{folder}' has no stage '{stage}' to continue.")
    load = {"clip": _load_clip_weights, "autoencoder": _load_autoencoder_weights}.get(
        stage, load_unet_weights
    )
    return Start(load(folder), record.steps, record.seconds)


def _load_clip_weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_exported_clip(folder)[0].state_dict())


def _load_autoencoder_weights(folder: Path) -> dict[str, torch.Tensor]:
    inside = folder / "vae"
    return dict(load_autoencoder(inside if inside.is_dir() else folder).state_dict())


def list_stage_records(
    context: TrainingContext, stage: str, trained: Trained
) -> tuple[TrainingStageRecord, ...]:
    """A stage's record, preceded by those of a continued training with other data."""
    own = make_stage_record(context, stage, trained)
    folder = context.find_earlier(stage)
    return (own,) if folder is None else (*load_record(folder).list_earlier(own), own)


def make_stage_record(context: TrainingContext, stage: str, trained: Trained) -> TrainingStageRecord:
    """The record of a finished stage."""
    return TrainingStageRecord(
        stage=stage,
        steps=trained.steps,
        seconds=round(trained.seconds, 1),
        device=trained.device,
        seed=context.spec.seed,
        recipe_sha256=hash_json(getattr(context.spec, stage).model_dump(mode="json")),
        data=context.pictures.record,
        versions=list_versions(PACKAGES),
    )


def list_part_records(context: TrainingContext) -> list[TrainingStageRecord]:
    """Records of the CLIP and the autoencoder.

    Raises:
        DataError: They are not there yet.
    """
    if (folder := context.continued_folder) is not None:
        return [record for record in load_record(folder).stages if record.stage != "diffusion"]
    folders = [context.find_finished(stage) for stage in ("clip", "autoencoder")]
    return [record for folder in folders for record in load_record(folder).stages]
