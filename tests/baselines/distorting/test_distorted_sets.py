"""Distorted sets: stopped and resumed, and made by the command from small networks trained here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from noisy_models import run_command
from PIL import Image
from recipe_cases import NUM_CLASSES, write_pictures

from imagenet_g.baselines.distorting.fitting import fit_network, make_network, write_network
from imagenet_g.baselines.distorting.sets import CHANGED, plan_distortions
from imagenet_g.benchmark.errors import DataError, InputError, ModelError


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of each class."""
    folder = tmp_path_factory.mktemp("pictures") / "real"
    return write_pictures(folder, per_class=[1] * NUM_CLASSES, seed=0, side=24)


def list_words(pictures: Path, out: Path, weights: Path) -> list[str]:
    """The command."""
    return [
        "baselines", "distort", f"folder:{pictures}", "--network", "edsr", "--weights", str(weights), "--out",
        str(out), "--short", "6", "--fit", "2", "--width", "4", "--device", "cpu", "--threads", "1",
        "--cache", str(out.parent / "cache"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def made(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set that was not stopped; its weights lie beside it."""
    folder = tmp_path_factory.mktemp("distorted")
    write_network(make_network("edsr", width=4, seed=0), folder / "edsr.safetensors")
    assert run_command(*list_words(pictures, folder / "set", folder / "edsr.safetensors")) == 0
    return folder


def read_set(folder: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_command_makes_an_image_of_each_image(made: Path) -> None:
    """In the folder of its class, enlarged by the network, with a record of what made it."""
    found = read_set(made / "set")
    assert len(found) == NUM_CLASSES + 1
    with Image.open(next((made / "set").glob("n*/*.jpg"))) as image:
        assert image.height == 4 * 6
    record = json.loads(found["distorting.json"])
    assert (record["network"], record["images"], record["short_px"]) == ("edsr", NUM_CLASSES, 6)


def test_a_set_that_lost_files_is_completed_with_the_same_bytes(made: Path, pictures: Path) -> None:
    """Whatever is missing, in any part of the order."""
    whole = read_set(made / "set")
    images = sorted((made / "set").glob("n*/*.jpg"))
    for path in images[::3]:
        path.unlink()
    assert run_command(*list_words(pictures, made / "set", made / "edsr.safetensors")) == 0
    assert read_set(made / "set") == whole


def test_another_seed_does_not_go_into_the_same_set(made: Path, pictures: Path) -> None:
    """Half of it would be another set."""
    words = [*list_words(pictures, made / "set", made / "edsr.safetensors"), "--seed", "1"]
    with pytest.raises(DataError, match=r"other settings \(seed\)"):
        run_command(*words)


def test_weights_that_are_not_there_are_one_message(made: Path, pictures: Path) -> None:
    """It says where some are, and how to train a small network."""
    words = list_words(pictures, made / "none", made / "none.pt")
    words = words[: words.index("--fit")] + words[words.index("--width") :]
    with pytest.raises(InputError, match="--fit 500"):
        run_command(*words)
    assert not (made / "none").exists()


def test_a_network_that_did_not_learn_makes_no_set(made: Path, pictures: Path) -> None:
    """After two steps; its weights are not kept, or the next call would take them."""
    with pytest.raises(ModelError, match="did not learn"):
        run_command(*list_words(pictures, made / "none", made / "none.safetensors"))
    assert not (made / "none").exists()
    assert not (made / "none.safetensors").exists()


def test_one_image_in_twenty_gets_new_weights_and_none_is_left_out() -> None:
    """In an order that is not the split's own."""
    planned = plan_distortions(range(4000), seed=0)
    assert sorted(image.row for image in planned) == list(range(4000))
    assert [image.row for image in planned] != list(range(4000))
    numbers = np.array([image.weights for image in planned])
    assert set(np.diff(numbers).tolist()) == {0, 1}
    assert 0.8 * CHANGED < numbers[-1] / 4000 < 1.2 * CHANGED
    assert plan_distortions(range(4000), seed=0) == planned


@pytest.mark.parametrize(("name", "short_px"), [("edsr", 4), ("cae", 16)])
def test_a_small_network_learns_to_restore_images(name: str, short_px: int) -> None:
    """Its error on plain colours falls below that of an untrained one, which its first step has."""
    rng = np.random.default_rng(0)
    images = [Image.new("RGB", (16, 16), tuple(rng.integers(0, 256, 3).tolist())) for _ in range(8)]
    errors = [
        fit_network(
            make_network(name, width=8, seed=0), images, short_px=short_px, steps=steps, seed=0,
            device="cpu", say=lambda _: None,
        )
        for steps in (1, 40)
    ]  # fmt: skip
    assert errors[1] < 0.8 * errors[0]


def test_a_network_is_trained_to_the_same_bits_again() -> None:
    """By its seed."""
    image = Image.new("RGB", (8, 8), (10, 200, 90))
    states = []
    for _ in range(2):
        module = make_network("edsr", width=4, seed=3)
        fit_network(module, [image], short_px=2, steps=2, seed=3, device="cpu", say=lambda _: None)
        states.append(module.state_dict())
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--seed", "-1"], "'-1' is not a whole number from 0"),
        (["--short", "9999"], "'9999' is not a whole number from 4 to 1024"),
        (["--width", "6"], "'6' is no multiple of 4"),
    ],
)
def test_a_number_that_cannot_be_is_refused_before_anything_is_read(
    made: Path, pictures: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is allowed."""
    with pytest.raises(SystemExit) as left:
        run_command(*list_words(pictures, made / "none", made / "none.pt"), *words)
    assert left.value.code == 2
    assert message in capsys.readouterr().err
