"""What the program needs of a model library: one row, `ModelLibrary`.

A row is plain data. It names functions by address ("package.module:function"), so that reading it imports
neither the library nor torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OWN_DISTRIBUTION = "imagenet-g"
SOURCE_PREFIXES = ("hf-hub:", "local-dir:", "packaged:")
"""Begin names that give the place of a model (the Hub, a folder, inside this package), weights included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLibrary:
    """A model library.

    Attributes:
        scheme: Begins the specs of its models: lower-case letters, digits and underscores.
        loader: Address of `load_model(request: ModelRequest) -> Classifier`.
        example: A full spec, for messages.
        split: From what follows the scheme to name and weights; `split_plain`, `split_weights` or your own.
            Raises ValueError with the end of a sentence that begins with the spec.
        names: Address of `list_names() -> Iterable[str]`: the models that score the 1000 classes as they
            come, without the scheme. None where they cannot be listed; then any name is accepted.
        resolver: Address of `resolve(spec: ModelSpec, *, own_weights: bool) -> ResolvedSpec`, for short
            names. None to take a listed name in any case and punctuation.
        facts: Address of `describe(name: str, *, count: bool) -> ModelFacts` of `naming.facts`: what is known
            of a listed model without its weights, for the conditions of a sweep. None where nothing is.
        sources: Those of `SOURCE_PREFIXES` that it loads from.
        packages: Distributions that influence its outputs. Their versions are recorded with each run, with
            those of torch and of the distribution that holds the row.
        packaged_sign: File in the folder of a model that ships with this package, and a key in it, by which
            the folder is known to be this library's.
        takes_checkpoint: Whether `--checkpoint` can replace the weights.
        needs_prompts: Whether all its models are zero-shot, so that a submission must record the prompts.
        takes_prompts: Whether some of its models are zero-shot, so that templates and class names of the
            user's own may be meant for them.
        runs_again: Whether the name alone is enough for anyone to run the model again. False for code
            of the user's own: it is never run from a submission, and loaded anew each time.
        distribution: The installed distribution that the row comes from; filled in when it is read.
    """

    scheme: str
    loader: str
    example: str
    split: Callable[[str], tuple[str, str | None]]
    names: str | None = None
    resolver: str | None = None
    facts: str | None = None
    sources: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    packaged_sign: tuple[str, str] | None = None
    takes_checkpoint: bool = False
    needs_prompts: bool = False
    takes_prompts: bool = False
    runs_again: bool = True
    distribution: str = OWN_DISTRIBUTION


def split_plain(rest: str) -> tuple[str, None]:
    """The whole is the name.

    >>> split_plain("resnet50.a1_in1k")
    ('resnet50.a1_in1k', None)
    """
    return rest, None


def split_weights(rest: str) -> tuple[str, str | None]:
    """Name and weights on either side of the first slash.

    Raises:
        ValueError: The name is empty.

    >>> split_weights("ViT-B-32/openai")
    ('ViT-B-32', 'openai')
    >>> split_weights("hf-hub:org/name")
    ('hf-hub:org/name', None)
    """
    # A hub or local name has slashes of its own and brings its weights with it.
    if rest.startswith(SOURCE_PREFIXES):
        return rest, None
    name, _, weights = rest.partition("/")
    if not name:
        raise ValueError("names nothing")
    return name, weights or None


def split_factory(rest: str) -> tuple[str, None]:
    """A module and a function in it, with a colon between.

    Raises:
        ValueError: One of them is missing.

    >>> split_factory("my_package.my_module:make_model")
    ('my_package.my_module:make_model', None)
    """
    module, separator, factory = rest.partition(":")
    if not (separator and module and factory):
        raise ValueError("must name a module and a factory")
    return rest, None
