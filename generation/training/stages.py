"""The three stages of a recipe: CLIP, autoencoder, diffusion model, each from the files of those before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch
from pydantic import JsonValue

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.storage import translate_storage_errors, write_text
from imagenet_g.benchmark.training.loop import CHECKPOINT, Trained, TrainingTask, run_training
from imagenet_g.benchmark.training.records import (
    RECORD_NAME,
    TrainingRecord,
    TrainingStageRecord,
    identify_data,
    write_record,
)
from imagenet_g.generation.prompts.recipes import load_patterns
from imagenet_g.generation.specs.inputs import PromptSpec
from imagenet_g.generation.specs.repos import hash_repo
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
# The loop itself compares the schedule; sample sheets and the name of a split change no weight.
_NO_INPUTS = {"schedule", "steps", "guidance", "data"}
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
    words = tokenizer(list_texts(context.pictures.captions))["input_ids"]
    trained = _run(context, "clip", task, inputs={"tokens": hash_json(words)})
    # The averaged weights, which `run_training` returns, take the place of the last ones.
    task.clip.cpu().load_state_dict(trained.weights)
    if context.spec.diffusion is not None:
        # Only where a diffusion model follows: a factor of the projection changes no cosine, so a CLIP alone
        # needs none.
        scale_image_embeddings(task.clip, context.pictures.pixels[:_MEASURED_ROWS])
    export_clip(task.clip, make_clip_config(spec, side=context.side), tokenizer, context.clip_folder)
    _record(context, context.clip_folder, list_stage_records(context, "clip", trained))


def train_autoencoder_stage(context: TrainingContext) -> None:
    """Train the autoencoder and write its folder; of a continued pipeline's, the decoder alone learns.

    Raises:
        ImagenetGError: As `run_training`.
    """
    earlier = context.continued_folder
    continued = None if earlier is None else load_autoencoder(earlier / "vae")
    task = AutoencoderTask(
        _require(context.spec.autoencoder),
        context.pictures,
        device=context.device,
        seed=context.spec.seed,
        continued=continued,
    )
    trained = _run(context, "autoencoder", task)
    task.vae.cpu().load_state_dict(trained.weights)
    # The latents of a continued one stay as they are, and with them their factor.
    if continued is None:
        pixels = context.pictures.pixels[:_MEASURED_ROWS]
        scale_latents(task.vae, encode_pictures(task.vae, pixels, device=context.device))
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
    before, parts_sha256 = list_part_records(context), hash_parts(context)
    parts = collect_parts(context)
    data = recall_encoded(
        context.folder / "diffusion" / ENCODED_NAME,
        lambda: encode_everything(context.pictures, parts, device=context.device),
        key=hash_json([context.pictures.record, parts_sha256]),
        say=context.say,
    )
    task = DiffusionTask(spec, data, device=context.device, seed=context.spec.seed)
    sheets = SampleSheets(
        spec, parts.vae, data, context.pictures, context.folder / "diffusion", seed=context.spec.seed
    )
    trained = _run(
        context,
        "diffusion",
        task,
        inputs={"parts": parts_sha256},
        sample=lambda weights, step: sheets.draw(task.unet, weights, step),
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
        parts, own = load_parts(folder), context.autoencoder_folder
        # The decoder of this recipe, for the sample sheets; it has the pipeline's encoder.
        return replace(parts, vae=load_autoencoder(own)) if own.is_dir() else parts
    clip, autoencoder = (context.find_finished(stage) for stage in ("clip", "autoencoder"))
    return make_parts(*load_exported_clip(clip), load_autoencoder(autoencoder))


def hash_parts(context: TrainingContext) -> str:
    """Hash of the files of the parts that encode a diffusion model's images and captions.

    Raises:
        ImagenetGError: The continued pipeline does not exist.
    """
    continued = context.continued_folder
    found = [context.find_finished(stage) for stage in ("clip", "autoencoder")]
    folders = found if continued is None else [continued]
    # The records hold no hash of the weights, and name the machine, which changes no weight.
    files = [{name: sha for name, sha in hash_repo(at).items() if name != RECORD_NAME} for at in folders]
    return hash_json(files)


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
    # One without a checkpoint was left by a run that was stopped at once, perhaps over other captions.
    begun = [folder] if (folder.parent / CHECKPOINT).is_file() else []
    if context.start_from is not None:
        begun.append(context.start_from / context.clip_folder.name)
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
    inputs: Mapping[str, JsonValue] | None = None,
    sample: Callable[[Mapping[str, torch.Tensor], int], None] | None = None,
) -> Trained:
    spec, start = getattr(context.spec, stage), find_start(context, stage)
    return run_training(
        task,
        spec.schedule,
        context.folder / stage,
        seed=context.spec.seed,
        inputs={
            "recipe": spec.model_dump(mode="json", exclude=_NO_INPUTS),
            "data": identify_data(context.pictures.record),
            "start_from": None if start is None else hash_state_dict(start.weights),
            **(inputs or {}),
        },
        say=lambda text: context.say(f"{stage}: {text}"),
        sample=sample,
        start=start,
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
