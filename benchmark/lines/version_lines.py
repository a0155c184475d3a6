"""The measured lines of a version: stored next to its release, found by `evaluate`, published with it.

A frozen release stays byte by byte: its manifest names each of its files, and no line is one of them. They
lie in a folder `lines` of the published tree, or in the folder `<release>-lines` beside a release on disk. An
index holds the hash of each. A line is tied to the content of its images, so that it stays valid when other
splits join the release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from imagenet_g.benchmark.catalogue.catalogue import find_release
from imagenet_g.benchmark.errors import DataError, FetchError, InputError, UnknownNameError, format_problems
from imagenet_g.benchmark.hub.sources import find_snapshot_source
from imagenet_g.benchmark.identity import hash_bytes, make_slug
from imagenet_g.benchmark.predictions.class_counts import PairCounts
from imagenet_g.benchmark.records import FileModel, Sha256
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness, explain_mismatch
from imagenet_g.benchmark.robustness.measured_sets import (
    MeasuredBaseline,
    format_measured_baseline,
    load_measured_baseline,
)
from imagenet_g.benchmark.splits.hub_releases import fetch_missing
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions
from imagenet_g.benchmark.storage import write_text

INSIDE = "lines"
BESIDE = "-lines"
INDEX_NAME = "index.json"
LINES_INDEX = f"{INSIDE}/{INDEX_NAME}"
"""Path of the index in a published tree."""


class LineFile(FileModel):
    """One measured line of a version."""

    target: str
    """The split with its view, such as "mini-v2/sd-l"."""
    reference_set: str
    """The clean set of its horizontal axis."""
    baseline: str
    """Id of the set its models come from."""
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.json$")]
    """Name in the folder of the lines; never a path, so that an index leads nowhere else."""
    sha256: Sha256
    """Hash of the file's bytes."""


class LinesIndex(FileModel):
    """`index.json` of the lines of a version."""

    schema_version: Literal[1] = 1
    version: str
    lines: tuple[LineFile, ...]


def list_version_lines(
    version: str, *, data: Mapping[str, Path] | None = None, cache: Path | None = None
) -> tuple[MeasuredBaseline, ...]:
    """Every measured line that comes with a version; empty where the version or its lines are not available.

    Args:
        version: Such as "mini-v2".
        data: Local copies of releases by version, which stand before the embedded and the published ones.
        cache: Where downloads are remembered.

    Raises:
        DataError: A line was changed after it was stored.
    """
    folder = _find_folder(version, data or {}, cache)
    return () if folder is None else load_lines(folder, version)


def find_line_file(
    split: str, reference: str, *, data: Mapping[str, Path] | None = None, cache: Path | None = None
) -> Path | None:
    """The file of the line that comes with a split's version; None without one.

    Args:
        split: A split of a version, with its view if it has one.
        reference: The clean set that is run; for a view of the split, the whole set or the same view of it.
        data: As in `list_version_lines`.
        cache: As in `list_version_lines`.

    Raises:
        DataError: The line was changed after it was stored.
    """
    version = str(parse_split_ref(split).version)
    folder = _find_folder(version, data or {}, cache)
    known = load_versions().get(version)
    usual = None if known is None else known.default_baseline
    found = () if folder is None else _list_files(folder, version)
    view = parse_split_ref(split).view
    # A view is compared with the equally filtered images of a whole clean set, so its line is over those.
    wanted = reference if view is None or ":" in reference else f"{reference}:{view}"
    # The set of models that the version names stands before others that were measured later.
    for path, line in sorted(found, key=lambda file: file[1].baseline != usual):
        if (line.target, line.reference_set) == (split, wanted):
            _load_line(path, line)
            return path
    return None


def _find_folder(version: str, data: Mapping[str, Path], cache: Path | None) -> Path | None:
    known = load_versions().get(version)
    try:
        ref = parse_split_ref(f"{version}/{known.splits[0] if known else 'any'}")
        return find_release(ref, data, cache=cache)
    # A version that is not available has no line here; what is wrong with it is said where it is evaluated.
    except (FetchError, InputError, UnknownNameError):
        return None


def list_shipped_lines(version: str) -> tuple[MeasuredBaseline, ...]:
    """The lines of a version whose release ships inside the package; empty for any other.

    Raises:
        DataError: A line was changed after it was stored.
    """
    known = load_versions().get(version)
    return list_version_lines(version) if known is not None and known.embedded else ()


def load_lines(folder: Path, version: str) -> tuple[MeasuredBaseline, ...]:
    """The lines stored inside and beside a release; those beside it, which are newer, stand first.

    Raises:
        DataError: An index is malformed or of another version, or a line was changed after it was stored.
    """
    return tuple(_load_line(path, line) for path, line in _list_files(folder, version))


def _list_files(folder: Path, version: str) -> list[tuple[Path, LineFile]]:
    """Each line's file and its record."""
    found: dict[tuple[str, str, str], tuple[Path, LineFile]] = {}
    # Only a release on the Hub may lack a file that it has; any other folder is taken as it is.
    fetch_missing(folder, LINES_INDEX)
    for place in (name_folder(folder), folder / INSIDE):
        index = load_index(place)
        if index is not None and index.version != version:
            raise DataError(f"'{place}' holds the lines of version '{index.version}', not of '{version}'.")
        for line in index.lines if index else ():
            if _key(line) not in found:
                if place.name == INSIDE:
                    fetch_missing(folder, f"{INSIDE}/{line.file}")
                found[_key(line)] = place / line.file, line
    return list(found.values())


def attach_lines(
    result: Result,
    lines: Sequence[MeasuredBaseline],
    links: Sequence[str],
    *,
    counts: Mapping[str, PairCounts] | None = None,
) -> Result:
    """A result with the effective robustness against each line that is one for an entry of it.

    Args:
        result: A result of today's statistics.
        lines: Of its versions; lines of other splits, clean sets and images change nothing.
        links: Links to fit on.
        counts: As in `attach_effective_robustness`.
    """
    for line in lines:
        if any(explain_mismatch(entry, line) is None for entry in result.entries):
            result = attach_effective_robustness(result, line, links, counts=counts)
    return result


def name_folder(release: Path) -> Path:
    """Where the lines of a release on disk are stored: beside it, so that none of its files changes.

    Example:
        >>> name_folder(Path("releases/v1")).as_posix()
        'releases/v1-lines'
    """
    release = release.absolute() if release.name in ("", "..") else release
    return release.with_name(release.name + BESIDE)


def load_index(folder: Path) -> LinesIndex | None:
    """The index of a folder of lines; None where there is no such folder.

    Raises:
        DataError: It is malformed.
    """
    path = folder / INDEX_NAME
    try:
        return LinesIndex.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise DataError(f"'{path}' is not an index of lines:\n{format_problems(error)}") from error
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def _load_line(path: Path, line: LineFile) -> MeasuredBaseline:
    measured = load_measured_baseline(path)
    if hash_bytes(path.read_bytes()) != line.sha256:
        raise DataError(
            f"'{path}' is not the line that was stored: '{INDEX_NAME}' has another hash. Measure it again "
            "with 'imagenet-g baselines run --publish RELEASE'."
        )
    if (measured.target, measured.reference_set, measured.id) != (
        line.target,
        line.reference_set,
        line.baseline,
    ):
        raise DataError(f"'{path}' is a line of '{measured.target}', its index says of '{line.target}'.")
    return measured


def store_lines(release: Path, lines: Sequence[MeasuredBaseline]) -> Path:
    """Store measured lines next to a release; a line of the same split, clean set and models is replaced.

    Returns:
        The folder of the lines.

    Raises:
        DataError: The release has no valid manifest, or its index of lines is malformed.
        InputError: A line is of another version or of no split of the release, or the release is a copy in
            the Hub's cache.
    """
    if find_snapshot_source(release) is not None:
        raise InputError(
            f"'{release}' is a copy in the Hub's cache, where nothing of ours is stored; copy the release to "
            "a folder with 'imagenet-g download VERSION --to DIR' first."
        )
    manifest = load_manifest(release)
    for line in lines:
        _validate_target(line, manifest.version, tuple(manifest.splits))
    folder = name_folder(release)
    index = load_index(folder)
    kept = {_key(one): one for one in (index.lines if index else ())}
    for line in lines:
        text = format_measured_baseline(line)
        record = LineFile(
            target=line.target,
            reference_set=line.reference_set,
            baseline=line.id,
            file=f"{line.id}-{make_slug(f'{line.target}/on/{line.reference_set}')}.json",
            sha256=hash_bytes(text.encode()),
        )
        write_text(folder / record.file, text)
        kept[_key(record)] = record
    # Last, because it names the others.
    fresh = LinesIndex(version=manifest.version, lines=tuple(kept[key] for key in sorted(kept)))
    write_text(folder / INDEX_NAME, fresh.model_dump_json(indent=1) + "\n")
    return folder


def _key(line: LineFile) -> tuple[str, str, str]:
    return line.target, line.reference_set, line.baseline


def _validate_target(line: MeasuredBaseline, version: str, splits: Sequence[str]) -> None:
    ref = parse_split_ref(line.target)
    if ref.version != version or ref.name not in splits:
        held = ", ".join(f"{version}/{name}" for name in splits)
        raise InputError(
            f"The line is of '{line.target}', the release holds {held}; a line is stored with the release "
            "that it was measured on."
        )


def list_line_files(release: Path) -> dict[str, Path]:
    """Files of a release's lines by their name in the published tree, the index last; empty without lines.

    Raises:
        DataError: A line was changed after it was stored.
    """
    folders = (name_folder(release), release / INSIDE)
    folder = next((one for one in folders if (one / INDEX_NAME).is_file()), None)
    index = None if folder is None else load_index(folder)
    if folder is None or index is None:
        return {}
    for line in index.lines:
        _load_line(folder / line.file, line)
    names = (*(line.file for line in index.lines), INDEX_NAME)
    return {f"{INSIDE}/{name}": folder / name for name in names}
