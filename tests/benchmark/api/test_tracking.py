"""`imagenet_g.evaluate(..., track=...)`: the trackers of the command."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_models import make_colour_model, write_toy_folder

import imagenet_g as ig
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.tracking.values import list_values


@pytest.fixture
def toys(tmp_path: Path) -> str:
    """Plain colours as a folder of images."""
    return f"folder:{write_toy_folder(tmp_path / 'toys', [1, 2, 3, 3])}"


def test_a_result_is_tracked_beside_its_file(toys: str, tmp_path: Path) -> None:
    """As `--track` does, and the library reads it back."""
    pytest.importorskip("tensorboard", reason="imagenet-g[tensorboard] is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model, transform = make_colour_model()
    results = ig.evaluate(
        model, transform=transform, name="colours", splits=toys, reference="published", track="tensorboard",
        out=tmp_path / "out", cache=tmp_path, progress=False,
    )  # fmt: skip
    (run,) = (tmp_path / "out" / "tensorboard").iterdir()
    events = EventAccumulator(str(run)).Reload()
    values = list_values(results[0])
    assert {tag: events.Tensors(tag)[0].tensor_proto.float_val[0] for tag in values} == pytest.approx(values)


def test_files_of_a_tracker_need_a_folder(toys: str) -> None:
    """They would go with results that nobody keeps."""
    pytest.importorskip("tensorboard", reason="imagenet-g[tensorboard] is not installed")
    with pytest.raises(InputError, match="name a folder with out="):
        ig.evaluate("timm:resnet50", splits=toys, track="tensorboard")


def test_an_unknown_tracker_is_named_before_anything_runs(toys: str) -> None:
    """With those that there are."""
    with pytest.raises(UnknownNameError, match="Known: tensorboard, trackio, wandb"):
        ig.evaluate("timm:resnet50", splits=toys, track="mlflow")
