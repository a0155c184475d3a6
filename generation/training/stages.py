"""The three stages of a recipe: CLIP, autoencoder, diffusion model, each from the files of those before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.storage import translate_storage_errors, write_text
from imagenet_g.benchmark.training.loop import Trained, TrainingTask, run_training
from imagenet_g.benchmark.training.pictures import Pictures
from imagenet_g.benchmark.training.records import (
    TrainingRecord,
    TrainingStageRecord,
    write_record,
)
from imagenet_g.generation.prompts.recipes import load_patterns
from imagenet_g.generation.specs.version import PromptSpec
from imagenet_g.generation.training.autoencoder import AutoencoderTask, encode_pictures
from imagenet_g.generation.training.cards import CARD_NAME, format_card
from imagenet_g.generation.training.clip import ClipTask, make_clip_config
from imagenet_g.generation.training.context import TrainingContext
from imagenet_g.generation.training.continuing import find_start, list_part_records, list_stage_records
from imagenet_g.generation.training.diffusion import DiffusionTask
from imagenet_g.generation.training.encoding import (
    ENCODED_NAME,
    encode_everything,
    recall_encoded,
    scale_image_embeddings,
)
from imagenet_g.generation.training.export import (
    Parts,
    export_autoencoder,
    export_clip,
    export_network,
    export_pipeline,
    load_autoencoder,
    load_exported_clip,
    load_parts,
    make_parts,
    scale_latents,
)
from imagenet_g.generation.training.samples import SampleSheets
from imagenet_g.generation.training.tokenizers import train_tokenizer

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

_MEASURED_ROWS = 2048
Part = TypeVar("Part")
_TEXT_STRIDE = 16
_CAPTION_STRIDE = 4


def train_clip_stage(context: TrainingContext) -> None:
    """Train the CLIP and write its folder.

    Raises:
        ImagenetGError: As `run_training`.
    """
    spec = _require(context.spec.clip)
    tokenizer = find_tokenizer(context)
    task = ClipTask(spec, context.pictures, tokenizer, device=context.device, seed=context.spec.seed)
    trained = _run(context, "clip", task)
    # The averaged weights, which `run_training` returns, take the place of the last ones.
    task.clip.cpu().load_state_dict(trained.weights)
    if context.spec.diffusion is not None:
        # Only where a diffusion model follows: a factor of the projection changes no cosine, so a CLIP alone
        # needs none.
        scale_image_embeddings(task.clip, context.pictures.pixels[:_MEASURED_ROWS])
    export_clip(task.clip, make_clip_config(spec, side=context.side), tokenizer, context.clip_folder)
    _record(context, context.clip_folder, list_stage_records(context, "clip", trained))


def train_autoencoder_stage(context: TrainingContext) -> None:
    """Train the autoencoder and write its folder.

    Raises:
        ImagenetGError: As `run_training`.
    """
    task = AutoencoderTask(
        _require(context.spec.autoencoder), context.pictures, device=context.device, seed=context.spec.seed
    )
    trained = _run(context, "autoencoder", task)
    task.vae.cpu().load_state_dict(trained.weights)
    scale_latents(
        task.vae, encode_pictures(task.vae, context.pictures.pixels[:_MEASURED_ROWS], device=context.device)
    )
    export_autoencoder(task.vae.cpu(), context.autoencoder_folder)
    _record(context, context.autoencoder_folder, list_stage_records(context, "autoencoder", trained))


def train_diffusion_stage(context: TrainingContext) -> None:
    """Train the diffusion model from the other two and write the pipeline's folder.

    If the recipe continues a pipeline, that pipeline has the other two, and only the network is written.

    Raises:
        DataError: One of the others is not trained yet.
        ImagenetGError: As `run_training`.
    """
    spec = _require(context.spec.diffusion)
    before = list_part_records(context)
    parts = collect_parts(context)
    data = recall_encoded(
        context.folder / "diffusion" / ENCODED_NAME,
        lambda: encode_everything(context.pictures, parts, device=context.device),
        key=hash_encoded(context.pictures, before),
        say=context.say,
    )
    task = DiffusionTask(spec, data, device=context.device, seed=context.spec.seed)
    sheets = SampleSheets(
        spec, parts.vae, data, context.pictures, context.folder / "diffusion", seed=context.spec.seed
    )
    trained = _run(
        context, "diffusion", task, sample=lambda weights, step: sheets.draw(task.unet, weights, step)
    )
    task.unet.to("cpu", memory_format=torch.contiguous_format).load_state_dict(trained.weights)
    if context.spec.continues is None:
        export_pipeline(parts, task.unet, spec, context.pipeline_folder)
    else:
        export_network(task.unet, context.pipeline_folder)
    _record(context, context.pipeline_folder, (*before, *list_stage_records(context, "diffusion", trained)))


def collect_parts(context: TrainingContext) -> Parts:
    """The CLIP and the autoencoder of a diffusion model: trained before, or those of the continued pipeline.

    Raises:
        DataError: They are not there yet.
        ImagenetGError: The continued pipeline has none.
    """
    if (folder := context.continued_folder) is not None:
        return load_parts(folder)
    clip, autoencoder = (context.find_finished(stage) for stage in ("clip", "autoencoder"))
    return make_parts(*load_exported_clip(clip), load_autoencoder(autoencoder))


def hash_encoded(pictures: Pictures, before: Sequence[TrainingStageRecord]) -> str:
    """Hash of everything the encoded images and captions depend on."""
    parts = [record.model_dump(mode="json") for record in before]
    return hash_json([pictures.record, *parts])


STAGES: dict[str, Callable[[TrainingContext], None]] = {
    "clip": train_clip_stage,
    "autoencoder": train_autoencoder_stage,
    "diffusion": train_diffusion_stage,
}


def find_tokenizer(context: TrainingContext) -> CLIPTokenizer:
    """The tokenizer of this CLIP stage or of the training it continues; otherwise a new one.

    Raises:
        StorageError: The folder cannot be written.
    """
    from transformers import CLIPTokenizer

    folder = context.folder / "clip" / "tokenizer"
    begun = (
        [folder] if context.start_from is None else [folder, context.start_from / context.clip_folder.name]
    )
    for place in begun:
        if (place / "tokenizer_config.json").is_file():
            return CLIPTokenizer.from_pretrained(place)
    spec = _require(context.spec.clip)
    tokenizer = train_tokenizer(
        list_texts(context.pictures.captions),
        vocabulary_size=spec.vocabulary_size,
        max_tokens=spec.max_tokens,
    )
    with translate_storage_errors(folder):
        tokenizer.save_pretrained(folder)
    return tokenizer


def list_texts(captions: tuple[str, ...]) -> list[str]:
    """Training texts of the tokenizer: all 1000 class names in some of CLIP's templates, and some captions.

    The names, so that the texts of a zero-shot head over all classes are words and not letters.
    """
    patterns = load_patterns(PromptSpec(recipe="openai-80", class_names="open_clip"))[::_TEXT_STRIDE]
    named = [pattern.format(c=info.name) for info in load_classes() for pattern in patterns]
    return [*named, *captions[::_CAPTION_STRIDE]]


def _run(
    context: TrainingContext,
    stage: str,
    task: TrainingTask,
    *,
    sample: Callable[[Mapping[str, torch.Tensor], int], None] | None = None,
) -> Trained:
    spec = getattr(context.spec, stage)
    return run_training(
        task,
        spec.schedule,
        context.folder / stage,
        seed=context.spec.seed,
        say=lambda text: context.say(f"{stage}: {text}"),
        sample=sample,
        start=find_start(context, stage),
    )


def _require(part: Part | None) -> Part:
    if part is None:
        raise InputError("The recipe has no such stage.")
    return part


def _record(context: TrainingContext, folder: Path, stages: tuple[TrainingStageRecord, ...]) -> None:
    record = TrainingRecord(schema_version=1, name=folder.name, license=context.spec.license, stages=stages)
    card = format_card(record, title=context.spec.title, continues=context.spec.continues)
    write_text(folder / CARD_NAME, card)
    write_record(folder, record)
