"""A captions run small enough for a test: four classes, a GPT-2 of two layers, a CLIP of random weights."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from warm_processes import get_warm_context

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.generation.caption_training.run import CaptionRun, TrainRequest, run_training
from imagenet_g.generation.caption_training.seeds import add_article, name_class
from imagenet_g.generation.captions.specs import CaptionSpec, load_caption_spec

WNIDS = ("n02129604", "n02206856", "n02403003", "n02701002")
"""Tiger, bee, ox and ambulance, which mini/renditions has images of."""
PLACES = ("taxi", "cave", "pool", "snow field", "green bus", "dark cellar")
SFT_STEPS, RL_STEPS = 80, 8


def write_seeds(path: Path, wnids: tuple[str, ...] = WNIDS) -> Path:
    """Twelve captions a class, few enough to learn by heart."""
    index = {info.wnid: info.index for info in load_classes()}
    lines = []
    for wnid in wnids:
        named = add_article(name_class(index[wnid], "open_clip"))
        for place in PLACES:
            lines.append(f"{wnid}\tIn a {place}, {named} sleeps.")
            lines.append(f"{wnid}\tNobody saw {named} near a {place}.")
    path.write_text("\n".join(lines) + "\n")
    return path


def make_caption_spec(folder: Path, clip: Path, **changes: object) -> CaptionSpec:
    """Settings over seeds in a folder and a CLIP in another; a change replaces a whole table."""
    seeds = folder / "seeds.tsv"
    if not seeds.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_seeds(seeds)
    tiny = load_caption_spec("tiny").model_dump(mode="json")
    small = {
        "classes": list(WNIDS),
        "max_tokens": 24,
        "language_model": {"kind": "tiny", "layers": 2, "width": 48, "heads": 2, "vocabulary": 300,
                           "tokens": "words"},
        "seeds": {"kind": "file", "path": str(seeds)},
        "means": {"ref": "mini/renditions", "images_per_class": 4},
        "objective": {"clip": f"open_clip:local-dir:{clip}", "grammar": "checked"},
        "sft": {"steps": SFT_STEPS, "batch_size": 16, "learning_rate": 0.01, "save_steps": 20},
        "rl": {"method": "grpo", "steps": RL_STEPS, "prompts_per_step": 2, "group_size": 4,
               "learning_rate": 2e-4, "beta": 0.1, "save_steps": 3},
        "sampling": {"candidates": 2, "rounds": 2},
    }  # fmt: skip
    return CaptionSpec.model_validate({**tiny, **small, **changes})


def train(spec: CaptionSpec, out: Path, *, kill_at: str | None = None) -> tuple[CaptionRun, list[str]]:
    """Train on the CPU; with `kill_at`, the process kills itself when a note begins so."""
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        if kill_at is not None and text.startswith(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)

    request = TrainRequest(spec=spec, out=out, device="cpu", data={}, cache=None, note=note)
    return run_training(request), notes


def train_and_die_each(spec: CaptionSpec, out: Path, kills_at: Sequence[str]) -> int:
    """Train once for each note and die there, as `kill -9` kills; behind each a checkpoint is half written.

    In processes of their own, which are not forked off this one: a fork would take over threads and signals
    that other tests left here. They share what imports the trainers, which takes longer than the training.

    Returns:
        Exit code of the process that sees to it; 0 where each was killed.
    """
    watcher = get_warm_context().Process(target=_die_each, args=(spec, out, kills_at))
    watcher.start()
    watcher.join()
    return watcher.exitcode or 0


def _die_each(spec: CaptionSpec, out: Path, kills_at: Sequence[str]) -> None:
    import open_clip  # noqa: F401
    from trl import GRPOTrainer, SFTTrainer  # noqa: F401

    for kill_at in kills_at:
        child = os.fork()
        if child == 0:
            try:
                train(spec, out, kill_at=kill_at)
            finally:
                os._exit(1)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        _leave_half_written(out)


def _leave_half_written(out: Path) -> None:
    """A checkpoint behind the last one of stage 1, where that has none yet."""
    half = out / "sft" / "checkpoints" / "checkpoint-60"
    if half.parent.is_dir() and not half.exists():
        half.mkdir()
        (half / "trainer_state.json").write_text('{"global_step": 6')
