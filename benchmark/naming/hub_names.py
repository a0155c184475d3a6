"""What a name means for a library whose models lie in repositories of the Hub or in folders."""

from __future__ import annotations

import re

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.naming.resolved import ResolvedSpec
from imagenet_g.benchmark.naming.specs import ModelSpec

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?:@[\w./-]+)?")
_PATH_STARTS = ("/", "./", "../", "~")


def resolve_hub_spec(spec: ModelSpec, *, own_weights: bool) -> ResolvedSpec:
    """The repository or the folder that a bare name stands for.

    Args:
        spec: Such as "transformers:org/name@revision", or a path that begins with "/", "./", "../" or "~".
        own_weights: Has no part in it.

    Raises:
        InputError: The name is neither.

    Example:
        >>> str(resolve_hub_spec(ModelSpec("transformers", "org/name@v1", None), own_weights=False).spec)
        'transformers:hf-hub:org/name@v1'
        >>> str(resolve_hub_spec(ModelSpec("transformers", "./vit", None), own_weights=False).spec)
        'transformers:local-dir:./vit'
    """
    name = spec.name
    # By its look and not by what lies in the current folder: a name must mean the same for everyone.
    if name.startswith(_PATH_STARTS):
        return ResolvedSpec(ModelSpec(spec.scheme, f"local-dir:{name}", None), (), "a path")
    if not _REPOSITORY.fullmatch(name):
        raise InputError(
            f"'{spec}' names no repository of the Hub, which is ORG/NAME or ORG/NAME@REVISION. Write a "
            f"folder as '{spec.scheme}:local-dir:PATH'."
        )
    return ResolvedSpec(ModelSpec(spec.scheme, f"hf-hub:{name}", None), (), "a repository of the Hub")
