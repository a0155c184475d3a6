"""Every tensor of a timm model comes from its file, whatever timm's own loading would let pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from timm.models import _builder

from imagenet_g.benchmark.checkpoints.contents import StateDict, Weights
from imagenet_g.benchmark.checkpoints.fitting import load_into
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import ModelError
from imagenet_g.benchmark.fingerprints.weights import hash_state_dict
from imagenet_g.benchmark.models.classifiers import Classifier, ModelRequest, load_classifier
from imagenet_g.benchmark.models.timm_building import build_published, build_unloaded
from imagenet_g.benchmark.naming.specs import parse_model_spec

# One small model of each kind that timm makes for tests, and two families that it loads unstrictly.
FAMILIES = (
    "test_byobnet",
    "test_coatnet",
    "test_convnext",
    "test_efficientnet",
    "test_mambaout",
    "test_nfnet",
    "test_resnet",
    "test_vit",
    "test_vit_relpos",
    "dla46_c",
    "convnextv2_atto.fcmae",
)


def make_state(name: str, num_classes: int = 10) -> StateDict:
    """Weights of a model with other initial values than the next one has."""
    torch.manual_seed(0)
    module: torch.nn.Module = timm.create_model(name, pretrained=False, num_classes=num_classes)
    return {key: value.clone() for key, value in module.state_dict().items()}


def load_state(name: str, state: StateDict, num_classes: int = 10) -> tuple[torch.nn.Module, str]:
    """As for a checkpoint with a class map: the module, and what is said."""
    module, convert = build_unloaded(name, num_classes=num_classes)
    notes = load_into(module, Weights(state=state, source="f"), convert=convert)
    return module, " ".join(notes)


def drop_middle(state: StateDict) -> StateDict:
    """Without one tensor in the middle of the network."""
    names = [name for name in state if not name.endswith("num_batches_tracked")]
    return {name: value for name, value in state.items() if name != names[len(names) // 2]}


DAMAGE: dict[str, Callable[[StateDict], StateDict]] = {
    "one missing": drop_middle,
    "one too many": lambda state: {**state, "stages.9.extra.weight": torch.ones(3, 3)},
    "another network": lambda state: {"nothing.weight": torch.zeros(3)},
    "no head": lambda state: dict(list(state.items())[:-2]),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_has_the_files_tensors_to_the_bit(name: str) -> None:
    """With a head of ten, behind the prefix of a training module."""
    state = make_state(name)
    module, said = load_state(name, {f"net.{key}": value for key, value in state.items()})
    assert hash_state_dict(module.state_dict()) == hash_state_dict(state)
    assert "'net.' taken away" in said


@pytest.mark.parametrize("name", FAMILIES)
def test_every_kind_of_misfit_is_refused(name: str) -> None:
    """For families that timm loads unstrictly as for the others."""
    state = make_state(name)
    module, convert = build_unloaded(name, num_classes=10)
    for what, damage in DAMAGE.items():
        with pytest.raises(ModelError, match="does not fit the model"):
            load_into(module, Weights(state=damage(state), source=what), convert=convert)


@pytest.mark.parametrize("num_classes", [1, 10, 100, 1001, 21841])
def test_heads_of_any_size_are_the_files(num_classes: int) -> None:
    """Timm drops a head that is not the 1000 of its configuration."""
    state = make_state("test_resnet", num_classes)
    module, _ = load_state("test_resnet", state, num_classes)
    assert torch.equal(module.state_dict()["fc.weight"], state["fc.weight"])


def test_both_heads_of_a_distilled_model_are_the_files() -> None:
    """Two classifiers, whose outputs are averaged."""
    name = "deit_tiny_distilled_patch16_224"
    state = make_state(name)
    module, convert = build_unloaded(name, num_classes=10)
    load_into(module, Weights(state=state, source="f"), convert=convert)
    assert torch.equal(module.state_dict()["head_dist.weight"], state["head_dist.weight"])
    del state["head_dist.weight"]
    with pytest.raises(ModelError, match=r"no 'head_dist\.weight'"):
        load_into(module, Weights(state=state, source="f"), convert=convert)


def name_as_convnexts_authors(state: StateDict) -> StateDict:
    """Names of github.com/facebookresearch/ConvNeXt, for a model without downsampling in its stages."""
    renamed = {"stem.": "downsample_layers.0.", "head.norm.": "norm.", "head.fc.": "head."}
    foreign = {}
    for name, value in state.items():
        prefix = next((prefix for prefix in renamed if name.startswith(prefix)), "")
        foreign[renamed.get(prefix, "") + name.removeprefix(prefix)] = value
    return foreign


@pytest.mark.parametrize("num_classes", [10, 1000, 1001])
def test_authors_names_give_the_weights_of_timms_names(num_classes: int) -> None:
    """One hash, for every size of the head."""
    state = make_state("test_convnext", num_classes)
    module, said = load_state("test_convnext", name_as_convnexts_authors(state), num_classes)
    assert hash_state_dict(module.state_dict()) == hash_state_dict(state)
    assert "converted by the library" in said


def test_what_the_authors_network_never_runs_is_left_out_and_said() -> None:
    """Of DLA; timm moved those layers."""
    state = make_state("dla46_c")
    extra = {"level3.project.0.weight": torch.ones(64, 64, 1, 1), "level3.project.1.weight": torch.ones(64)}
    module, said = load_state("dla46_c", {**state, **extra})
    assert hash_state_dict(module.state_dict()) == hash_state_dict(state)
    assert "never runs" in said


def test_index_tables_that_the_model_computes_itself_may_stand_in_the_file() -> None:
    """Older files have them; the values must be the model's."""
    name = "levit_128s"
    state = make_state(name)
    module, _ = build_unloaded(name, num_classes=10)
    tables = {key: value.clone() for key, value in module.named_buffers() if key.endswith("bias_idxs")}
    notes = load_into(module, Weights(state={**state, **tables}, source="f"))
    assert "computes the same values" in notes[0]
    first = next(iter(tables))
    state = {**state, **tables, first: tables[first] + 1}
    with pytest.raises(ModelError, match=first.replace(".", r"\.")):
        load_into(module, Weights(state=state, source="f"))


def load(spec: str, **options: Any) -> Classifier:
    """Through the front door."""
    return load_classifier(ModelRequest(requested=spec, spec=parse_model_spec(spec), **options))


def test_the_averaged_copy_of_a_training_checkpoint_is_loaded_by_its_key(tmp_path: Path) -> None:
    """And is not taken unasked."""
    plain, averaged = make_state("test_vit", 1000), make_state("test_vit", 1000)
    averaged["norm.weight"] += 1
    torch.save({"state_dict": plain, "state_dict_ema": averaged}, tmp_path / "w.pth")
    taken = load("timm:test_vit", checkpoint=tmp_path / "w.pth")
    other = load("timm:test_vit", checkpoint=tmp_path / "w.pth", checkpoint_key="state_dict_ema")
    assert taken.record.weights_sha256 == hash_state_dict(plain)
    assert other.record.weights_sha256 == hash_state_dict(averaged)
    assert "--checkpoint-key state_dict_ema" in taken.notes[0]
    assert other.record.weights_notes == ("the weights under 'state_dict_ema', as requested",)


def test_a_foreign_file_with_a_class_map_loads_as_the_native_one(tmp_path: Path) -> None:
    """Or a random head would be scored, with another hash each time."""
    state = make_state("test_convnext")
    save_file(name_as_convnexts_authors(state), tmp_path / "w.safetensors")
    (tmp_path / "map.txt").write_text("\n".join(info.wnid for info in load_classes()[:10]))
    classifier = load(
        "timm:test_convnext", checkpoint=tmp_path / "w.safetensors", class_map=tmp_path / "map.txt"
    )
    assert classifier.record.weights_sha256 == hash_state_dict(state)


@pytest.mark.parametrize("name", ["dla46_c", "test_resnet"])
def test_published_weights_that_lack_a_tensor_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong file in the cache, of a family that timm loads unstrictly or not."""
    state = drop_middle(make_state(name, 1000))
    monkeypatch.setattr(_builder, "load_state_dict_from_hf", lambda *args, **options: state)
    with pytest.raises((ModelError, RuntimeError), match=r"have no '|Missing key"):
        build_published(name)


def test_published_weights_load_as_timm_loads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check leaves no trace."""
    state = make_state("dla46_c", 1000)
    monkeypatch.setattr(_builder, "load_state_dict_from_hf", lambda *args, **options: dict(state))
    before = _builder.load_pretrained
    assert hash_state_dict(build_published("dla46_c").state_dict()) == hash_state_dict(state)
    assert _builder.load_pretrained is before


def save_repository(folder: Path, state: StateDict) -> None:
    """A repository as the Hub's client keeps it."""
    snapshot = folder / "models--org--name" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "models--org--name" / "refs").mkdir()
    (folder / "models--org--name" / "refs" / "main").write_text("0" * 40)
    config = {"architecture": "dla46_c", "num_classes": 1000, "pretrained_cfg": {"num_classes": 1000}}
    (snapshot / "config.json").write_text(json.dumps(config))
    save_file(state, snapshot / "model.safetensors")


def test_a_repository_of_the_hub_gives_the_files_tensors_or_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the cache, for a family that timm loads unstrictly."""
    state = make_state("dla46_c", 1000)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name, content in (("whole", state), ("damaged", drop_middle(state))):
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / name))
        save_repository(tmp_path / name, content)
    with pytest.raises(ModelError, match="does not fit the model"):
        load("timm:hf-hub:org/name")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "whole"))
    assert load("timm:hf-hub:org/name").record.weights_sha256 == hash_state_dict(state)
