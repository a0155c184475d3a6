"""`imagenet_g.evaluate`: the command's results, from Python."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from toy_models import make_colour_model, write_toy_folder

import imagenet_g as ig
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.predictions.result_files import load_result

MODEL = "timm:packaged:mini-resnet-s"
LIMIT = 40
Live = tuple[torch.nn.Module, Callable[[Image.Image], torch.Tensor]]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers are computed once for all tests here."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def results(cache: Path) -> ig.Results:
    """A small model on a few images of the embedded edition, from Python."""
    return ig.evaluate(MODEL, splits="mini/sd-l", limit=LIMIT, cache=cache, progress=False)


@pytest.fixture
def toys(tmp_path: Path) -> str:
    """Plain colours as a folder of images."""
    return f"folder:{write_toy_folder(tmp_path / 'toys', [1, 2, 3, 3])}"


def drop_times(path: Path) -> dict[str, Any]:
    """A result file without when and by which words it was made."""
    result: dict[str, Any] = json.loads(path.read_text())
    del result["environment"]["command"], result["environment"]["created_utc"]
    return result


def test_command_and_call_write_the_same_files(results: ig.Results, cache: Path, tmp_path: Path) -> None:
    """Apart from the time and the words that were typed."""
    words = [
        "evaluate",
        "--model",
        MODEL,
        "--split",
        "mini/sd-l",
        "--limit",
        str(LIMIT),
        "--cache",
        str(cache),
    ]
    assert main([*words, "--out", str(tmp_path / "typed")]) == 0
    results.save(tmp_path / "called")
    typed, called = (
        sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        for name in ("typed", "called")
    )
    assert [path.relative_to(tmp_path / "typed") for path in typed] == [
        path.relative_to(tmp_path / "called") for path in called
    ]
    for one, other in zip(typed, called, strict=True):
        if one.suffix == ".json":
            assert drop_times(one) == drop_times(other)
        else:
            assert one.read_bytes() == other.read_bytes()


def test_out_writes_where_the_command_does(results: ig.Results, cache: Path, tmp_path: Path) -> None:
    """And the results then outlive the object."""
    given = ig.evaluate(MODEL, splits="mini/sd-l", limit=LIMIT, cache=cache, out=tmp_path, progress=False)
    assert [path.parent for path in tmp_path.glob("*/result.json")] == list(given.folders)
    assert load_result(given.folders[0]).entries == results[0].entries


def test_a_frame_has_a_row_for_each_split_with_its_intervals(results: ig.Results) -> None:
    """Numbers are those of the result file."""
    frame = results.to_frame()
    entry = results[0].entries[-1]
    row = frame.iloc[-1]
    assert list(frame["split"]) == [one.split.ref for one in results[0].entries]
    top1 = entry.scores[0].top1
    assert (row["top1"], row["top1_low"], row["top1_high"]) == (top1.value, top1.low, top1.high)
    assert (row["gap"], row["gap_low"], row["gap_high"]) == (
        entry.gaps[0].value, entry.gaps[0].low, entry.gaps[0].high,
    )  # fmt: skip
    assert frame["er"].dtype == np.float64


def test_tables_by_class_are_those_of_show(results: ig.Results, tmp_path: Path) -> None:
    """Same columns and numbers as the CSV files, behind model and split."""
    assert main(["show", str(results.folders[0]), "--split", "mini/sd-l", "--csv", str(tmp_path)]) == 0
    for kind, frame in (
        ("classes", results.per_class("mini/sd-l")),
        ("confusions", results.confusions("mini/sd-l")),
    ):
        written = next(tmp_path.glob(f"*.{kind}.csv")).read_text().splitlines()
        assert list(frame.columns[2:]) == written[0].split(",")
        assert len(frame) == len(written) - 1


def test_html_escapes_names_and_holds_the_notes(results: ig.Results) -> None:
    """A notebook shows what the terminal's report says below its table."""
    html = results._repr_html_()
    assert MODEL in html
    assert "Partial: only 40 images" in html


def test_a_module_in_place_of_a_name_gives_what_its_factory_gives(toys: str, tmp_path: Path) -> None:
    """Same answers as the command with `python:module:factory`."""
    module, transform = make_colour_model()
    live = ig.evaluate(
        module, transform=transform, splits=toys, reference="published", cache=tmp_path, progress=False
    )
    named = ig.evaluate(
        "python:toy_models:make_colour_model",
        splits=toys,
        reference="published",
        cache=tmp_path,
        progress=False,
    )
    assert live[0].entries[0].scores == named[0].entries[0].scores
    assert live[0].model.weights_sha256 == named[0].model.weights_sha256
    assert live[0].model.spec == f"python:live:{type(module).__name__}"


def test_a_module_stays_as_it_was(toys: str, tmp_path: Path) -> None:
    """Training goes on behind an evaluation."""
    module, transform = make_colour_model()
    module.train()
    ig.evaluate(
        module, transform=transform, splits=toys, reference="published", cache=tmp_path, progress=False
    )
    assert module.training


def test_a_function_from_a_batch_to_logits_is_a_model(toys: str, tmp_path: Path) -> None:
    """Its logits may be an array; another function of the same name is run anew."""
    module, transform = make_colour_model()

    def answer(batch: torch.Tensor) -> object:
        with torch.no_grad():
            return module(batch).numpy()

    def err(batch: torch.Tensor) -> object:
        return -module(batch).detach()

    given: dict[str, Any] = {
        "transform": transform,
        "splits": toys,
        "reference": "published",
        "cache": tmp_path,
        "progress": False,
    }
    right = ig.evaluate(answer, name="mine", **given)
    wrong = ig.evaluate(err, name="mine", **given)
    assert right[0].entries[0].scores[0].top1.value == 1
    assert wrong[0].entries[0].scores[0].top1.value == 0
    assert right[0].model.spec == "python:live:mine"


TYPED = """
class Typed(torch.nn.Module):
    def forward(self, images):
        return torch.nn.functional.one_hot(torch.full((len(images),), ANSWER), 1000).float()
"""


def type_model(answer: int) -> torch.nn.Module:
    """A model whose class no file holds, as a cell of a notebook makes it."""
    names: dict[str, Any] = {"torch": torch, "__name__": "typed"}
    exec(TYPED.replace("ANSWER", str(answer)), names)
    made: torch.nn.Module = names["Typed"]()
    return made


def test_code_that_is_typed_anew_is_run_anew(toys: str, tmp_path: Path) -> None:
    """No file shows that a cell was edited; what is kept could be of the cell before."""
    given: dict[str, Any] = {"splits": toys, "reference": "published", "cache": tmp_path, "progress": False}
    ig.evaluate(type_model(3), transform=make_colour_model()[1], **given)
    assert not list(tmp_path.glob("predictions/*"))


def test_answers_of_code_in_files_are_kept(toys: str, tmp_path: Path) -> None:
    """They are found again, as those of a factory are."""
    module, transform = make_colour_model()
    given: dict[str, Any] = {"splits": toys, "reference": "published", "cache": tmp_path, "progress": False}
    ig.evaluate(module, transform=transform, **given)
    assert len(list(tmp_path.glob("predictions/*"))) == 1


def test_the_call_is_recorded_and_not_the_command_line_of_the_notebook(results: ig.Results) -> None:
    """A kernel is started with a file of its own, which says nothing."""
    assert results[0].environment.command == f"imagenet_g.evaluate('{MODEL}', splits=['mini/sd-l'])"


def test_results_load_again_and_add_up(results: ig.Results, tmp_path: Path) -> None:
    """Saved results are the same data."""
    (path,) = results.save(tmp_path)
    loaded = ig.Results.load(path)
    assert loaded[0] == results[0]
    assert len(loaded + results) == 2


@pytest.mark.parametrize(
    ("words", "call"),
    [
        (["--split", "mini/sd-k"], {"splits": "mini/sd-k"}),
        (["--baseline", "testbet"], {"baseline": "testbet"}),
        (["--data", "imagenet-val=/no/such"], {"data": {"imagenet-val": "/no/such"}}),
        (["--backend", "openvino", "--compile"], {"backend": "openvino", "compile": True}),
        (["--checkpoint-key", "ema"], {"checkpoint_key": "ema"}),
    ],
    ids=lambda value: "",
)
def test_a_mistake_has_the_message_of_the_command(
    words: list[str], call: dict[str, Any], capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    """One of our errors, word for word."""
    assert main(["evaluate", "--model", MODEL, "--cache", str(cache), *words]) == 2
    typed = capsys.readouterr().err.strip().removeprefix("imagenet-g: ")
    with pytest.raises(ig.ImagenetGError) as caught:
        ig.evaluate(MODEL, cache=cache, progress=False, **call)
    assert " ".join(str(caught.value).split()) == " ".join(typed.split())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"split": "mini/sd-l"}, "Unknown option 'split'. Did you mean 'splits'"),
        ({"limit": 0}, "argument --limit: '0' is not a whole number of at least 1."),
        ({"dtype": "float64"}, "Unknown dtype 'float64'."),
        ({"transform": abs}, "transform and name go with a model of this process"),
        ({"data": "imagenet-val=/data/val"}, "data takes a mapping from names to folders"),
        ({"splits": 3}, "splits takes a name or a list of names, not 3"),
        ({"out": 3}, "out takes a path, not 3"),
        ({"reference": 3}, "argument --reference: 3 is no text"),
        ({"cpus_per_actor": "two"}, "argument --cpus-per-actor: 'two' is no number above 0"),
    ],
)
def test_a_mistake_of_the_call_alone_is_an_input_error(call: dict[str, Any], message: str) -> None:
    """What argparse refuses on the command line."""
    with pytest.raises(InputError, match=message):
        ig.evaluate(MODEL, **call)


def test_a_class_in_place_of_a_model_is_refused() -> None:
    """A number is no model, and lists of modules are none either."""
    with pytest.raises(InputError, match="not int"):
        ig.evaluate(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one at a time"):
        ig.evaluate([torch.nn.Identity()])  # type: ignore[list-item]


def test_a_function_with_a_wrong_head_says_so(toys: str) -> None:
    """The number of outputs, and what to do."""
    with pytest.raises(ModelError, match="has 7 outputs"):
        ig.evaluate(lambda batch: torch.zeros(len(batch), 7), name="seven", splits=toys, progress=False)


def test_a_live_model_is_not_run_by_its_name() -> None:
    """What its result calls it stands for no code."""
    with pytest.raises(InputError, match="was a model of a running process"):
        ig.evaluate("python:live:mine", splits="mini/sd-l", progress=False)


def test_a_split_that_no_result_has_is_named() -> None:
    """Of a frame by class."""
    with pytest.raises(UnknownNameError, match="Unknown split 'mini/x'"):
        ig.Results((), ()).per_class("mini/x")


def test_importing_the_package_imports_nothing_heavy() -> None:
    """Names only: even numpy waits until a name is used."""
    names = ("torch", "numpy", "pandas", "pydantic")
    code = f"import sys, imagenet_g; print([name for name in {names} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_every_name_of_the_package_is_there() -> None:
    """And a wrong one is an AttributeError, as of any module."""
    assert all(getattr(ig, name) is not None for name in ig.__all__)
    assert set(ig.__all__) <= set(dir(ig))
    with pytest.raises(AttributeError, match="no attribute 'evaluat'"):
        _ = ig.evaluat


def test_results_that_are_joined_keep_their_files(results: ig.Results, toys: str) -> None:
    """The folder of a result that nobody names any more goes with the last that refers to it."""
    module, transform = make_colour_model()
    joined = results + ig.evaluate(
        module, transform=transform, splits=toys, reference="published", progress=False
    )
    gc.collect()
    assert len(joined.per_class(toys)) == 3
    folder = joined.folders[1]
    del joined
    gc.collect()
    assert not folder.exists()


def test_a_folder_of_results_loads_as_it_was_saved(results: ig.Results, tmp_path: Path) -> None:
    """One folder a model; a slice of results is results."""
    results[:1].save(tmp_path)
    assert ig.Results.load(tmp_path)[0] == results[0]
    assert len((results + results)[:1]) == 1


def test_predictions_are_those_of_the_split(results: ig.Results) -> None:
    """One row an image, right as often as the result says."""
    frame = results.predictions("mini/sd-l")
    entry = next(entry for entry in results[0].entries if entry.split.ref == "mini/sd-l")
    assert len(frame) == LIMIT
    assert frame["right"].mean() == pytest.approx(entry.scores[0].top1.value)


def test_a_baseline_that_no_result_has_is_named(results: ig.Results) -> None:
    """In place of columns that hold nothing."""
    with pytest.raises(UnknownNameError, match="Unknown baseline 'testbed'"):
        results.to_frame(baseline="testbed")
    with pytest.raises(UnknownNameError, match="Unknown link 'cauchit'"):
        results.to_frame(link="cauchit")


def test_results_of_one_model_on_several_splits_are_saved_as_one(toys: str, tmp_path: Path) -> None:
    """As they are where the command runs twice; none replaces another."""
    module, transform = make_colour_model()
    other = f"folder:{write_toy_folder(tmp_path / 'others', [4, 5])}"
    given: dict[str, Any] = {"transform": transform, "reference": "published", "progress": False}
    both = ig.evaluate(module, splits=toys, **given) + ig.evaluate(module, splits=other, **given)
    (path,) = both.save(tmp_path / "saved")
    assert [entry.split.ref for entry in load_result(path).entries] == [toys, other]
    assert len(ig.Results.load(path).predictions()) == 6


def test_a_model_that_was_trained_on_is_saved_beside_its_earlier_self(toys: str, tmp_path: Path) -> None:
    """It has the same name, and other weights."""
    given: dict[str, Any] = {"splits": toys, "reference": "published", "progress": False, "name": "mine"}
    for width in (1, 2):
        layers = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(width), torch.nn.Flatten())
        model = torch.nn.Sequential(layers, torch.nn.Linear(3 * width**2, 1000))
        ig.evaluate(model, out=tmp_path / "results", **given)
    assert len(list((tmp_path / "results").glob("*/result.json"))) == 2
    assert len(ig.Results.load(tmp_path / "results")) == 2


class FewOutputs(torch.nn.Module):
    """The colour model with the outputs of three classes, in another order."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """`(N, 3)` logits."""
        logits: torch.Tensor = make_colour_model()[0](images)
        return logits[:, [3, 1, 2]]


def test_a_head_of_few_classes_takes_their_wnids_as_a_list(toys: str, tmp_path: Path) -> None:
    """As a file of them, of which the result has the same hash."""
    wnids = ["n01491361", "n01443537", "n01484850"]
    path = tmp_path / "classes.txt"
    path.write_text("\n".join(wnids))
    given: dict[str, Any] = {
        "transform": make_colour_model()[1],
        "splits": toys,
        "reference": "published",
        "progress": False,
    }
    listed = ig.evaluate(FewOutputs(), class_map=wnids, **given)
    filed = ig.evaluate(FewOutputs(), class_map=path, **given)
    assert listed[0].entries[0].scores[0].top1.value == 1
    assert listed[0].model == filed[0].model
    assert ig.rerun(
        listed, model=FewOutputs(), transform=given["transform"], class_map=wnids, progress=False
    ).same
    with pytest.raises(InputError, match="class_map takes a file, or a list of texts"):
        ig.evaluate(FewOutputs(), class_map=[3, 1, 2], **given)  # type: ignore[list-item]


class Answer:
    """As models of transformers give it: the logits, and more."""

    def __init__(self, logits: torch.Tensor) -> None:
        self.logits = logits


class AnsweringModel(torch.nn.Module):
    """A model that gives an object."""

    def forward(self, images: torch.Tensor) -> Answer:
        """An answer that holds the logits."""
        return Answer(torch.zeros(len(images), 1000))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore:`torch.jit:DeprecationWarning")
def test_models_that_give_no_logits_are_told_what_to_do(toys: str) -> None:
    """An object that holds them, and a scripted module."""
    with pytest.raises(
        ModelError, match=r"gives Answer for one image; .* Wrap the model so that it gives its"
    ):
        ig.evaluate(AnsweringModel(), splits=toys, progress=False)
    scripted = torch.jit.trace(torch.nn.Flatten(), torch.zeros(1, 3, 4, 4))  # type: ignore[no-untyped-call]
    with pytest.raises(ModelError, match=r"is scripted, .* give a function in its place"):
        ig.evaluate(scripted, splits=toys, progress=False)
