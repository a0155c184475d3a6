"""A version that extends another: written in a few lines, read as a whole spec.

With `generator`, the splits, counts, prompts, sources, scorers and views are those of the version that is
extended, and each split gets the generator of the named family that is made from the same inputs. With
`splits`, the splits are new, and generators, scorers and encoding those of the version that is extended: a
training set is made as its test set is, and pinned with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.records import FileModel
from imagenet_g.benchmark.shipped_specs import list_shipped_names, load_shipped_spec
from imagenet_g.generation.specs.kinds import GeneratorTable
from imagenet_g.generation.specs.spec_errors import format_first_error
from imagenet_g.generation.specs.stages import Positive

Tables = dict[str, Any]
Extension = TypeVar("Extension", bound=FileModel)
EXTENDS = "extends"
TITLES = {
    "prompt": "from labels",
    "image": "from images",
    "prompt+image": "from labels and images",
    "class": "from class labels",
}


class ExtensionSpec(FileModel):
    """The file of a version that extends another."""

    schema_version: Literal[1]
    version: str
    extends: str
    """A shipped version such as "v1", or a .toml file."""
    generator: str
    """A shipped family of generators such as "sdxl", or a .toml file."""
    title: str | None = None
    """Absent: the version and the family."""
    status: Literal["draft", "stable"] = "draft"
    license: str | None = None
    """Absent: the family's."""
    notice: str | None = None
    """Absent: the family's."""
    revisions: dict[str, str] = Field(default_factory=dict)
    """Commits by repository, as 'imagenet-g build pin' writes them; they replace the family's revisions."""


class OwnSplitsSpec(FileModel):
    """The file of a version that has splits of its own, made as those of another version are."""

    schema_version: Literal[1]
    version: str
    extends: str
    """A shipped version such as "v1", or a .toml file."""
    title: str
    status: Literal["draft", "stable"] = "draft"
    license: str | None = None
    """Absent: the other version's, and so below."""
    notice: str | None = None
    rows_per_shard: int | None = None
    splits: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]
    """As in any spec; the generators and scorers that they name are the other version's."""
    revisions: dict[str, str] = Field(default_factory=dict)
    """Commits by repository, where they are to differ from the other version's."""


class GeneratorFamilySpec(FileModel):
    """One generator in the forms that the splits of a version need."""

    schema_version: Literal[1]
    title: str
    license: str
    notice: str | None = None
    batch_size: Positive
    """Images rendered together, in every split; part of the recipe."""
    generators: Annotated[dict[str, GeneratorTable], Field(min_length=1)]
    """One for each kind of inputs."""


def list_family_names() -> tuple[str, ...]:
    """Names of the families of generators that ship with the package, sorted."""
    return list_shipped_names(_find_folder())


def load_family(name_or_path: str) -> GeneratorFamilySpec:
    """A shipped family of generators, or a TOML file of your own.

    Raises:
        UnknownNameError: No such family.
        InputError: The file cannot be read or breaks the contract; the message names the key.
    """
    return load_shipped_spec(GeneratorFamilySpec, name_or_path, _find_folder(), kind="family of generators")


def expand_tables(tables: Tables, load_base: Callable[[str], Tables], *, source: str) -> Tables:
    """The tables of a whole version spec, from those of one that extends another.

    Args:
        tables: With the key `extends`.
        load_base: From the name of a version to its tables, expanded.
        source: What to call the spec in messages.

    Raises:
        InputError: A key is wrong, or the family has no generator for the inputs of a split.
        UnknownNameError: There is no such version or family.
    """
    # Beside 'generator' the key 'splits' is unknown, and reported so.
    if "splits" in tables and "generator" not in tables:
        own = _validate(OwnSplitsSpec, tables, source)
        return _take_generators(own, load_base(own.extends))
    spec = _validate(ExtensionSpec, tables, source)
    base, family = load_base(spec.extends), load_family(spec.generator)
    generators = {
        name: replace_revisions(table.model_dump(mode="json", exclude_none=True), spec.revisions)
        for name, table in family.generators.items()
    }
    names = {str(table["inputs"]): name for name, table in generators.items()}
    splits = {
        name: _replace_split(name, split, base, names, family, spec) for name, split in base["splits"].items()
    }
    used = {split["generator"] for split in splits.values()}
    described = {
        "version": spec.version,
        "title": spec.title or f"ImageNet-G {spec.version}: {family.title}",
        "status": spec.status,
        "license": spec.license or family.license,
        "generators": {name: table for name, table in generators.items() if name in used},
        "splits": splits,
    }
    notice = spec.notice or family.notice
    rest = {key: value for key, value in base.items() if key != "notice"}
    return {**rest, **described, **({} if notice is None else {"notice": notice})}


def _validate(model: type[Extension], tables: Tables, source: str) -> Extension:
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        problem = format_first_error(error, model, ignore=())
        raise InputError(f"Version spec '{source}' cannot be used: {problem}") from error


def _take_generators(spec: OwnSplitsSpec, base: Tables) -> Tables:
    """The tables of a whole spec; a name that the base has not got is reported with the whole spec."""
    made_by = {str(split.get("generator")) for split in spec.splits.values()}
    lists = [split.get("scorers") for split in spec.splits.values()]
    # Of another type it is an error of the whole spec, which names the split.
    scored_by = {str(name) for names in lists if isinstance(names, list) for name in names}
    described = {
        "generators": {
            name: replace_revisions(table, spec.revisions)
            for name, table in base["generators"].items()
            if name in made_by
        },
        "scorers": {name: table for name, table in base.get("scorers", {}).items() if name in scored_by},
    }
    own = spec.model_dump(mode="json", exclude_none=True, exclude={"extends", "revisions"})
    return {**base, **described, **own}


def replace_revisions(table: Tables, revisions: Mapping[str, str]) -> Tables:
    """A generator's table with the revision of every repository that is named, parts and stages included.

    Example:
        >>> replace_revisions({"upscalers": [{"repo": "org/up", "revision": "main"}]}, {"org/up": "v1"})
        {'upscalers': [{'repo': 'org/up', 'revision': 'v1'}]}
    """
    changed = {key: _change(value, revisions) for key, value in table.items()}
    known = revisions.get(str(table.get("repo"))) if "revision" in table else None
    return changed if known is None else {**changed, "revision": known}


def _change(value: object, revisions: Mapping[str, str]) -> object:
    if isinstance(value, dict):
        return replace_revisions(value, revisions)
    return [_change(item, revisions) for item in value] if isinstance(value, list) else value


def format_extension(version: str, extends: str, generator: str) -> str:
    """The file of a version that extends another, without its commits.

    Example:
        >>> print(format_extension("v2", "v1", "sdxl"), end="")
        schema_version = 1
        version = "v2"
        extends = "v1"
        generator = "sdxl"
    """
    import json

    # A JSON string is a TOML string.
    named = {"version": version, EXTENDS: extends, "generator": generator}
    return "schema_version = 1\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in named.items())


def _replace_split(
    name: str,
    split: Tables,
    base: Tables,
    names: Mapping[str, str],
    family: GeneratorFamilySpec,
    spec: ExtensionSpec,
) -> Tables:
    inputs = str(base["generators"][split["generator"]]["inputs"])
    if inputs not in names:
        raise InputError(
            f"Split '{name}' of '{spec.extends}' is made with inputs = '{inputs}', and '{spec.generator}' "
            f"has generators for {', '.join(sorted(names))} only. Add one to a family of your own "
            "(--generator FILE.toml), or extend a version without that split."
        )
    return {
        **split,
        "generator": names[inputs],
        "title": f"{family.title} {TITLES[inputs]}",
        "batch_size": family.batch_size,
    }


def _find_folder() -> Traversable:
    return files("imagenet_g.generation.data") / "generators"
