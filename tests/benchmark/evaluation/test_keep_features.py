"""Image features kept by a run, and used again in the place of the image encoder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_clip import build_tiny_clip
from toy_models import write_toy_folder

from imagenet_g.benchmark.backends import choosing
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.composing.places import make_model_slug
from imagenet_g.benchmark.features import load_features
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
from imagenet_g.benchmark.models.zero_shot import ImageTower, TextHead, ZeroShotClassifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.predictions.predictions import Predictions, load_predictions
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.results import Result

REUSED = "computed from kept features"
SINGLE = ("--templates", "single")
BY_TORCH = ("--backend", "torch")
"""Left to itself a run compiles the encoder, which takes most of its time."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A tiny CLIP, 300 images of which one cannot be read, and templates of the user's own."""
    build_tiny_clip(tmp_path / "clip")
    images = write_toy_folder(tmp_path / "images", [row % 40 for row in range(300)])
    next(iter(sorted(images.rglob("*.png")))).write_bytes(b"no image")
    (tmp_path / "t.txt").write_text("a drawing of a {}\n{}\n")
    return tmp_path


def run(home: Path, *words: str, out: str = "out", cache: str = "cache", code: int = 0) -> Result | None:
    """Evaluate the CLIP on the images."""
    command = ["evaluate", "--model", f"open_clip:local-dir:{home / 'clip'}", "--split"]
    command += [f"folder:{home / 'images'}", "--out", str(home / out), "--cache", str(home / cache)]
    command += ["--reference", "published"]
    assert main([*command, *words]) == code
    found = sorted((home / out).glob("*/result.json"), key=lambda path: path.stat().st_mtime_ns)
    return load_result(found[-1]) if found else None


def load_answers(home: Path, result: Result, out: str = "out") -> Predictions:
    """The predictions of a result."""
    slug = make_model_slug(result.model, dtype=result.entries[0].predictions.run.dtype)
    return load_predictions(home / out / slug / result.entries[0].predictions.file)[0]


def assert_equal(first: Predictions, second: Predictions, atol: float = 0) -> None:
    """The same answers to the same images."""
    assert first.image_ids == second.image_ids
    assert first.errors == second.errors
    assert (first.top5.indices[:, 0] == second.top5.indices[:, 0]).all()
    assert np.allclose(first.top5.probabilities, second.top5.probabilities, rtol=0, atol=atol)


def test_other_texts_need_no_second_pass_and_give_the_answers_of_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the features of a run with other templates; a run that keeps them itself agrees to the bit."""
    own = ("--templates", str(home / "t.txt"), *BY_TORCH)
    kept = run(home, *SINGLE, *BY_TORCH, "--keep-features")
    plain = run(home, *own, out="plain", cache="plain-cache")
    whole = run(home, *own, "--keep-features", out="whole", cache="whole-cache")
    capsys.readouterr()
    encoder = open_clip_calls(monkeypatch)
    reused = run(home, *own)
    # A folder's model is fingerprinted each time, by inputs one by one; no batch of the split is among them.
    assert max(encoder, default=0) <= 1
    assert REUSED in " ".join(capsys.readouterr().err.split())
    assert kept and plain and whole and reused
    answers = load_answers(home, reused)
    assert_equal(answers, load_answers(home, plain, "plain"), atol=1e-6)
    assert_equal(answers, load_answers(home, whole, "whole"))
    records = [one.entries[0].predictions.run for one in (kept, reused, plain)]
    assert [one.features_reused for one in records] == [False, True, None]
    assert records[0].features_sha256 == records[1].features_sha256
    assert records[2].features_sha256 is None


def open_clip_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches of images that a CLIP encodes from now on."""
    import open_clip

    sizes: list[int] = []
    encode = open_clip.CLIP.encode_image

    def count(self: open_clip.CLIP, images: torch.Tensor, *, normalize: bool = False) -> torch.Tensor:
        sizes.append(len(images))
        answer: torch.Tensor = encode(self, images, normalize)
        return answer

    monkeypatch.setattr(open_clip.CLIP, "encode_image", count)
    return sizes


def test_the_file_holds_the_encoders_features_and_the_result_names_it(home: Path) -> None:
    """Against the model's own encoder, image by image; labels and ids are those of the predictions."""
    result = run(home, *SINGLE, *BY_TORCH, "--keep-features")
    assert result
    record = result.entries[0].predictions.features
    assert record
    path = home / "out" / make_model_slug(result.model, dtype="float32") / record.file
    features, answers = load_features(path), load_answers(home, result)
    assert hash_file(path) == record.sha256
    assert features.meta.values_sha256 == record.values_sha256
    assert features.image_ids == answers.image_ids
    assert (features.labels == answers.labels).all()
    assert features.errors == answers.errors
    assert (~features.present).sum() == 1
    name = f"open_clip:local-dir:{home / 'clip'}"
    classifier = load_classifier(
        ModelRequest(requested=name, spec=parse_model_spec(name), templates="single")
    )
    from PIL import Image

    some = [number for number in (1, 5, 299) if features.present[number]]
    images = [Image.open(home / "images" / features.image_ids[number]).convert("RGB") for number in some]
    expected = classifier.encode_images(images).numpy()
    assert np.allclose(features.vectors[some], expected, atol=1e-6)


def test_a_killed_run_keeps_the_features_of_what_was_done(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on behind them, and ends with the answers and the file of an undisturbed run."""
    words = (*SINGLE, *BY_TORCH, "--keep-features")
    whole = run(home, *words, out="whole", cache="whole-cache")
    sizes = open_clip_calls(monkeypatch)
    forward = ImageTower.forward

    def die(self: ImageTower, images: torch.Tensor) -> torch.Tensor:
        if sum(sizes) > 270:
            raise KeyboardInterrupt
        return forward(self, images)

    with monkeypatch.context() as patch:
        patch.setattr(ImageTower, "forward", die)
        run(home, *words, code=130)
    done = sum(len(np.load(path)["rows"]) for path in home.glob("cache/embeddings/*/*.npz"))
    assert 200 < done < 299
    sizes.clear()
    resumed = run(home, *words)
    assert sum(sizes) < 100
    assert whole and resumed
    assert_equal(load_answers(home, resumed), load_answers(home, whole, "whole"))
    first, second = (one.entries[0].predictions.features for one in (resumed, whole))
    assert first and second
    assert first.values_sha256 == second.values_sha256


def test_a_compiled_encoder_keeps_features_as_well(home: Path) -> None:
    """Its answers are those of PyTorch, and those of the compiled model as a whole."""
    if not choosing.is_installed():
        pytest.skip("the extra openvino is not installed")
    kept = run(home, *SINGLE, "--keep-features", "--backend", "openvino")
    plain = run(home, *SINGLE, *BY_TORCH, out="plain", cache="plain-cache")
    assert kept and plain
    record = kept.entries[0].predictions
    assert record.run.backend_check
    assert record.features
    assert record.run.features_sha256 == record.features.values_sha256
    assert_equal(load_answers(home, kept), load_answers(home, plain, "plain"), atol=1e-5)


def test_a_share_of_the_rows_keeps_no_features(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything runs."""
    run(home, *SINGLE, "--keep-features", "--rows", "1/2", code=2)
    assert "leave out --rows or it" in capsys.readouterr().err


def test_kept_answers_without_features_are_no_reason_to_keep_none(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The images are encoded again, once; then both are there."""
    run(home, *SINGLE, *BY_TORCH)
    assert not list(home.glob("out/*/features"))
    first = run(home, *SINGLE, *BY_TORCH, "--keep-features")
    assert first
    assert first.entries[0].predictions.features
    capsys.readouterr()
    run(home, *SINGLE, *BY_TORCH, "--keep-features")
    assert "all predictions came from the cache" in " ".join(capsys.readouterr().out.split())


def test_features_of_all_images_serve_a_run_of_some(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And not the other way round."""
    run(home, *SINGLE, *BY_TORCH, "--keep-features", "--limit", "50")
    capsys.readouterr()
    run(home, *BY_TORCH, "--templates", str(home / "t.txt"))
    assert REUSED not in capsys.readouterr().err
    run(home, *SINGLE, *BY_TORCH, "--keep-features")
    capsys.readouterr()
    run(home, *BY_TORCH, "--templates", str(home / "t.txt"), "--limit", "9")
    assert REUSED in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("change", ["preprocessing", "weights", "dtype"])
def test_features_of_another_encoder_are_not_used(
    change: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the folder is called."""
    run(home, *SINGLE, "--keep-features", "--limit", "20")
    words: tuple[str, ...] = ("--templates", str(home / "t.txt"), "--limit", "20")
    if change == "preprocessing":
        path = home / "clip" / "open_clip_config.json"
        config = json.loads(path.read_text())
        config["preprocess_cfg"]["mean"] = [0.0, 0.0, 0.0]
        path.write_text(json.dumps(config))
    elif change == "weights":
        other = build_tiny_clip(home / "other", seed=8) / "open_clip_model.safetensors"
        other.replace(home / "clip" / "open_clip_model.safetensors")
    else:
        words += ("--dtype", "bfloat16")
    capsys.readouterr()
    run(home, *words)
    assert REUSED not in capsys.readouterr().err


def test_a_model_without_features_is_one_message_and_no_file(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside a CLIP, which is run all the same."""
    words = ["--model", "python:toy_models:make_colour_model", "--keep-features", "--limit", "4"]
    run(home, *SINGLE, *words, code=1)
    printed = " ".join(capsys.readouterr().err.split())
    assert printed.count("has no image features to keep") == 1
    assert "Traceback" not in printed
    assert [path.parent.name.startswith("open_clip") for path in home.glob("out/*/result.json")] == [True]
    assert len(list(home.glob("out/*/features/*"))) == 1


def test_the_head_alone_gives_the_classifiers_logits() -> None:
    """With the scale and the bias; whatever becomes of the model afterwards."""

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.logit_scale = torch.nn.Parameter(torch.tensor(3.0))
            self.logit_bias = torch.nn.Parameter(torch.tensor(-10.0))

        def encode_image(self, images: torch.Tensor, *, normalize: bool) -> torch.Tensor:
            return images

    head = torch.nn.functional.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), dim=0)
    classifier = ZeroShotClassifier(Encoder(), head)
    inputs = torch.randn(4, 8, generator=torch.Generator().manual_seed(1))
    expected, alone = classifier(inputs), TextHead(classifier)
    features = ImageTower(classifier.model)(inputs)
    classifier.bfloat16()
    assert torch.allclose(alone.score(features), expected, atol=1e-5)
    assert torch.equal(alone.score(features[:1]), alone.score(features)[:1])
