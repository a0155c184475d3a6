"""A captions run, from settings to two trained stages, in one folder from which it can resume.

<out>/settings.json        the settings; another run needs another folder
<out>/seeds.tsv            seed captions
<out>/means.safetensors    class means
<out>/sft/, <out>/rl/      the stages, see `stages`
<out>/log.jsonl            log of every step
<out>/run.json             written last: the run is trained
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.environment import list_versions
from imagenet_g.benchmark.errors import DataError, InputError, describe_failure
from imagenet_g.benchmark.identity import hash_json
from imagenet_g.benchmark.models.clip_encoders import ClipEncoder, load_clip_encoder
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.storage import validate_writable, write_text
from imagenet_g.generation.caption_training.language_models import (
    Model,
    Tokenizer,
    describe_language_model,
    hash_config,
    load_language_model,
    write_with_model,
)
from imagenet_g.generation.caption_training.means import load_means, open_means_split
from imagenet_g.generation.caption_training.seeds import (
    SeedCaption,
    describe_seeds,
    drop_long_seeds,
    hash_seeds,
    load_file_seeds,
    load_seeds,
    make_prompt,
)
from imagenet_g.generation.caption_training.stages import Note, load_finished
from imagenet_g.generation.captions.class_means import (
    FILE_NAME,
    ClassMeans,
    load_class_means,
    validate_clip,
)
from imagenet_g.generation.captions.clip import describe_clip, find_too_long, read_context_length
from imagenet_g.generation.captions.records import CaptionStageRecord, MeansRecord, SeedsRecord, WeightsRecord
from imagenet_g.generation.captions.scoring import CaptionScorer
from imagenet_g.generation.captions.specs import CaptionSpec
from imagenet_g.generation.generators.runtime import set_determinism

PACKAGES = (
    "accelerate", "imagenet-g", "numpy", "open_clip_torch", "tokenizers", "torch", "transformers", "trl",
)  # fmt: skip
_SEEDS_FILE = "seeds.tsv"


class CaptionRun(FileModel):
    """A trained run, as stored in `run.json`."""

    schema_version: Literal[1]
    spec: CaptionSpec
    language_model: WeightsRecord
    seeds: SeedsRecord
    stages: tuple[CaptionStageRecord, ...]
    clip: WeightsRecord
    means: MeansRecord
    device: str
    versions: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRequest:
    """What to train, and where.

    Attributes:
        spec: The run's settings.
        out: Its folder; an interrupted run resumes there.
        device: "cpu" or "cuda".
        data: Local copies of splits by name.
        cache: Where image embeddings are kept between runs.
        note: Called with a sentence of progress.
    """

    spec: CaptionSpec
    out: Path
    device: str
    data: Mapping[str, Path]
    cache: Path | None
    note: Note


def run_training(request: TrainRequest) -> CaptionRun:
    """Train both stages; finished parts are kept.

    Raises:
        InputError: The folder belongs to other settings, a class has no image, a seed caption is too long.
        ModelError: A model cannot be loaded, or a reward is not finite.
        StorageError: The folder cannot be written.
    """
    # Imported late: TRL is an optional package, and `--help` must not wait for it.
    from imagenet_g.generation.caption_training.rl import run_rl
    from imagenet_g.generation.caption_training.sft import run_sft

    spec, out = request.spec, request.out
    _validate_device(request.device)
    # Before the folder is taken and models are fetched: too few images are the likeliest mistake.
    images = open_means_split(request)
    _claim_folder(spec, out)
    # One thread: sums over several threads end in other last bits, and a resumed run must end at the same
    # weights.
    set_determinism(request.device, cpu_threads=1)
    clip = load_clip_encoder(spec.objective.clip)
    seeds = _load_seeds(request, clip)
    means = load_means(request, clip, images)
    clip.model.to(request.device)
    model, tokenizer = load_language_model(spec.language_model, list_texts(spec, seeds), spec.seed)
    _validate_length(spec, model, tokenizer)
    language_model = describe_language_model(spec.language_model, model)
    sft_settings = make_sft_settings(spec, language_model, seeds, model, tokenizer)
    sft = run_sft(spec, seeds, model, tokenizer, settings=sft_settings, out=out,
                  device=request.device, note=request.note)  # fmt: skip
    rl_settings = make_rl_settings(spec, sft, clip, means.record)
    scorer = make_scorer(spec, clip, means)
    # The tokenizer as it was saved, whether or not it was resumed: the same file is used.
    rl = run_rl(spec, scorer, out / "sft" / "model", load_finished(out / "sft", sft)[1],
                settings=rl_settings, out=out, device=request.device, note=request.note)  # fmt: skip
    run = CaptionRun(
        schema_version=1,
        spec=spec,
        language_model=language_model,
        seeds=SeedsRecord(source=describe_seeds(spec), num_captions=len(seeds), sha256=hash_seeds(seeds)),
        stages=(sft, rl),
        clip=describe_clip(clip),
        means=means.record,
        # Without the number of the GPU, which does not matter.
        device=request.device.partition(":")[0],
        versions=list_versions(PACKAGES),
    )
    write_text(out / "run.json", run.model_dump_json(indent=1) + "\n")
    return run


def load_run(folder: Path) -> CaptionRun:
    """The record of a trained run.

    Raises:
        DataError: The run is unfinished or damaged.
    """
    path = folder / "run.json"
    if not path.is_file():
        raise DataError(f"'{folder}' holds no trained captions run. Train one: imagenet-g captions train.")
    try:
        return CaptionRun.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"'{path}' cannot be read: {describe_failure(error)}") from error


def load_scorer(run: CaptionRun, folder: Path, device: str) -> CaptionScorer:
    """The scorer a run was trained with.

    Raises:
        DataError: The CLIP or the means differ from those of the run.
    """
    clip = load_clip_encoder(run.spec.objective.clip)
    means = load_class_means(folder / FILE_NAME)
    if describe_clip(clip).weights_sha256 != run.clip.weights_sha256 or means.record != run.means:
        raise DataError(f"The CLIP or the class means are not those that '{folder}' was trained with.")
    validate_clip(means, clip, name=str(folder / FILE_NAME))
    clip.model.to(device)
    return make_scorer(run.spec, clip, means)


def make_scorer(spec: CaptionSpec, clip: ClipEncoder, means: ClassMeans) -> CaptionScorer:
    """The scorer of some settings."""
    objective = spec.objective
    return CaptionScorer(
        clip, means, names=spec.class_names, min_words=objective.min_words, grammar=objective.grammar
    )


def list_texts(spec: CaptionSpec, seeds: tuple[SeedCaption, ...]) -> list[str]:
    """Prompt and caption of every seed caption: training texts of a tokenizer."""
    return [f"{make_prompt(spec, seed.class_index)} {seed.caption}" for seed in seeds]


def make_sft_settings(
    spec: CaptionSpec,
    language_model: WeightsRecord,
    seeds: tuple[SeedCaption, ...],
    model: Model,
    tokenizer: Tokenizer,
) -> dict[str, JsonValue]:
    """Everything stage 1 depends on."""
    return {
        **spec.sft.model_dump(mode="json"),
        "prompt": spec.prompt,
        "max_tokens": spec.max_tokens,
        "class_names": spec.class_names,
        "seed": spec.seed,
        "language_model_sha256": language_model.weights_sha256,
        "seeds_sha256": hash_seeds(seeds),
        # The tokenizer by what it makes of the training texts; weights say nothing about it.
        "tokens_sha256": hash_json(tokenizer(list_texts(spec, seeds))["input_ids"]),
        "config_sha256": hash_config(model),
    }


def make_rl_settings(
    spec: CaptionSpec, sft: CaptionStageRecord, clip: ClipEncoder, means: MeansRecord
) -> dict[str, JsonValue]:
    """Everything stage 2 depends on."""
    return {
        **spec.rl.model_dump(mode="json"),
        # The CLIP by its record and its weights' hash: the spec may hold a path of this machine.
        "objective": {**spec.objective.model_dump(mode="json"), "clip": clip.record.spec},
        "seed": spec.seed,
        "clip_sha256": clip.record.weights_sha256,
        # With its settings and tokenizer, which decide a reward as its weights do.
        "clip_identity_sha256": clip.identify(),
        "means_sha256": means.sha256,
        "sft_weights_sha256": sft.weights_sha256,
    }


def _validate_device(device: str) -> None:
    import torch

    # transformers would spread the batch over all visible GPUs, which TRL's trainers refuse.
    if device.startswith("cuda") and torch.cuda.device_count() > 1:
        raise InputError(
            "Training uses one GPU, and several are visible. Select one, as with CUDA_VISIBLE_DEVICES=0."
        )


def _claim_folder(spec: CaptionSpec, out: Path) -> None:
    validate_writable(out)
    path = out / "settings.json"
    # Written before anything is trained, so that a killed run is known by its settings.
    if not path.exists():
        write_text(path, spec.model_dump_json(indent=1) + "\n")
        return
    try:
        known = CaptionSpec.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"'{path}' cannot be read: {describe_failure(error)}") from error
    changes = list_differences(known.model_dump(mode="json"), spec.model_dump(mode="json"))
    if changes:
        raise InputError(
            f"'{out}' belongs to a run with other settings ({'; '.join(changes[:3])}). Choose another --out."
        )


def _load_seeds(request: TrainRequest, clip: ClipEncoder) -> tuple[SeedCaption, ...]:
    """Stored seed captions, or new ones, none longer than the CLIP accepts."""
    spec, path = request.spec, request.out / _SEEDS_FILE
    # Kept, because a language model's captions cannot be drawn again alike on another machine.
    if path.exists():
        return tuple(load_file_seeds(spec, path, are_judged=True))
    found = load_seeds(
        spec, lambda settings, asked, seed: write_with_model(settings, asked, seed, device=request.device)
    )
    too_long = dict.fromkeys(find_too_long(clip, [seed.caption for seed in found]))
    seeds = drop_long_seeds(spec, found, too_long, limit=read_context_length(clip))
    lines = (f"{load_classes()[seed.class_index].wnid}\t{seed.caption}\n" for seed in seeds)
    write_text(path, "".join(lines))
    left_out = f", {len(found) - len(seeds)} left out as too long for the CLIP" if too_long else ""
    request.note(f"{len(seeds)} seed captions from {describe_seeds(spec)}{left_out}")
    return seeds


def _validate_length(spec: CaptionSpec, model: Model, tokenizer: Tokenizer) -> None:
    limit = getattr(model.config, "max_position_embeddings", None)
    prompts = (make_prompt(spec, index) for index in spec.class_indices)
    longest = max(len(tokenizer(prompt)["input_ids"]) for prompt in prompts)
    # Past its positions a model fails in the middle of training with an index error that names nothing.
    if limit is not None and longest + spec.max_tokens > limit:
        raise InputError(
            f"The language model accepts {limit} tokens; the longest prompt has {longest} and max_tokens = "
            f"{spec.max_tokens}. Lower max_tokens."
        )
