"""Stage 2: reinforcement learning from the reward, with a KL term to the stage-1 model.

The paper used PPO, for which TRL no longer has a trainer. GRPO and RLOO accept a reward function; instead of
a learned value function they compare the captions of a class with each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset
from pydantic import JsonValue
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.benchmark.identity import make_seed
from imagenet_g.generation.caption_training.language_models import Tokenizer, count_positions
from imagenet_g.generation.caption_training.seeds import make_prompt
from imagenet_g.generation.caption_training.stages import (
    Note,
    StepLog,
    finish_stage,
    load_stage,
    resume_stage,
    run_trainer,
)
from imagenet_g.generation.captions.diversity import compute_distinct
from imagenet_g.generation.captions.records import CaptionStageRecord
from imagenet_g.generation.captions.scoring import CaptionScorer, validate_rewards
from imagenet_g.generation.captions.specs import CaptionSpec, ObjectiveSpec

TRAINERS = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}


class CaptionReward:
    """The reward function in the form that TRL calls.

    Args:
        scorer: Scores captions.
        objective: Grading and direction.
    """

    # TRL names a column of its log after the reward function; without this, after the class.
    __name__ = "ood"

    def __init__(self, scorer: CaptionScorer, objective: ObjectiveSpec) -> None:
        self._scorer = scorer
        self._objective = objective
        self._step = 0

    def __call__(
        self,
        *,
        completions: Sequence[str],
        class_index: Sequence[int],
        log_metric: Callable[[str, float], None] | None = None,
        trainer_state: object = None,
        **others: object,
    ) -> list[float]:
        """A reward for each completion.

        Raises:
            ModelError: A reward is not finite.
        """
        captions = [completion.strip() for completion in completions]
        scores = self._scorer.score(captions, class_index)
        rewards = scores.make_rewards(self._objective.grading, self._objective.direction)
        # TRL counts finished steps, people count from 1.
        validate_rewards(rewards, scores, int(getattr(trainer_state, "global_step", 0)) + 1)
        if log_metric is not None:
            log_metric("valid", float(np.mean(scores.valid)))
            log_metric("cosine", float(np.mean(scores.cosines)))
            log_metric("distinct_2", compute_distinct(captions, 2))
        return [float(reward) for reward in rewards]


def run_rl(
    spec: CaptionSpec,
    scorer: CaptionScorer,
    model_folder: Path,
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
        scorer: Scores captions.
        model_folder: The stage-1 model: start of training, and reference of the KL term.
        tokenizer: Its tokenizer.
        settings: Everything the stage depends on, for its record.
        out: Folder of the run; the stage's is `rl` in it.
        device: "cpu" or "cuda".
        note: Called with a sentence of progress.

    Raises:
        DataError: The folder was trained with other settings.
        ModelError: A reward is not finite; the message has the step and the caption.
        StorageError: The folder cannot be written.
    """
    folder = out / "rl"
    if (done := load_stage(folder, settings)) is not None:
        return done
    checkpoint, resumed_at = resume_stage(folder, spec.rl.steps, settings, note)
    trainer_class, config_class = TRAINERS[spec.rl.method]
    with quiet_training():
        # A batch is whole groups, as TRL demands. bf16 and gradient checkpointing are on in TRL's defaults;
        # here they would cost exactness and time for models this small. Shuffling is on as well, and the
        # order of questions is planned in `make_questions`.
        config = config_class(
            output_dir=str(folder / "checkpoints"), max_steps=spec.rl.steps, save_strategy="steps",
            save_steps=spec.rl.save_steps, save_total_limit=2, logging_steps=1,
            per_device_train_batch_size=spec.rl.prompts_per_step * spec.rl.group_size,
            num_generations=spec.rl.group_size, steps_per_generation=1, num_iterations=1,
            learning_rate=spec.rl.learning_rate, lr_scheduler_type="constant", beta=spec.rl.beta,
            temperature=spec.rl.temperature, max_completion_length=spec.max_tokens, shuffle_dataset=False,
            seed=spec.seed, use_cpu=device == "cpu", bf16=False, gradient_checkpointing=False,
            report_to="none", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer = trainer_class(
            # A path, because the reference model of the KL term is loaded from it.
            model=str(model_folder),
            processing_class=tokenizer,
            reward_funcs=[CaptionReward(scorer, spec.objective)],
            args=config,
            train_dataset=Dataset.from_list(make_questions(spec)),
            callbacks=[StepLog(out / "log.jsonl", "rl", resumed_at, note)],
        )
    count_positions(trainer.model)
    # None where the KL term has no weight.
    if trainer.ref_model is not None:
        count_positions(trainer.ref_model)
    run_trainer(trainer, checkpoint, folder)
    # On the CPU, so that weights trained on a GPU are saved and hashed like any others.
    return finish_stage(
        folder, trainer.model.cpu(), tokenizer, method=spec.rl.method, settings=settings, steps=spec.rl.steps
    )


def make_questions(spec: CaptionSpec) -> list[dict[str, str | int]]:
    """Prompts of all steps in order: every class once in random order, then every class again.

    The order is fixed here, as one epoch, so that a resumed run has the same prompts.

    Raises:
        InputError: A step needs more classes than the run has.
    """
    indices, per_step = spec.class_indices, spec.rl.prompts_per_step
    if per_step > len(indices):
        raise InputError(
            f"rl.prompts_per_step = {per_step} is more than the {len(indices)} classes of the run. Lower it."
        )
    rng = np.random.default_rng(make_seed("caption-questions", str(spec.seed), "", 0))
    # Whole rounds over the classes, so that no class is trained on more than once more than another.
    order: list[int] = []
    while len(order) < spec.rl.steps * per_step:
        order += [indices[number] for number in rng.permutation(len(indices))]
    chosen = order[: spec.rl.steps * per_step]
    return [{"prompt": make_prompt(spec, index), "class_index": index} for index in chosen]
