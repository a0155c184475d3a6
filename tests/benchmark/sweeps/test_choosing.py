"""Models chosen by name, pattern and condition, without weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.naming.facts import ModelFacts, load_facts
from imagenet_g.benchmark.naming.libraries import find_library, list_names
from imagenet_g.benchmark.sweeps.choosing import choose_models
from imagenet_g.benchmark.sweeps.conditions import parse_condition
from imagenet_g.benchmark.sweeps.counts import CountedFacts
from imagenet_g.benchmark.sweeps.sweep_files import ModelPattern


def choose(spec: str, where: str | None = None, *exclude: str) -> list[str]:
    """Specs of the models that one entry stands for."""
    pattern = ModelPattern(spec, None if where is None else parse_condition(where), exclude)
    return [model.spec for model in choose_models([pattern]).models]


def test_a_pattern_stands_for_every_listed_model_that_fits() -> None:
    """As a loop over the library's own list finds them; case does not count."""
    expected = [name for name in list_names(find_library("timm")) if name.startswith("resnet50.")]
    assert choose("timm:ResNet50.*") == [f"timm:{name}" for name in expected]
    assert len(expected) > 5


def test_excluded_patterns_are_left_out() -> None:
    """Whatever stands in their names."""
    found = choose("timm:resnet50.*", None, "*in21k*", "timm:resnet50.a?_in1k")
    assert found
    assert not [spec for spec in found if "in21k" in spec or ".a1_" in spec]


def test_a_condition_on_size_agrees_with_built_models() -> None:
    """The published figures, rounded as they are, choose what counting every parameter does."""
    specs = choose("torchvision:resnet*")
    counted = [spec for spec in specs if load_facts(spec, count=True).num_parameters[0] < 25_557_032]
    assert choose("torchvision:resnet*", "num_parameters < 25557032") == counted


def test_a_model_at_the_limit_is_counted() -> None:
    """The resnet18 of timm has 11,689,512 parameters, and the published figure is 11.69 M."""
    assert choose("timm:resnet18.a1*", "num_parameters <= 11689512") == ["timm:resnet18.a1_in1k"]
    with pytest.raises(InputError, match="No model is chosen"):
        choose("timm:resnet18.a1*", "num_parameters < 11689512")


def test_the_input_is_that_of_the_evaluation() -> None:
    """resnet50.a1_in1k was trained at 224 and is evaluated at 288 px."""
    config = timm.get_pretrained_cfg("resnet50.a1_in1k")
    assert config is not None
    assert load_facts("timm:resnet50.a1_in1k").input_size == (config.test_input_size[1],) * 2 == (288, 288)


def test_a_model_that_is_named_twice_runs_once() -> None:
    """By a short name and by a pattern; the first entry stays."""
    patterns = [ModelPattern("wheel:EfficientNet-Lite0"), ModelPattern("wheel:*")]
    specs = [(model.requested, model.spec) for model in choose_models(patterns).models]
    assert specs[0] == ("wheel:EfficientNet-Lite0", "wheel:efficientnet-lite0")
    assert len(specs) == 3


def test_a_pattern_over_all_libraries() -> None:
    """The library is a part of the name."""
    found = {spec.partition(":")[0] for spec in choose("*:*lite0*")}
    assert found == {"timm", "wheel"}


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("resnet*", InputError, "names no library: write for example 'timm:resnet*'"),
        ("timn:*", UnknownNameError, "Did you mean 'timm'"),
        ("timm:resnet5O.*", UnknownNameError, "names were compared"),
        ("python:*", InputError, "cannot be listed"),
        ("timm:no-such-net", UnknownNameError, "Unknown timm model"),
    ],
)
def test_what_fits_nothing_is_refused(spec: str, error: type[InputError], words: str) -> None:
    """One message with the next step."""
    with pytest.raises(error, match=words.replace("*", r"\*")):
        choose(spec)


def test_models_of_unknown_size_are_left_out_and_named() -> None:
    """Neither side of the condition may be assumed."""

    def find_facts(spec: str, count: bool) -> ModelFacts:
        size = {"a": (1.0, 1.0), "b": (9.0, 9.0)}.get(spec[-1], (float("-inf"), float("inf")))
        return ModelFacts(library="wheel", name=spec, num_parameters=size)

    patterns = [ModelPattern("wheel:*", parse_condition("num_parameters < 5"))]
    with pytest.raises(InputError, match="3 are left out, since what the condition asks for is not known"):
        choose_models(patterns, find_facts=find_facts)


def test_counted_sizes_are_kept(tmp_path: Path) -> None:
    """The second command reads them from the cache."""
    first = CountedFacts(tmp_path)
    counted = first.find("timm:test_resnet.r160_in1k", True).num_parameters
    first.save()
    (file,) = tmp_path.rglob("timm-*.json")
    module = timm.create_model("test_resnet", pretrained=False)
    assert counted[0] == counted[1] == sum(p.numel() for p in module.parameters())
    file.write_text(file.read_text().replace(str(int(counted[0])), "7"))
    assert CountedFacts(tmp_path).find("timm:test_resnet.r160_in1k", True).num_parameters == (7, 7)


def test_a_damaged_file_of_counts_is_counted_again(tmp_path: Path) -> None:
    """It only saves time."""
    first = CountedFacts(tmp_path)
    counted = first.find("wheel:efficientnet-lite0", True).num_parameters
    first.save()
    (file,) = tmp_path.rglob("wheel-*.json")
    file.write_text("[")
    assert CountedFacts(tmp_path).find("wheel:efficientnet-lite0", True).num_parameters == counted
