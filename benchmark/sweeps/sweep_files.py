"""The sweep file: which models, and the options of `imagenet-g evaluate` by their names.

    model = ["wheel:efficientnet-lite0", { spec = "timm:*", where = "num_parameters < 100M" }]
    split = ["mini/real"]
    dtype = "float32"

`model` may be tables of its own (`[[model]]`), which then stand at the end of the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.sweeps.conditions import Condition, parse_condition

MODEL_KEYS = ("spec", "where", "exclude")
MAX_FILE_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class ModelPattern:
    """Which models one entry asks for.

    Attributes:
        spec: A model's spec, or a pattern of specs with * and ? in it.
        where: What must be true of those that fit the pattern; None for nothing.
        exclude: Patterns of specs that are left out.
    """

    spec: str
    where: Condition | None = None
    exclude: tuple[str, ...] = ()

    @property
    def is_pattern(self) -> bool:
        """Whether it may stand for several models."""
        return "*" in self.spec or "?" in self.spec


@dataclass(frozen=True, slots=True)
class SweepFile:
    """A sweep file that was read.

    Attributes:
        path: Where it lies.
        models: Which models.
        options: Values by the name of their option, as TOML has them.
    """

    path: Path
    models: tuple[ModelPattern, ...]
    options: Mapping[str, object] = field(default_factory=dict)


def load_sweep_file(path: Path, options: Collection[str]) -> SweepFile:
    """Read a sweep file.

    Args:
        path: The file.
        options: Names that may stand in it beside `model`, with underscores.

    Raises:
        InputError: There is no such file, it is no TOML, or a key or a condition is wrong.
        DataError: It cannot be read.
    """
    table = _read_table(path)
    # Written as on the command line or as names in TOML usually are.
    table = {name.replace("-", "_"): value for name, value in table.items()}
    for name in table:
        if name not in ("model", *options):
            hint = "Every key but 'model' is an option of 'imagenet-g evaluate' without its dashes."
            raise UnknownNameError("key", name, ["model", *options], where=f"in '{path}'", hint=hint)
    entries = table.pop("model", [])
    entries = entries if isinstance(entries, list) else [entries]
    return SweepFile(path, tuple(_parse_model(entry, path) for entry in entries), table)


def _read_table(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"'{path}' is larger than {MAX_FILE_BYTES} bytes; that is no sweep file.")
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError as error:
        raise InputError(
            f"There is no sweep file '{path}'. A model is named by --model, such as "
            "'imagenet-g evaluate --model timm:resnet50'."
        ) from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is no sweep file: it is not UTF-8 text.") from error
    except RecursionError as error:
        raise InputError(f"'{path}' is no sweep file: its brackets are nested too deeply.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{path}' is not valid TOML: {error}.") from error


def _parse_model(entry: object, path: Path) -> ModelPattern:
    if isinstance(entry, str):
        return ModelPattern(_require_spec(entry, path))
    if not isinstance(entry, dict):
        raise InputError(
            f"A model in '{path}' is {entry!r}: give a spec in quotes, or a table with 'spec' and, for a "
            "pattern, 'where' and 'exclude'."
        )
    for name in entry:
        if name not in MODEL_KEYS:
            hint = "Options of the whole file stand above the first [[model]]."
            raise UnknownNameError("key", name, MODEL_KEYS, where=f"of a model in '{path}'", hint=hint)
    where = entry.get("where")
    if where is not None and not isinstance(where, str):
        raise InputError(f"'where' of a model in '{path}' is {where!r}: give a condition in quotes.")
    exclude = entry.get("exclude", [])
    patterns = [exclude] if isinstance(exclude, str) else exclude
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise InputError(f"'exclude' of a model in '{path}' is {exclude!r}: give a list of patterns.")
    return ModelPattern(
        _require_spec(entry.get("spec"), path),
        None if where is None else parse_condition(where),
        tuple(patterns),
    )


def _require_spec(spec: object, path: Path) -> str:
    if not isinstance(spec, str) or not spec.strip():
        raise InputError(
            f"A model in '{path}' has no 'spec': give a name such as 'wheel:efficientnet-lite0', or a "
            "pattern such as 'timm:*'."
        )
    return spec
