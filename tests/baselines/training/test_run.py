"""Runs of a recipe: killed and resumed, by several processes, and evaluated."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from noisy_models import run_command
from recipe_cases import NUM_CLASSES, load_tiny, write_recipe
from safetensors.torch import load_file

from imagenet_g.baselines.recipes.mixing import list_positions
from imagenet_g.baselines.recipes.specs import list_runs
from imagenet_g.baselines.training.feeding import StepImages, feed_steps
from imagenet_g.baselines.training.run import RecipeContext, open_images, prepare_run
from imagenet_g.baselines.training.task import PRECISIONS, RecipeTask
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.training.processes import OneProcess
from imagenet_g.benchmark.training.records import load_record

RUN = Path("small/half/seed-0")
STEPS = 30


@dataclass
class Case:
    """A recipe that was trained once, without a stop."""

    folder: Path
    recipe: Path

    @property
    def words(self) -> list[str]:
        """The command, without its output."""
        return [
            "baselines", "train", str(self.recipe), "--cache", str(self.folder / "cache"), "--device", "cpu",
            "--threads", "1", "--workers", "1", "--mix", "half", "--seed", "0",
        ]  # fmt: skip

    def read_weights(self, out: str) -> bytes:
        """The final weights of a run."""
        return (self.folder / out / RUN / "model.safetensors").read_bytes()

    def read_log(self, out: str) -> list[dict[str, object]]:
        """The lines of its log, without what time they took."""
        lines = (self.folder / out / RUN / "training/log.jsonl").read_text(encoding="utf-8").splitlines()
        return [{key: value for key, value in json.loads(line).items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Trained by the command."""
    folder = tmp_path_factory.mktemp("runs")
    found = Case(folder, write_recipe(folder, steps=STEPS))
    assert run_command(*found.words, "--out", str(folder / "whole")) == 0
    return found


def start(case: Case, out: str, **environment: str) -> subprocess.Popen[bytes]:
    """The same command in a process of its own."""
    code = "import sys; from imagenet_g.benchmark.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *case.words, "--out", str(case.folder / out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
    )


def test_a_run_killed_in_a_step_ends_at_the_same_weights_and_the_same_log(case: Case) -> None:
    """Byte for byte, after kill -9; lines of steps that are taken again are in the log once."""
    process = start(case, "killed")
    checkpoint = case.folder / "killed" / RUN / "training/checkpoint.pt"
    log = case.folder / "killed" / RUN / "training/log.jsonl"
    try:
        # A line behind the last checkpoint: what follows must be forgotten.
        while not (checkpoint.is_file() and log.is_file() and log.read_text().count("\n") >= 3):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert len(case.read_log("killed")) < STEPS // 2, "it was not killed before its end"
    assert run_command(*case.words, "--out", str(case.folder / "killed")) == 0
    assert case.read_weights("killed") == case.read_weights("whole")
    assert case.read_log("killed") == case.read_log("whole")


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_run_in_low_precision_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    """With its scale of the loss; its layers compute in that type, and the stored weights are finite."""
    case = Case(tmp_path, write_recipe(tmp_path, steps=6, more=f'precision = "{precision}"'))
    assert run_command(*case.words, "--out", str(tmp_path / "whole")) == 0
    seen: list[torch.dtype] = []
    run = RecipeTask._run

    def stop(task: RecipeTask, view: torch.Tensor) -> torch.Tensor:
        if len(seen) == 5:
            raise KeyboardInterrupt
        hook = next(one for one in task.module.modules() if isinstance(one, torch.nn.Linear))
        handle = hook.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
        try:
            return run(task, view)
        finally:
            handle.remove()

    with monkeypatch.context() as patch:
        patch.setattr(RecipeTask, "_run", stop)
        with pytest.raises(KeyboardInterrupt):
            run_command(*case.words, "--out", str(tmp_path / "stopped"))
    assert set(seen) == {PRECISIONS[precision]}
    assert run_command(*case.words, "--out", str(tmp_path / "stopped")) == 0
    assert case.read_weights("stopped") == case.read_weights("whole")
    weights = load_file(tmp_path / "whole" / RUN / "model.safetensors")
    assert all(bool(torch.isfinite(value).all()) for value in weights.values())


def test_a_mix_by_budget_has_its_proportions_in_the_log_class_by_class(case: Case) -> None:
    """Counted from what was fed, in every epoch."""
    epochs = [epoch for line in case.read_log("whole") for epoch in line.get("epochs", [])]  # type: ignore[attr-defined]
    assert [epoch["epoch"] for epoch in epochs] == [0, 1]
    for epoch in epochs:
        real, drawn = (np.array(epoch["classes"][name]) for name in ("real", "drawn"))
        both = real + drawn
        assert both.sum() == 2 * NUM_CLASSES + 6
        # As many of each class as the real set has, in proportion: three to two.
        assert np.abs(both - both.sum() * np.repeat([3, 2], NUM_CLASSES // 2) / 105).max() < 1
        assert np.abs(real - both / 2).max() <= 0.5
        assert epoch["images"] == {"real": both.sum() // 2, "drawn": both.sum() // 2}


def test_two_processes_learn_what_one_does(case: Case) -> None:
    """Each has half of every step, and the weights are those of one process up to rounding."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [
        start(
            case, "two", RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2", LOCAL_WORLD_SIZE="2",
            MASTER_ADDR="127.0.0.1", MASTER_PORT=port, ACCELERATE_USE_CPU="true", GLOO_SOCKET_IFNAME="lo",
        )
        for rank in range(2)
    ]  # fmt: skip
    for process in processes:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said.decode()
    alone, together = (load_file(case.folder / out / RUN / "model.safetensors") for out in ("whole", "two"))
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, rtol=1e-3, atol=1e-4)
    assert [line.get("epochs") for line in case.read_log("two")] == [
        line.get("epochs") for line in case.read_log("whole")
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shares_of_all_processes_are_each_step_once(case: Case, count: int) -> None:
    """And each image has the same views on any number of processes."""
    images = make_steps(case)
    whole = images[3]
    shares = [make_steps(case, share=(index, count))[3] for index in range(count)]
    order = np.argsort(np.concatenate([np.arange(index, 6, count) for index in range(count)]))
    assert torch.equal(torch.cat([share.views[0] for share in shares])[order], whole.views[0])
    assert torch.equal(torch.cat([share.outputs for share in shares])[order], whole.outputs)
    expected = images.planned.outputs[list_positions(len(images.planned), 6, 3, seed=0)]
    assert whole.outputs.tolist() == expected.tolist()


def test_steps_are_the_same_however_many_workers_prepare_them(case: Case) -> None:
    """And from any step on."""
    images = make_steps(case)
    first = [batch.views[0] for batch in feed_steps(images, range(2, 7), workers=1, device="cpu")]
    other = [batch.views[0] for batch in feed_steps(images, range(2, 7), workers=3, device="cpu")]
    assert all(torch.equal(one, two) for one, two in zip(first, other, strict=True))
    # As for a GPU, whose workers are processes and are sent the steps.
    assert torch.equal(pickle.loads(pickle.dumps(images))[2].views[0], first[0])


def make_steps(case: Case, share: tuple[int, int] = (0, 1)) -> StepImages:
    """The steps of the trained run."""
    run = list_runs(load_tiny(case.folder, steps=STEPS), mixes=["half"])[0]
    prepared = prepare_run(run, data={}, cache=None)
    context = RecipeContext(
        out=case.folder, data={}, cache=case.folder / "cache", cache_limit=None, device="cpu", workers=1,
        processes=OneProcess(), say=lambda text: None,
    )  # fmt: skip
    recipe = run.recipe
    return StepImages(
        prepared.planned, open_images(context, prepared), recipe.augment, recipe.resolution,
        recipe.batch_size, 0, share,
    )  # fmt: skip


def test_a_trained_folder_is_evaluated_as_it_is(case: Case) -> None:
    """With its classes and its preprocessing, by its path alone."""
    from imagenet_g.benchmark.cli import main

    folder, out = case.folder / "whole" / RUN, case.folder / "results"
    assert main([
        "evaluate", "--model", f"timm:local-dir:{folder}", "--split", f"folder:{case.folder}/pictures/drawn",
        "--reference", f"folder:{case.folder}/pictures/real", "--out", str(out), "--cache",
        str(case.folder / "answers"), "--device", "cpu",
    ]) == 0  # fmt: skip
    (path,) = out.rglob("result.json")
    result = Result.model_validate_json(path.read_bytes())
    assert result.model.num_outputs == NUM_CLASSES
    assert result.model.preprocessing.input_size_px == (32, 32)


def test_the_record_names_both_sources_and_their_images(case: Case) -> None:
    """With their hashes."""
    (stage,) = load_record(case.folder / "whole" / RUN).stages
    parts = stage.data["parts"]
    assert isinstance(parts, list)
    assert [part["images"] for part in parts if isinstance(part, dict)] == [45, 45]
    assert (stage.steps, stage.seed) == (STEPS, 0)


def test_a_finished_run_of_another_recipe_is_not_taken(case: Case) -> None:
    """The record beside the weights would name what they never learnt from."""
    path = case.folder / "other.toml"
    path.write_text(case.recipe.read_text().replace("label_smoothing = 0.1", "label_smoothing = 0.2"))
    words = [str(path) if word == str(case.recipe) else word for word in case.words]
    with pytest.raises(DataError, match=r"recipe\.label_smoothing: 0\.1 became 0\.2"):
        run_command(*words, "--out", str(case.folder / "whole"))


def test_a_batch_that_does_not_divide_is_refused(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mean of means would weigh images of the smaller share more."""
    from imagenet_g.baselines.training.crew import validate_share

    class Four(OneProcess):
        count = 4

    with pytest.raises(InputError, match="batch of 6 images does not divide by 4 processes"):
        validate_share(6, Four())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--source", "reel=mini/real"], "Unknown source 'reel' of 'tiny'"),
        (["--source", "real"], "Malformed --source 'real'"),
        (["--model", "large"], "Unknown model 'large' of 'tiny'"),
    ],
)
def test_a_wrong_choice_is_one_message(case: Case, words: list[str], message: str) -> None:
    """Before anything is read."""
    with pytest.raises(InputError, match=message):
        run_command(*case.words, "--out", str(case.folder / "none"), *words)
