"""`imagenet-g probe`, from files to a result, under a tiny CLIP of open_clip's real class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from tiny_clip import build_tiny_clip
from torchvision.transforms import InterpolationMode

from imagenet_g.baselines.probing.fetching import fetch_probe_set
from imagenet_g.baselines.probing.records import ProbeResult
from imagenet_g.baselines.probing.specs import load_probe_set
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.distances.encoders import RawEncoder, load_raw_encoder
from imagenet_g.benchmark.errors import FetchError, InputError

SPEC = """
schema_version = 1
name = "colours"
title = "Three colours"
source = "this test"
get = "It is written by the test."
num_classes = 3
sizes = { train = 18, test = 12 }

[[places]]
needs = ["train.txt", "test.txt"]

[places.layout]
kind = "lists"
line = '(?P<label>[^/]+)/(?P<id>.+)'
image = "images/{label}/{id}.png"
parts = { train = "train.txt", test = "test.txt" }
"""
COLOURS = {"blue": (30, 30, 220), "green": (30, 220, 30), "red": (220, 30, 30)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CLIP with random weights."""
    return f"open_clip:local-dir:{build_tiny_clip(tmp_path_factory.mktemp('clips') / 'one')}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, each with noise about its colour; one test image is also learnt from, one is broken."""
    root, rng = tmp_path_factory.mktemp("set"), np.random.default_rng(0)
    (root / "colours.toml").write_text(SPEC)
    for part, count in (("train", 6), ("test", 4)):
        lines = [f"{name}/{part}-{number}" for name in COLOURS for number in range(count)]
        (root / f"{part}.txt").write_text("\n".join(lines) + "\n")
        for line in lines:
            path = root / "images" / f"{line}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            colour = np.array(COLOURS[line.partition("/")[0]])
            pixels = np.clip(colour + rng.normal(0, 90, (24, 20, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path)
    images = root / "images"
    (images / "red" / "test-0.png").write_bytes((images / "red" / "train-0.png").read_bytes())
    (images / "blue" / "test-1.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return root


def probe(model: str, place: Path, out: Path, *words: str) -> int:
    """The command on the three colours."""
    named = [str(place / "colours.toml"), "--data", f"colours={place}", "--model", model, "--device", "cpu"]
    return main(
        ["probe", *named, "--cache", str(place / "cache"), "--out", str(out), "--trials", "3", *words]
    )


def load_only(out: Path) -> ProbeResult:
    """The only result under a folder."""
    (path,) = out.glob("*/probe.json")
    return ProbeResult.model_validate_json(path.read_bytes())


@pytest.fixture(scope="module")
def out(model: str, place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run of two seeds wrote."""
    out = tmp_path_factory.mktemp("out")
    assert probe(model, place, out, "--seeds", "2") == 0
    return out


def test_answers_are_those_of_a_hand_made_pipeline(out: Path, model: str, place: Path) -> None:
    """Features of the encoder on images resized as printed, then scikit-learn with the C that was chosen."""
    from torchvision.transforms import CenterCrop, Compose, Normalize, Resize, ToTensor

    encoder = load_raw_encoder(model)
    old = encoder.record.preprocessing
    side = old.input_size_px[0]
    resize = Resize(side, interpolation=InterpolationMode.BICUBIC)
    transform = Compose([resize, CenterCrop(side), ToTensor(), Normalize(old.mean, old.std)])

    def encode(part: str) -> tuple[np.ndarray, np.ndarray]:
        lines = (place / f"{part}.txt").read_text().splitlines()
        kept = [line for line in lines if line != "blue/test-1"]
        images = [Image.open(place / "images" / f"{line}.png").convert("RGB") for line in kept]
        features = encoder.encode_tensors(torch.stack([transform(image) for image in images]))
        labels = [sorted(COLOURS).index(line.partition("/")[0]) for line in kept]
        return features.double().numpy(), np.array(labels)

    entry = load_only(out).entries[0]
    learnt, asked = encode("train"), encode("test")
    for seed in entry.seeds:
        peer = LogisticRegression(C=seed.chosen["C"], max_iter=2000).fit(*learnt)
        right = (peer.predict(asked[0]) == asked[1]).sum()
        # The broken image counts as wrong.
        assert seed.top1 == pytest.approx(right / 12)


def test_the_result_says_what_is_wrong_with_the_set(out: Path) -> None:
    """A shared image and one without features."""
    entry = load_only(out).entries[0]
    assert (entry.num_shared, entry.num_without_features) == (1, 1)
    assert entry.top1_without_shared is not None
    assert any("byte for byte" in text for text in entry.warnings)
    assert any("have no features" in text for text in entry.warnings)


def test_every_number_follows_from_the_stored_answers_and_a_changed_one_is_found(
    out: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """`--check` computes them again."""
    import shutil

    copy = shutil.copytree(out, tmp_path / "copy")
    assert main(["probe", "--check", "--out", str(copy)]) == 0
    (path,) = copy.glob("*/probe.json")
    content = json.loads(path.read_text())
    content["entries"][0]["mean_per_class"] = 0.123
    path.write_text(json.dumps(content))
    assert main(["probe", "--check", "--out", str(copy)]) == 2
    assert "mean_per_class of 'colours' does not follow" in capsys.readouterr().err


def test_the_same_command_again_computes_nothing(
    out: Path, model: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a feature nor a fit."""
    before = load_only(out)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("imagenet_g.baselines.probing.seeds.fit_probe", refuse)
    monkeypatch.setattr("imagenet_g.baselines.probing.run.probe_set", refuse)
    assert probe(model, place, out, "--seeds", "2") == 0
    assert load_only(out) == before


def test_other_weights_in_the_same_folder_are_refused(
    out: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str
) -> None:
    """Their probes would stand beside those of the first."""
    other = build_tiny_clip(tmp_path / Path(model.removeprefix("open_clip:local-dir:")).name, seed=9)
    assert probe(f"open_clip:local-dir:{other}", place, out, "--seeds", "2") == 2
    assert "other weights" in capsys.readouterr().err


def test_a_dry_run_computes_and_writes_nothing(
    model: str,
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It says how much there is to do."""
    monkeypatch.setattr(RawEncoder, "encode_tensors", None)
    assert probe(model, place, tmp_path / "new", "--dry-run", "--seeds", "2") == 0
    printed = capsys.readouterr().out
    assert "8 fits by lbfgs: 2 times 3 trials and the last one" in printed
    assert "18 images are learnt from, 12 tested" in printed
    assert not (tmp_path / "new").exists()


def test_without_a_set_the_sets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """With the sizes that the paper prints."""
    assert main(["probe"]) == 0
    printed = capsys.readouterr().out
    assert "inat2018" in printed
    assert "437513" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nope", "--model", "x"], "Unknown probe set 'nope'"),
        (["dtd"], "Name a model"),
        (["dtd", "--model", "x"], "'dtd' needs --data dtd=PATH"),
        (["dtd", "--model", "x", "--data", "dtd=nowhere"], "there is no such folder"),
        (["dtd", "--model", "x", "--data", "pets=."], "--data names 'pets', which is not probed here"),
        (["dtd", "--model", "x", "--data", "dtd"], "Malformed --data 'dtd'"),
        (["--check", "--out", "nowhere"], "There is no probe.json"),
    ],
)
def test_a_user_s_mistake_is_one_message(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2."""
    assert main(["probe", *words]) == 2
    assert message in capsys.readouterr().err


def test_torchvision_is_asked_to_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Into a folder of the set; a failure is one message with what to do instead."""
    from torchvision import datasets

    asked: list[dict[str, object]] = []

    def download(**options: object) -> None:
        asked.append(options)
        if len(asked) > 1:
            raise RuntimeError("File not found or corrupted.")

    monkeypatch.setattr(datasets, "DTD", download)
    spec = load_probe_set("dtd")
    assert fetch_probe_set(spec, tmp_path) == tmp_path / "probe-sets" / "dtd"
    assert asked == [{"root": str(tmp_path / "probe-sets" / "dtd"), "download": True, "split": "train"}]
    with pytest.raises(FetchError, match=r"corrupted.*dtd-r1.0.1"):
        fetch_probe_set(spec, tmp_path)
    with pytest.raises(InputError, match="Nothing here downloads 'sun397'"):
        fetch_probe_set(load_probe_set("sun397"), tmp_path)
