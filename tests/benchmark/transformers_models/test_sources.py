"""Checkpoints from the Hub, by a stand-in on loopback: at one commit, kept, and refused with one message."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hub_server import StandInHub, serve_hub
from huggingface_hub import constants
from tiny_transformers import build_tiny_vit

from imagenet_g.benchmark.errors import FetchError
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two checkpoints."""
    root = tmp_path_factory.mktemp("models")
    return build_tiny_vit(root / "first", seed=1), build_tiny_vit(root / "second", seed=2)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """A Hub of this machine, with an empty cache."""
    with serve_hub() as served:
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        yield served


def load(name: str) -> Classifier:
    """Through the front door."""
    spec = f"transformers:{name}"
    return load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec)))


def test_a_model_of_the_hub_is_fetched_at_its_revision(
    hub: StandInHub, folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record holds the commit; without a network the cached copy serves."""
    old = hub.put_folder("org/vit", folders[0], tag="v1")
    new = hub.put_folder("org/vit", folders[1])
    tagged, newest = load("org/vit@v1"), load("org/vit")
    assert (tagged.record.revision, newest.record.revision) == (old, new)
    assert tagged.record.spec == "transformers:hf-hub:org/vit@v1"
    inputs = torch.zeros(1, 3, 32, 32)
    for found, folder in ((tagged, folders[0]), (newest, folders[1])):
        assert torch.equal(found.module(inputs), load(f"local-dir:{folder}").module(inputs))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert load("org/vit@v1").record == tagged.record


def test_other_formats_of_the_weights_are_not_fetched(
    hub: StandInHub, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    """A repository often holds the same weights three times."""
    import shutil

    folder = Path(shutil.copytree(folders[0], tmp_path / "copy"))
    for name in ("pytorch_model.bin", "tf_model.h5", "own.py"):
        (folder / name).write_bytes(b"not fetched")
    hub.put_folder("org/vit", folder)
    found = load("org/vit")
    assert {path.name for path in found.files} == {
        "config.json", "preprocessor_config.json", "model.safetensors"
    }  # fmt: skip
    assert {path.name for path in found.files[0].parent.iterdir()} == {path.name for path in found.files}


@pytest.mark.parametrize("name", ["org/other", "org/vit@nowhere"])
def test_a_missing_repository_or_revision_is_one_message(
    name: str, hub: StandInHub, folders: tuple[Path, Path]
) -> None:
    """With the way out."""
    hub.put_folder("org/vit", folders[0])
    with pytest.raises(FetchError, match=r"Cannot fetch 'config.json' of 'org/.*transformers:local-dir:PATH"):
        load(name)
