"""Results with their predictions in folders, as `imagenet-g evaluate --out` writes them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from imagenet_g.benchmark.composing.kept_entries import list_kept_entries
from imagenet_g.benchmark.composing.places import choose_places, make_model_slug
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, load_result, write_result
from imagenet_g.benchmark.records import is_same_model
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.storage import replace_file

Placed = tuple[Result, Path]
"""A result, and the folder that its predictions lie in."""


def save_results(results: Sequence[Placed], out: Path) -> tuple[Path, ...]:
    """Copy results with all files beside them, one folder a model; the paths of the result files.

    Results of one model on several splits become one, as they do where the command runs twice; so does what
    lies in the folder already. Another model of the same name gets a folder of its own.

    Raises:
        DataError: A file is missing, or lies outside its result's folder.
        StorageError: The place cannot be written.
    """
    saved: list[Path] = []
    for group in _group_by_model(results):
        target = _choose_folder(group[0][0], out, taken={path.parent for path in saved})
        saved.append(_save_group(group, target))
    return tuple(saved)


def _group_by_model(results: Sequence[Placed]) -> list[list[Placed]]:
    groups: list[list[Placed]] = []
    for placed in results:
        fitting = (group for group in groups if _can_join(group, placed[0]))
        found = next(fitting, None)
        if found is None:
            groups.append([placed])
        else:
            found.append(placed)
    return groups


def _can_join(group: Sequence[Placed], result: Result) -> bool:
    """Whether a result is of the model of others, and no file name of theirs is one of another file."""
    hashes = dict(_list_hashes(result))
    return is_same_model(group[0][0].model, result.model) and all(
        hashes.get(file, sha256) == sha256 for other, _ in group for file, sha256 in _list_hashes(other)
    )


def _list_hashes(result: Result) -> Iterator[tuple[str, str]]:
    return ((entry.predictions.file, entry.predictions.sha256) for entry in result.entries)


def _choose_folder(result: Result, out: Path, *, taken: set[Path]) -> Path:
    dtypes = [entry.predictions.run.dtype for entry in result.entries] or ["float32"]
    slug = make_model_slug(result.model, dtype=dtypes[0])
    plain = choose_places(out, slug, result.model.spec, ()).folder
    numbered = (plain.with_name(f"{plain.name}-{number}") for number in range(2, len(taken) + 100))
    return next(one for one in (plain, *numbered) if one not in taken and not _holds_other(one, result))


def _holds_other(folder: Path, result: Result) -> bool:
    """Whether a folder holds a result of another model: two of this process can have one name."""
    try:
        return not is_same_model(load_result(folder).model, result.model)
    except DataError:
        return False


def _save_group(group: Sequence[Placed], target: Path) -> Path:
    for result, folder in group:
        for name in list_files(result):
            _copy(folder, name, target)
    # A later result of a split stands for an earlier one.
    entries = {entry.split.ref: entry for result, _ in group for entry in result.entries}
    last = group[-1][0]
    # As the command keeps what it finds; asked behind the copies, which may have replaced predictions.
    kept, _ = list_kept_entries(target, last.model, entries, data={})
    return write_result(target, last.model_copy(update={"entries": (*entries.values(), *kept)}))


def _copy(folder: Path, name: str, target: Path) -> None:
    source = folder / name
    # A result may come from elsewhere, and must not name a file of its reader.
    if Path(name).is_absolute() or ".." in Path(name).parts or not source.is_file():
        raise DataError(f"'{source}' is missing, or lies outside the folder of its result.")
    if source.resolve() != (target / name).resolve():
        with replace_file(target / name) as temporary:
            shutil.copyfile(source, temporary)


def list_results(place: Path) -> list[Path]:
    """The results that a path stands for: itself, or those inside a folder that is none of its own.

    Args:
        place: A result file, its folder, or a folder of such folders.
    """
    if not place.is_dir() or (place / RESULT_NAME).exists():
        return [place]
    # A folder without any stands for itself: whoever reads it then reports what is missing.
    return sorted(place.glob(f"*/{RESULT_NAME}")) or [place]


def list_files(result: Result) -> tuple[str, ...]:
    """Files that lie beside a result, relative to its folder, each once."""
    kept = [entry.predictions.features for entry in result.entries]
    names = [entry.predictions.file for entry in result.entries]
    return tuple(dict.fromkeys([*names, *(features.file for features in kept if features is not None)]))
