"""Stage 1: supervised fine-tuning of the language model on the seed captions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset
from pydantic import JsonValue
from trl import SFTConfig, SFTTrainer

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.generation.caption_training.language_models import Model, Tokenizer
from imagenet_g.generation.caption_training.seeds import SeedCaption, make_prompt
from imagenet_g.generation.caption_training.stages import (
    Note,
    StepLog,
    finish_stage,
    load_stage,
    resume_stage,
    run_trainer,
)
from imagenet_g.generation.captions.records import CaptionStageRecord
from imagenet_g.generation.captions.specs import CaptionSpec

# The index that torch's cross-entropy skips by default, and that TRL pads labels with.
IGNORED = -100
"""Label of tokens that the loss leaves out: those of the prompt."""


def run_sft(
    spec: CaptionSpec,
    seeds: Sequence[SeedCaption],
    model: Model,
    tokenizer: Tokenizer,
    *,
    settings: dict[str, JsonValue],
    out: Path,
    device: str,
    note: Note,
) -> CaptionStageRecord:
    """Train the stage, resume it, or return the record of the finished one.

    Args:
        spec: The run.
        seeds: The training captions.
        model: Before training; changed in place.
        tokenizer: The model's.
        settings: Everything the stage depends on, for its record.
        out: Folder of the run; the stage's is `sft` in it.
        device: "cpu" or "cuda".
        note: Called with a sentence of progress.

    Raises:
        DataError: The folder was trained with other settings.
        InputError: A seed caption is longer than the settings allow.
        StorageError: The folder cannot be written.
    """
    folder = out / "sft"
    if (done := load_stage(folder, settings)) is not None:
        return done
    rows = [make_row(spec, seed, tokenizer) for seed in seeds]
    checkpoint, resumed_at = resume_stage(folder, spec.sft.steps, settings, note)
    with quiet_training():
        # No length limit, because TRL's would cut rows without a message; `make_row` refuses long captions.
        # Two checkpoints, because a kill may leave the last one half written. Pinned memory warns where there
        # is no GPU.
        config = SFTConfig(
            output_dir=str(folder / "checkpoints"), max_steps=spec.sft.steps, save_strategy="steps",
            save_steps=spec.sft.save_steps, save_total_limit=2, logging_steps=max(1, spec.sft.steps // 100),
            per_device_train_batch_size=spec.sft.batch_size, learning_rate=spec.sft.learning_rate,
            warmup_steps=spec.sft.warmup_steps, lr_scheduler_type="linear", weight_decay=0.0,
            max_length=None, seed=spec.seed, use_cpu=device == "cpu", bf16=False,
            gradient_checkpointing=False, report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = SFTTrainer(
            model=model, processing_class=tokenizer, args=config, train_dataset=Dataset.from_list(rows),
            callbacks=[StepLog(out / "log.jsonl", "sft", resumed_at, note)],
        )  # fmt: skip
    run_trainer(trainer, checkpoint, folder)
    return finish_stage(
        folder, trainer.model.cpu(), tokenizer, method="sft", settings=settings, steps=spec.sft.steps
    )


def make_row(spec: CaptionSpec, seed: SeedCaption, tokenizer: Tokenizer) -> dict[str, list[int]]:
    """Token ids of prompt, caption and end of text, with labels for the latter two.

    Raises:
        InputError: The caption has more tokens than `max_tokens`.
    """
    # Prompt and caption are split apart: when captions are written, the model is given the prompt alone, and
    # joined text may split differently at the seam.
    prompt: list[int] = tokenizer(make_prompt(spec, seed.class_index))["input_ids"]
    caption: list[int] = tokenizer(f" {seed.caption}", add_special_tokens=False)["input_ids"]
    # Part of the loss, so that the model learns where a caption ends.
    caption = [*caption, tokenizer.eos_token_id]
    if len(caption) > spec.max_tokens:
        raise InputError(
            f"The seed caption '{seed.caption}' has {len(caption)} tokens of the language model, its end "
            f"included; max_tokens = {spec.max_tokens}. Raise max_tokens or shorten it."
        )
    return {"input_ids": [*prompt, *caption], "labels": [*[IGNORED] * len(prompt), *caption]}
