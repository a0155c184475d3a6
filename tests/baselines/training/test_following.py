"""A run's log as numbers for a tracker, and as a figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from imagenet_g.baselines.training.figures import draw_loss, read_log
from imagenet_g.baselines.training.following import list_numbers
from imagenet_g.benchmark.tracking import following
from imagenet_g.benchmark.tracking.trackers import open_tracker
from imagenet_g.benchmark.training.loop import LOG

LINES: list[dict[str, object]] = [
    {
        "step": step,
        "loss": 4 / step,
        "right": 0.1,
        "learning_rate": 0.5,
        "epochs_done": step / 2,
        "epochs": [],
    }
    for step in (1, 2, 3)
]


def test_tensorboard_reads_what_was_followed(tmp_path: Path) -> None:
    """Every number by its step."""
    pytest.importorskip("tensorboard", reason="imagenet-g[tensorboard] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    said: list[str] = []
    tracker = open_tracker("tensorboard")
    with following.follow_run(tracker, "tiny/run", {"seed": 1}, tmp_path, say=said.append) as log:
        for line in LINES:
            log(list_numbers(line), int(str(line["step"])))  # type: ignore[arg-type]
    (folder,) = (tmp_path / "tensorboard").iterdir()
    events = EventAccumulator(str(folder)).Reload().Tensors("loss")
    assert [(event.step, event.tensor_proto.float_val[0]) for event in events] == [
        (step, pytest.approx(4 / step)) for step in (1, 2, 3)
    ]
    assert said == []


def test_a_tracker_that_fails_is_noted_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on."""

    def fail(name: str, facts: Mapping[str, object], out: Path) -> None:
        raise OSError("no server")

    monkeypatch.setitem(following._OPENERS, "tensorboard", fail)
    said: list[str] = []
    with following.follow_run(open_tracker("tensorboard"), "run", {}, tmp_path, say=said.append) as log:
        log({"loss": 1.0}, 1)
        log({"loss": 1.0}, 2)
    assert said == ["note: --track tensorboard failed (OSError: no server); the log is whole."]


def test_a_log_that_was_cut_is_drawn_up_to_its_last_whole_line(tmp_path: Path) -> None:
    """A kill may come while a line is written."""
    pytest.importorskip("matplotlib", reason="imagenet-g[plots] is not installed")
    text = "".join(json.dumps(line) + "\n" for line in LINES) + '{"step": 4, "lo'
    (tmp_path / LOG).write_text(text, encoding="utf-8")
    assert [line["step"] for line in read_log(tmp_path)] == [1, 2, 3]
    path = draw_loss(tmp_path, "tiny: run")
    assert path is not None
    with Image.open(path) as image:
        # White paper, and ink on it.
        assert image.size == (1080, 750)
        assert len(set(image.convert("L").tobytes())) > 20
