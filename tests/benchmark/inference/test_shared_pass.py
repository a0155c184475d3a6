"""Several models in one pass: the images shared, everything else each model's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from toy_models import ColourModel, make_toy_classifier, make_toy_split, write_toy_folder

from imagenet_g.benchmark.backends.settings import InferenceSettings
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.formats.runs import RunRecord
from imagenet_g.benchmark.inference.part_store import PartStore
from imagenet_g.benchmark.inference.passes import run_pass
from imagenet_g.benchmark.inference.running_model import InferenceOutcome, InferenceTask
from imagenet_g.benchmark.models.classifiers import Classifier
from imagenet_g.benchmark.predictions.predictions import Predictions, load_predictions, make_table
from imagenet_g.benchmark.splits.splits import Split

CLASSES = [(7 * row) % 500 for row in range(600)]
RUN_FACTS = {"seconds", "warm_up_seconds", "images_per_second", "started_utc", "shared_with"}


def make_task(parts: Path, *, batch_size: int = 16, classifier: Classifier | None = None) -> InferenceTask:
    """A toy model's share of a pass."""
    return InferenceTask(
        classifier=classifier or make_toy_classifier()[0],
        class_sets={},
        settings=InferenceSettings(device="cpu", dtype="float32", batch_size=batch_size, workers=2),
        parts=PartStore(parts),
    )


def run_tasks(split: Split, *tasks: InferenceTask) -> list[Predictions]:
    """Predictions of all, none of which fails."""
    outcomes = run_pass(tasks, split, range(len(split.rows)), on_progress=lambda done, total: None)
    assert all(isinstance(outcome, InferenceOutcome) for outcome in outcomes)
    return [outcome.predictions for outcome in outcomes if isinstance(outcome, InferenceOutcome)]


def replace_module(classifier: Classifier, module: torch.nn.Module) -> Classifier:
    """The classifier around another module."""
    object.__setattr__(classifier, "module", module.eval())
    return classifier


def count_reads(split: Split) -> int:
    """How many images were read."""
    number: int = split.reader.num_read  # type: ignore[attr-defined]
    return number


def test_three_models_read_each_image_once(tmp_path: Path) -> None:
    """Whatever their batch sizes are."""
    split = make_toy_split(CLASSES)
    tasks = [make_task(tmp_path / str(size), batch_size=size) for size in (4, 16, 48)]
    found = run_tasks(split, *tasks)
    assert count_reads(split) == 600
    assert [one.top5.indices[:, 0].tolist() for one in found] == [CLASSES] * 3


def test_each_model_has_the_batches_that_it_has_alone(tmp_path: Path) -> None:
    """A size that divides no other one too."""
    models = [make_toy_classifier() for _ in range(3)]
    sizes = (6, 16, 64)
    tasks = [
        make_task(tmp_path / str(size), batch_size=size, classifier=classifier)
        for size, (classifier, _) in zip(sizes, models, strict=True)
    ]
    run_tasks(make_toy_split(CLASSES[:100]), *tasks)
    for size, (_, model) in zip(sizes, models, strict=True):
        alone, alone_model = make_toy_classifier()
        task = make_task(tmp_path / f"alone-{size}", batch_size=size, classifier=alone)
        run_tasks(make_toy_split(CLASSES[:100]), task)
        assert model.batch_sizes == alone_model.batch_sizes


def test_models_interrupted_at_different_rows_each_go_on_where_they_stopped(tmp_path: Path) -> None:
    """No row is answered twice, and the first model's missing rows are read once for all."""
    split = make_toy_split(CLASSES)
    whole = run_tasks(split, *(make_task(tmp_path / name) for name in "abc"))
    for name, kept in zip("abc", (0, 1, 2), strict=True):
        for path in sorted((tmp_path / name).glob("*.parquet"))[kept:]:
            path.unlink()
    split = make_toy_split(CLASSES)
    models = [make_toy_classifier() for _ in range(3)]
    tasks = [make_task(tmp_path / n, classifier=c) for n, (c, _) in zip("abc", models, strict=True)]
    resumed = run_tasks(split, *tasks)
    assert count_reads(split) == 600
    # The check of the first batch adds four images.
    assert [sum(model.batch_sizes) - 5 for _, model in models] == [600, 600 - 256, 600 - 512]
    assert [make_table(one) for one in resumed] == [make_table(one) for one in whole]


def test_a_model_that_fails_drops_out_and_the_others_go_on(tmp_path: Path) -> None:
    """In the middle of the pass, with its own message."""

    class Failing(ColourModel):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            if len(self.batch_sizes) == 20:
                raise ValueError("no such layer")
            return super().forward(images)

    split = make_toy_split(CLASSES)
    failing = replace_module(make_toy_classifier()[0], Failing())
    tasks = [make_task(tmp_path / "a", classifier=failing), make_task(tmp_path / "b")]
    lost, found = run_pass(tasks, split, range(600), on_progress=lambda done, total: None)
    assert isinstance(lost, ModelError)
    assert "no such layer" in str(lost)
    assert isinstance(found, InferenceOutcome)
    assert found.predictions.top5.indices[:, 0].tolist() == CLASSES
    assert count_reads(split) == 600


def test_an_image_that_one_model_cannot_prepare_fails_that_model_alone(tmp_path: Path) -> None:
    """Its transform may be the user's own."""
    classifier = make_toy_classifier()[0]

    def refuse_red(image: Image.Image) -> torch.Tensor:
        if image.getpixel((0, 0)) == (255, 45, 0):
            raise ValueError("too red")
        return classifier.transform(image)

    picky = make_toy_classifier()[0]
    object.__setattr__(picky, "transform", refuse_red)
    tasks = [make_task(tmp_path / "a", classifier=picky), make_task(tmp_path / "b", classifier=classifier)]
    split = make_toy_split([*CLASSES[:40], 300, *CLASSES[:40]])
    lost, found = run_pass(tasks, split, range(81), on_progress=lambda done, total: None)
    assert isinstance(lost, ModelError)
    assert "image 'image-40'" in str(lost)
    assert isinstance(found, InferenceOutcome)
    assert found.predictions.scored.all()


def test_models_of_other_input_sizes_share_the_decoded_image(tmp_path: Path) -> None:
    """Each gets what its own transform makes of it."""

    class Mean(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1).mean(1, keepdim=True) * torch.arange(1000.0)[None]

    def make(size: int) -> Classifier:
        classifier = replace_module(make_toy_classifier()[0], Mean())
        plain = classifier.transform
        object.__setattr__(classifier, "transform", lambda image: plain(image.resize((size, size + 1))))
        return classifier

    split = make_toy_split(CLASSES[:50], broken=(3, 49))
    together = run_tasks(split, *(make_task(tmp_path / f"{n}", classifier=make(n)) for n in (5, 9)))
    assert count_reads(split) == 50
    for size, found in zip((5, 9), together, strict=True):
        (alone,) = run_tasks(split, make_task(tmp_path / f"alone-{size}", classifier=make(size)))
        assert make_table(found) == make_table(alone)


def test_a_transform_that_changes_the_image_in_place_changes_it_for_no_other(tmp_path: Path) -> None:
    """Joined transforms get the same pixels."""
    first, second = make_toy_classifier()[0], make_toy_classifier()[0]
    plain = first.transform

    def paint(image: Image.Image) -> torch.Tensor:
        image.paste((0, 0, 0), (0, 0, 4, 4))
        return plain(image)

    object.__setattr__(first, "transform", paint)
    tasks = [make_task(tmp_path / "a", classifier=first), make_task(tmp_path / "b", classifier=second)]
    found = run_tasks(make_toy_split(CLASSES[:20]), *tasks)
    assert found[1].top5.indices[:, 0].tolist() == CLASSES[:20]


def evaluate(home: Path, folders: list[Path], *models: str) -> None:
    """Run the command, with a cache of its own."""
    words = [word for model in models for word in ("--model", model)]
    words += ["--split", f"folder:{folders[0]}", "--reference", f"folder:{folders[1]}"]
    assert main(["evaluate", *words, "--out", str(home / "out"), "--cache", str(home / "cache")]) == 0


def blank_run(run: RunRecord) -> dict[str, object]:
    """All of a run that the time of day and the company do not decide."""
    return {name: value for name, value in run.model_dump().items() if name not in RUN_FACTS}


def test_together_they_write_what_separate_commands_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Predictions bit by bit, records but for run times, for models of three transforms."""
    names = ["resnet", "plain", "mini"]
    (tmp_path / "trio.py").write_text(
        "import torch, timm\nfrom torchvision.transforms import v2\n"
        "def make(seed, size):\n    torch.manual_seed(seed)\n"
        "    net = timm.create_model('test_resnet', num_classes=1000).eval()\n"
        "    steps = [v2.Resize((size, size)), v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)]\n"
        "    return net, v2.Compose(steps)\n"
        "def resnet():\n    return make(0, 32)\ndef plain():\n    return make(1, 32)\n"
        "def mini():\n    return make(2, 48)\n"
    )
    monkeypatch.chdir(tmp_path)
    sys.modules.pop("trio", None)
    folders = [write_toy_folder(tmp_path / "images", [n % 40 for n in range(60)])]
    folders.append(write_toy_folder(tmp_path / "clean", [n % 40 for n in range(45)]))
    models = [f"python:trio:{name}" for name in names]
    evaluate(tmp_path / "together", folders, *models)
    for model in models:
        evaluate(tmp_path / "apart", folders, model)
    files = sorted((tmp_path / "apart" / "out").glob("*/predictions/*.parquet"))
    assert len(files) == 6
    for path in files:
        alone, meta = load_predictions(path)
        shared, shared_meta = load_predictions(tmp_path / "together" / path.relative_to(tmp_path / "apart"))
        assert make_table(shared) == make_table(alone)
        assert (shared_meta.run.shared_with, meta.run.shared_with) == (2, None)
        assert blank_run(shared_meta.run) == blank_run(meta.run)
        assert shared_meta.model_copy(update={"run": meta.run}) == meta
