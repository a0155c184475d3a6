"""A model spec is split as its library's row says, or refused with an example."""

import pytest

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.naming.specs import ModelSpec, parse_model_spec


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("timm:resnet50.a1_in1k", ("timm", "resnet50.a1_in1k", None)),
        ("timm:hf-hub:org/name", ("timm", "hf-hub:org/name", None)),
        ("open_clip:ViT-B-32/openai", ("open_clip", "ViT-B-32", "openai")),
        ("open_clip:ViT-B-32/", ("open_clip", "ViT-B-32", None)),
        ("open_clip:local-dir:/a/b", ("open_clip", "local-dir:/a/b", None)),
        ("torchvision:resnet50", ("torchvision", "resnet50", None)),
        ("wheel:efficientnet-lite0", ("wheel", "efficientnet-lite0", None)),
        ("python:a.b:make", ("python", "a.b:make", None)),
    ],
)
def test_a_spec_is_split_as_its_library_says(text: str, parts: tuple[str, str, str | None]) -> None:
    """Scheme, name, weights."""
    assert parse_model_spec(text) == ModelSpec(*parts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resnet50", "has no scheme. Write for example 'timm:resnet50'"),
        ("hf-hub:a/b", "Write 'timm:hf-hub:a/b' or 'open_clip:hf-hub:a/b'"),
        ("timm:", "names nothing. Write for example 'timm:resnet50.a1_in1k'"),
        ("torchvision:/x", "names nothing. Write for example 'torchvision:resnet50/IMAGENET1K_V2'"),
        ("python:make", "must name a module and a factory. Write for example 'python:my_package"),
    ],
)
def test_a_malformed_spec_is_refused_with_an_example(text: str, said: str) -> None:
    """The value and what to write."""
    with pytest.raises(InputError) as caught:
        parse_model_spec(text)
    assert f"Model '{text}'" in str(caught.value)
    assert said in str(caught.value)


def test_an_unknown_scheme_gets_did_you_mean() -> None:
    """With an example of each library."""
    with pytest.raises(UnknownNameError, match=r"timm:resnet50\.a1_in1k") as caught:
        parse_model_spec("tim:resnet50")
    assert caught.value.suggestions == ("timm",)


def test_a_library_without_a_model_is_refused_with_one_of_its_models() -> None:
    """The message for a name without a scheme would offer `timm:wheel`."""
    with pytest.raises(
        InputError, match=r"'wheel' is a model library; .* such as wheel:efficientnet-lite0\."
    ):
        parse_model_spec("wheel")
