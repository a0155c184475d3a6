"""`imagenet-g models` finds what can be evaluated."""

import json

import pytest
import timm

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.commands.models import list_specs, match_specs

SPECS = ("timm:convnext_base.fb_in1k", "timm:convnext_base.fb_in1k_384", "open_clip:ViT-B-32/openai")


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("", 3),
        ("convnext", 2),
        ("VIT-b", 1),
        ("timm:*_384", 1),
        ("convnext*384", 1),
        ("*b?32*", 1),
        ("384*", 0),
    ],
)
def test_patterns_are_parts_or_globs_and_ignore_case(pattern: str, count: int) -> None:
    """A glob fits the whole name, with or without its scheme."""
    assert len(match_specs(pattern, SPECS)) == count


def test_models_of_a_library_of_that_name_come_first() -> None:
    """Before models of other libraries that have it in their names; each group keeps its order."""
    specs = ("timm:linearnet", "linear:a", "timm:x", "linear:b")
    assert match_specs("Linear", specs) == ("linear:a", "linear:b", "timm:linearnet")


def test_a_bracket_is_a_part_of_a_name() -> None:
    """Only * and ? are signs of a pattern."""
    assert match_specs("[a", ("timm:x[ab]", "timm:a")) == ("timm:x[ab]",)


def test_a_search_lists_specs_with_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    """Names are printed whole, accuracy in percent."""
    assert main(["models", "lite0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    wheel = next(line for line in lines if line.startswith("wheel:efficientnet-lite0"))
    assert wheel.split() == ["wheel:efficientnet-lite0", "4.7", "74.85"]


def test_json_holds_all_matches_with_fractions(capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts; unknown is null."""
    assert main(["models", "resnext101_32x8d", "--library", "torchvision", "--json", "--limit", "1"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [model["spec"] for model in listed] == [
        "torchvision:resnext101_32x8d/IMAGENET1K_V2",
        "torchvision:resnext101_32x8d/IMAGENET1K_V1",
    ]
    assert listed[0]["imagenet_val_top1"] == 0.82834


def test_the_limit_says_what_it_hides(capsys: pytest.CaptureFixture[str]) -> None:
    """And how to see the rest."""
    assert main(["models", "--library", "wheel", "--limit", "2"]) == 0
    assert "2 of 3 shown; --limit 3 shows all" in capsys.readouterr().out


def test_models_without_a_head_of_1000_are_not_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Of timm's pretrained models, exactly those whose own configuration has 1000 outputs."""
    outputs = {name: timm.get_pretrained_cfg(name).num_classes for name in timm.list_models(pretrained=True)}
    others = {name for name, number in outputs.items() if number != 1000}
    assert {name for name in others if name.endswith("in21k")}
    assert set(list_specs(["timm"])) == {f"timm:{name}" for name in set(outputs) - others}
    assert main(["models", "timm:*.augreg_in21k", "--json"]) == 2
    assert "Unknown model 'timm:*.augreg_in21k'" in capsys.readouterr().err


def test_nothing_found_gets_did_you_mean_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    """No empty table."""
    assert main(["models", "rsnet50"]) == 2
    assert "Did you mean 'resnet50'" in capsys.readouterr().err


def test_a_limit_below_one_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the value."""
    assert main(["models", "--limit", "0"]) == 2
    assert "--limit 0 must be 1 or more" in capsys.readouterr().err
