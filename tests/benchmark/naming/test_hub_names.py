"""A bare name of transformers is a repository or a path."""

import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.resolve import resolve_model_spec
from imagenet_g.benchmark.naming.specs import parse_model_spec


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("google/vit-base-patch16-224", "hf-hub:google/vit-base-patch16-224"),
        ("google/vit@v1.0", "hf-hub:google/vit@v1.0"),
        ("google/vit@refs/pr/3", "hf-hub:google/vit@refs/pr/3"),
        ("hf-hub:google/vit", "hf-hub:google/vit"),
        ("local-dir:a/b", "local-dir:a/b"),
        ("/models/vit", "local-dir:/models/vit"),
        ("./vit", "local-dir:./vit"),
        ("../vit", "local-dir:../vit"),
        ("~/vit", "local-dir:~/vit"),
    ],
)
def test_a_name_stands_for_a_repository_or_a_path(typed: str, full: str) -> None:
    """Whatever lies in the current folder."""
    resolved = resolve_model_spec(parse_model_spec(f"transformers:{typed}"))
    assert str(resolved.spec) == f"transformers:{full}"
    assert bool(resolved.reason) == (typed != full)


@pytest.mark.parametrize("typed", ["vit", "a/b/c", "a/b@", "a b/c", "https://huggingface.co/a/b", "@main"])
def test_what_is_neither_is_refused_with_both_forms(typed: str) -> None:
    """Before anything is fetched."""
    with pytest.raises(InputError, match=r"ORG/NAME@REVISION.*transformers:local-dir:PATH"):
        resolve_model_spec(parse_model_spec(f"transformers:{typed}"))
