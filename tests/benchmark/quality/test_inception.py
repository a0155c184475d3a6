"""The Inception of FID against torch-fidelity's own, on random weights; resizing against clean-fid's."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from imagenet_g.benchmark.errors import DataError, FetchError, ModelError, UntrustedFileError
from imagenet_g.benchmark.identity import hash_file
from imagenet_g.benchmark.quality import inception
from imagenet_g.benchmark.quality.inception import (
    InceptionEncoder,
    fetch_inception,
    is_published,
    load_inception,
    prepare_image,
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights in the published layout, as a pickle of tensors."""
    torch.manual_seed(0)
    state = inception._Net().visual.state_dict()
    # As trained ones: signals that neither die out nor explode, and batch norms that do something.
    for name, value in state.items():
        if name.endswith("bn.running_mean"):
            value.normal_(0, 0.1)
        elif name.endswith("conv.weight"):
            value.normal_(0, (2 / value[0].numel()) ** 0.5)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def encoder(weights: Path) -> InceptionEncoder:
    """Loaded once: it takes a second."""
    return load_inception(weights)


def test_features_are_torch_fidelitys(weights: Path, encoder: InceptionEncoder) -> None:
    """On images that are 299 pixels already, which neither resizes."""
    pixels = np.random.default_rng(0).integers(0, 256, size=(2, 299, 299, 3), dtype=np.uint8)
    images = [Image.fromarray(one) for one in pixels]
    other = FeatureExtractorInceptionV3("own", ["2048"], feature_extractor_weights_path=str(weights))
    (expected,) = other(torch.from_numpy(pixels).permute(0, 3, 1, 2))
    found = encoder.encode_tensors(torch.stack([prepare_image(image) for image in images]))
    assert found.shape == (2, 2048)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_images_are_resized_as_clean_fid_does() -> None:
    """Each channel in floating point, antialiased, clipped and not rounded."""
    pixels = np.random.default_rng(1).integers(0, 256, size=(700, 500, 3), dtype=np.uint8)
    found = prepare_image(Image.fromarray(pixels)).numpy() * 128 + 128
    plane = Image.fromarray(pixels[:, :, 1].astype(np.float32))
    expected = np.asarray(plane.resize((299, 299), Image.Resampling.BICUBIC)).clip(0, 255)
    np.testing.assert_allclose(found[1], expected, atol=1e-3)
    assert not np.allclose(found, found.round(), atol=1e-3)


def test_other_weights_are_not_called_fid(encoder: InceptionEncoder) -> None:
    """Their hash is not that of the published file."""
    record = encoder.describe()
    assert not record.is_inception
    assert replace(encoder, is_published=True).describe().frechet_name == "FID"
    assert record.frechet_name.startswith("Fréchet distance on inception-2015-12-05 (weights not those")
    assert "clean-fid" in record.resizing


def test_the_published_file_is_known_by_its_hash(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here with the hash of this file in its place."""
    assert not is_published(weights)
    monkeypatch.setattr(inception, "PUBLISHED_SHA256", hash_file(weights)[:8])
    assert is_published(weights)


def test_safetensors_give_the_same_network(weights: Path, encoder: InceptionEncoder, tmp_path: Path) -> None:
    """Without the counters of batches, which older files lack."""
    state = torch.load(weights, weights_only=True)
    kept = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    save_file(kept, tmp_path / "a.safetensors")
    found = load_inception(tmp_path / "a.safetensors")
    assert found.record.weights_sha256 == encoder.record.weights_sha256
    assert found.behaviour_sha256 == encoder.behaviour_sha256


def test_a_file_that_lacks_a_tensor_is_refused(weights: Path, tmp_path: Path) -> None:
    """By the name of the tensor."""
    state = torch.load(weights, weights_only=True)
    del state["Mixed_7c.branch_pool.conv.weight"]
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(ModelError, match=r"Mixed_7c\.branch_pool\.conv\.weight"):
        load_inception(tmp_path / "short.pth")


class _Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    """Nothing of it is loaded."""
    torch.save({"a": _Harm()}, tmp_path / "harm.pth")
    with pytest.raises(UntrustedFileError):
        load_inception(tmp_path / "harm.pth")


def test_a_missing_file_is_named() -> None:
    """With what is expected."""
    with pytest.raises(DataError, match=r"There is no checkpoint file 'nowhere\.pth'"):
        load_inception(Path("nowhere.pth"))


def test_without_a_network_the_place_of_the_weights_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to go on."""
    monkeypatch.setattr(
        "imagenet_g.benchmark.hub.fetching.find_obstacle", lambda *args, **options: "no route"
    )
    with pytest.raises(FetchError, match=r"no route.*give the file of the weights"):
        fetch_inception(tmp_path)


def test_a_file_that_was_fetched_before_is_taken(tmp_path: Path) -> None:
    """With no network at all."""
    path = tmp_path / inception.URL.rpartition("/")[2]
    path.touch()
    assert fetch_inception(tmp_path) == path
