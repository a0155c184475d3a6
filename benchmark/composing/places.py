"""Where a result lies: names that differ have folders and files that differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.identity import hash_bytes, hash_json, make_slug
from imagenet_g.benchmark.naming.specs import LIVE, OWN_WEIGHTS
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.results import Result

DEFAULT_TEMPLATES = "openai-80"


@dataclass(frozen=True, slots=True)
class ResultPlaces:
    """The folder of a model's result, and the file of the predictions on each split.

    Attributes:
        folder: Holds `result.json`.
        files: By split without its view, relative to the folder.
    """

    folder: Path
    files: Mapping[str, str]


def make_model_slug(record: ModelRecord, *, dtype: str) -> str:
    """Folder name of a model's results; other weights, class maps, texts and dtypes have separate folders."""
    parts = [make_slug(record.spec)]
    # A model of a process keeps its name while it is trained.
    own = record.spec.endswith(OWN_WEIGHTS) or record.spec.startswith(LIVE)
    if own or record.class_map is not None:
        parts.append(hash_json([record.weights_sha256, record.class_map])[:8])
    if record.zero_shot is not None and record.zero_shot.templates != DEFAULT_TEMPLATES:
        parts.append(record.zero_shot.templates)
    if record.zero_shot is not None and record.zero_shot.class_names is not None:
        parts.append(f"names-{record.zero_shot.class_names}")
    # The default has no suffix, so that most folders have the plain name of their model.
    if dtype != "float32":
        parts.append(dtype)
    return "-".join(parts)


def choose_places(out: Path, slug: str, spec: str, bases: Collection[str]) -> ResultPlaces:
    """The places of a result in a folder that may hold others.

    Two names can have one slug (`mini-v2/real`, `mini/v2-real`), and two slugs one file where the file
    system does not tell capitals apart. The second then has a hash of its name behind it.

    Args:
        out: The folder of all results.
        slug: Folder name of the model, such as "timm-resnet50.a1_in1k".
        spec: Its name, as the result has it.
        bases: Splits that are about to be scored, without their views.
    """
    folder = out / slug
    earlier = _load_earlier(folder)
    if earlier is not None and earlier.model.spec != spec:
        folder = out / _add_hash(slug, spec)
        earlier = _load_earlier(folder)
    taken = {} if earlier is None else _list_files(earlier)
    return ResultPlaces(folder, name_files(bases, taken))


def name_files(bases: Collection[str], taken: Mapping[str, str]) -> dict[str, str]:
    """File of the predictions on each split.

    Args:
        bases: Splits without their views.
        taken: The files of splits that were scored before, by split.

    Example:
        >>> name_files(["mini/sd-l", "folder:val"], {})
        {'mini/sd-l': 'predictions/mini-sd-l.parquet', 'folder:val': 'predictions/folder-val.parquet'}
        >>> name_files(["mini/v2-real"], {"mini-v2/real": "predictions/mini-v2-real.parquet"})
        {'mini/v2-real': 'predictions/mini-v2-real-1938d640.parquet'}
    """
    slugs = {base: make_slug(base) for base in bases}
    owners = {base: f"predictions/{slug}.parquet".lower() for base, slug in slugs.items()}
    owners |= {base: file.lower() for base, file in taken.items()}
    found = {}
    for base, slug in slugs.items():
        plain = f"predictions/{slug}.parquet"
        shared = any(file == plain.lower() for other, file in owners.items() if other != base)
        found[base] = f"predictions/{_add_hash(slug, base)}.parquet" if shared else plain
    return found


def _add_hash(slug: str, name: str) -> str:
    return f"{slug}-{hash_bytes(name.encode())[:8]}"


def _load_earlier(folder: Path) -> Result | None:
    try:
        return load_result(folder)
    except DataError:
        return None


def _list_files(result: Result) -> dict[str, str]:
    """File of the predictions on each split of a result, by split without its view."""
    return {
        entry.split.ref.removesuffix(f":{entry.split.view}"): entry.predictions.file
        for entry in result.entries
    }
