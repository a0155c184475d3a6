"""What both stages of training share: folders, complete checkpoints, the log, and the final record.

<out>/<stage>/checkpoints/settings.json   what the checkpoints depend on
<out>/<stage>/checkpoints/checkpoint-N/   written by transformers; complete if trainer_state.json can be read
<out>/<stage>/model/                      the trained model
<out>/<stage>/stage.json                  written last: the stage is finished
<out>/log.jsonl                           one line per logged step
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue, ValidationError
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from imagenet_g.benchmark.differences import list_differences
from imagenet_g.benchmark.errors import DataError, ModelError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.hub.quiet import quiet_training
from imagenet_g.benchmark.identity import format_canonical_json, hash_json
from imagenet_g.benchmark.storage import translate_storage_errors, write_text
from imagenet_g.generation.caption_training.language_models import Model, Tokenizer, load_trained
from imagenet_g.generation.captions.records import CaptionStageRecord

Note = Callable[[str], None]
# transformers writes this file last of a checkpoint.
_STATE = "trainer_state.json"
_SETTINGS = "settings.json"
_UNTOLD = ("epoch", "total_flos", "train_loss", "train_runtime", "train_samples_per_second")


def load_stage(folder: Path, settings: dict[str, JsonValue]) -> CaptionStageRecord | None:
    """The record of a finished stage; None for an unfinished one.

    Raises:
        DataError: It is damaged, or was trained with other settings.
    """
    path = folder / "stage.json"
    if not path.exists():
        return None
    try:
        record = CaptionStageRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"'{path}' is damaged; delete the folder '{folder}' to train again.") from error
    if record.settings_sha256 != hash_json(settings):
        raise DataError(f"'{folder}' was trained with other settings; choose another --out.")
    return record


def finish_stage(
    folder: Path,
    model: Model,
    tokenizer: Tokenizer,
    *,
    method: str,
    settings: dict[str, JsonValue],
    steps: int,
) -> CaptionStageRecord:
    """Save the trained model, then its record, then delete the checkpoints."""
    target, temporary = folder / "model", folder / "model.tmp"
    with translate_storage_errors(folder), quiet_training():
        shutil.rmtree(temporary, ignore_errors=True)
        # A folder that is not empty cannot be renamed onto; without stage.json what is there was never
        # finished.
        shutil.rmtree(target, ignore_errors=True)
        model.save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
        temporary.rename(target)
    record = CaptionStageRecord.model_validate(
        {
            "method": method,
            "settings": settings,
            "settings_sha256": hash_json(settings),
            "steps": steps,
            "weights_sha256": hash_state_dict(model.state_dict()),
        }
    )
    # After the model: a kill in between repeats the end of the stage and never trusts half a model.
    write_text(folder / "stage.json", record.model_dump_json(indent=1) + "\n")
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return record


def load_finished(folder: Path, record: CaptionStageRecord) -> tuple[Model, Tokenizer]:
    """The model of a finished stage, whose weights are those of its record.

    Args:
        folder: The stage's.
        record: Its record.

    Raises:
        DataError: The weights were exchanged after the stage.
        ModelError: The folder is damaged.
    """
    model, tokenizer = load_trained(folder / "model")
    if hash_state_dict(model.state_dict()) != record.weights_sha256:
        raise DataError(
            f"The weights in '{folder / 'model'}' are not those that stage '{record.method}' ended with. "
            f"Delete '{folder}' to train the stage again."
        )
    return model, tokenizer


def find_checkpoint(folder: Path) -> Path | None:
    """The last complete checkpoint of a stage; incomplete ones of a killed process are removed."""
    found: list[tuple[int, Path]] = []
    for path in sorted((folder / "checkpoints").glob("checkpoint-*")):
        try:
            found.append((int(json.loads((path / _STATE).read_bytes())["global_step"]), path))
        # Killed while it was written: nothing resumes from it, and it would count among those to keep.
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(path, ignore_errors=True)
    return max(found)[1] if found else None


def resume_stage(
    folder: Path, steps: int, settings: dict[str, JsonValue], note: Note
) -> tuple[Path | None, int]:
    """The checkpoint a stage resumes from and its step; None and 0 if it starts from the beginning.

    Args:
        folder: The stage's, named after it.
        steps: Of the whole stage.
        settings: Everything the stage depends on; kept beside the checkpoints and compared with what is kept.
        note: Called with the step it resumes at.

    Raises:
        DataError: The checkpoint is of other settings, weights or data.
        StorageError: The folder cannot be written.
    """
    checkpoint, path = find_checkpoint(folder), folder / "checkpoints" / _SETTINGS
    if checkpoint is None:
        write_text(path, format_canonical_json(settings) + "\n")
        return None, 0
    if changes := list_differences(_load_settings(path), json.loads(format_canonical_json(settings))):
        raise DataError(
            f"'{folder}' was begun with other settings: {'; '.join(changes[:3])}. Continue with those of the "
            "first run, or choose another --out."
        )
    step = int(checkpoint.name.rpartition("-")[2])
    note(f"{folder.name}: resumes at step {step} of {steps}")
    return checkpoint, step


def _load_settings(path: Path) -> JsonValue:
    try:
        settings: JsonValue = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(
            f"'{path}' cannot be read, so what the checkpoints beside it depend on is unknown; delete the "
            f"folder '{path.parent.parent}' to train again."
        ) from error
    return settings


class StepLog(TrainerCallback):  # type: ignore[misc]
    """Writes a JSON line per logged step, and prints about twenty lines per stage.

    Lines of steps that a resumed run repeats are removed first.

    Args:
        path: The log of the whole run.
        stage: "sft" or "rl".
        resumed_at: Step the stage resumes from; 0 for a new one.
        note: Called with a sentence of progress.
    """

    def __init__(self, path: Path, stage: str, resumed_at: int, note: Note) -> None:
        self._path, self._stage, self._note = path, stage, note
        # A run killed after step 17 goes on from the checkpoint of step 10: steps 11 to 17 are logged again.
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        write_text(path, "".join(f"{line}\n" for line in lines if self._is_kept(line, resumed_at)))

    def on_log(self, args, state, control, logs=None, **kwargs) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN003
        """Append one line."""
        numbers = {key: value for key, value in (logs or {}).items() if key not in _UNTOLD}
        # The summary at the end of training is no step.
        if "train_runtime" in (logs or {}):
            return
        line = {"stage": self._stage, "step": state.global_step, **numbers}
        with translate_storage_errors(self._path), self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        # Twenty lines for any number of steps.
        every = max(1, state.max_steps // 20)
        if state.global_step % every == 0 or state.global_step == state.max_steps:
            self._note(_format_step(self._stage, state.global_step, state.max_steps, numbers))

    def _is_kept(self, line: str, resumed_at: int) -> bool:
        try:
            row = json.loads(line)
        except ValueError:
            # The last line of a process that was killed while it wrote.
            return False
        return bool(row.get("stage") != self._stage or row.get("step", 0) <= resumed_at)


def run_trainer(trainer: Model, checkpoint: Path | None, folder: Path) -> None:
    """Train to the end, from a checkpoint if given; output of the libraries is suppressed.

    Raises:
        StorageError: Checkpoints cannot be written.
        ModelError: Memory runs out.
    """
    # Either prints every logged step to stdout, which is for the command's own output.
    for callback in (PrinterCallback, ProgressCallback):
        trainer.remove_callback(callback)
    with translate_storage_errors(folder), quiet_training(), _translate_memory():
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))


@contextmanager
def _translate_memory() -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "Memory ran out while training. Lower batch_size, or prompts_per_step and group_size."
        ) from error


def _format_step(stage: str, step: int, steps: int, numbers: dict[str, float]) -> str:
    wanted = ("loss", "reward", "valid", "cosine", "distinct_2", "kl")
    told = [f"{key} {float(numbers[key]):.3f}" for key in wanted if key in numbers]
    return f"{stage}: step {step} of {steps}, {', '.join(told)}"
