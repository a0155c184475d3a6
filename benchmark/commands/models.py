"""`imagenet-g models [PATTERN]`: search the models that can be evaluated."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

from imagenet_g.benchmark.errors import InputError, ModelError, UnknownNameError
from imagenet_g.benchmark.naming.libraries import list_libraries, list_names
from imagenet_g.benchmark.naming.library import ModelLibrary
from imagenet_g.benchmark.terminal.text import print_block, print_line, print_message

DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model with pretrained weights and a head of 1000 classes, or zero-shot.

    Attributes:
        spec: What to give to `--model`.
        params_m: Parameters in millions; None where no published table has them.
        imagenet_val_top1: Published top-1, a fraction; None for unknown.
    """

    spec: str
    params_m: float | None
    imagenet_val_top1: float | None


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `imagenet-g models`."""
    parser.add_argument(
        "pattern", nargs="?", default="", help="part of a name, or a pattern such as 'timm:convnext*384'"
    )
    parser.add_argument(
        "--library",
        choices=[library.scheme for library in list_searchable()],
        action="append",
        help="search only this library (repeatable)",
    )
    parser.add_argument(
        "--limit", type=int, default=DEFAULT_LIMIT, help="show at most this many (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print all matches as JSON")


def run(arguments: Namespace) -> int:
    """Search and print; finding nothing is an error.

    Raises:
        UnknownNameError: Nothing matches.
        InputError: `--limit` is below 1.
    """
    if arguments.limit < 1:
        raise InputError(f"--limit {arguments.limit} must be 1 or more.")
    for fault in list_libraries()[1]:
        print_message(f"note: {fault}")
    specs = list_specs(arguments.library)
    matches = match_specs(arguments.pattern, specs)
    if not matches:
        names = sorted({spec.partition(":")[2].partition(".")[0] for spec in specs} | set(specs))
        hint = "The pattern is part of a name, or has * and ? in it; 'imagenet-g models' lists all."
        raise UnknownNameError("model", arguments.pattern, names, hint=hint)
    listed = [describe_model(spec) for spec in matches]
    if arguments.json:
        print_block(json.dumps([asdict(model) for model in listed], indent=1))
    else:
        _print_table(listed, limit=arguments.limit)
    return 0


def list_searchable() -> tuple[ModelLibrary, ...]:
    """The model libraries that can list their models."""
    return tuple(library for library in list_libraries()[0] if library.names)


def list_specs(schemes: Collection[str] | None = None) -> tuple[str, ...]:
    """Specs of all models that score the 1000 classes as they come, library by library.

    Args:
        schemes: Of the libraries to search; None for all that work.

    Raises:
        ModelError: A library that was named fails.
    """
    specs: list[str] = []
    for library in list_searchable():
        if schemes is not None and library.scheme not in schemes:
            continue
        try:
            specs += (f"{library.scheme}:{name}" for name in list_names(library))
        except ModelError as error:
            # A library that was named must work; of all others a note is enough.
            if schemes is not None:
                raise
            print_message(f"note: {error}")
    return tuple(specs)


def match_specs(pattern: str, specs: Sequence[str]) -> tuple[str, ...]:
    """Specs that contain the pattern, or fit it as a whole where it has * or ? in it; case does not count.

    A pattern without a scheme is matched against the name behind the scheme too. Specs whose scheme alone
    contains or fits the pattern come first.

    Example:
        >>> specs = ["timm:convnext_base.fb_in1k", "timm:vit_base_patch16_384.augreg_in1k"]
        >>> match_specs("ConvNeXt", specs), match_specs("vit*384*", specs)
        (('timm:convnext_base.fb_in1k',), ('timm:vit_base_patch16_384.augreg_in1k',))
        >>> match_specs("linear", ["timm:linearnet", "linear:mean-colour"])
        ('linear:mean-colour', 'timm:linearnet')
    """
    wanted = pattern.lower()
    # "*linear*" fits where "linear" is a part.
    glob = wanted if any(character in wanted for character in "*?") else f"*{wanted.replace('[', '[[]')}*"
    found = [spec for spec in specs if any(fnmatchcase(text, glob) for text in _list_texts(spec))]
    return tuple(sorted(found, key=lambda spec: not fnmatchcase(spec.partition(":")[0], glob)))


def _list_texts(spec: str) -> tuple[str, str]:
    return spec.lower(), spec.lower().partition(":")[2]


def describe_model(spec: str) -> ListedModel:
    """A spec with what is published about it."""
    from imagenet_g.benchmark.naming.published import load_published_models

    published = load_published_models().get(spec)
    if published is None:
        return ListedModel(spec, None, None)
    return ListedModel(spec, published.params_m, published.top1)


def _print_table(models: Sequence[ListedModel], *, limit: int) -> None:
    from imagenet_g.benchmark.terminal.tables import NameTable, print_shown

    figures = ("params (M)", "ImageNet-val top-1 (%)")
    table = NameTable(("model", *figures), right=figures, framed=False)
    for model in models[:limit]:
        table.add_row(
            model.spec,
            "" if model.params_m is None else f"{model.params_m:.1f}",
            "" if model.imagenet_val_top1 is None else f"{100 * model.imagenet_val_top1:.2f}",
        )
    print_shown(table)
    if len(models) > limit:
        print_line(
            f"{limit} of {len(models)} shown; --limit {len(models)} shows all, a narrower pattern fewer."
        )
