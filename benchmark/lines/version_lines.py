"""The measured lines of a version: stored next to its release, found by `evaluate`, published with it.

A line is tied to the content of its images, so that it stays valid when other splits join the release.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from imagenet_g.benchmark.catalogue.catalogue import find_release
from imagenet_g.benchmark.companions.companions import (
    CompanionIndex,
    CompanionKind,
    CompanionRecord,
    StoredFile,
)
from imagenet_g.benchmark.errors import DataError, FetchError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_bytes, make_slug
from imagenet_g.benchmark.predictions.class_counts import PairCounts
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.robustness.attach import attach_effective_robustness, explain_mismatch
from imagenet_g.benchmark.robustness.measured_sets import (
    MeasuredBaseline,
    format_measured_baseline,
    load_measured_baseline,
)
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.registry import load_versions


class LineFile(CompanionRecord):
    """One measured line of a version."""

    reference_set: str
    """The clean set of its horizontal axis."""
    baseline: str
    """Id of the set its models come from."""

    @property
    def key(self) -> tuple[str, ...]:
        """Split, clean set and models."""
        return (self.target, self.reference_set, self.baseline)


class LinesIndex(CompanionIndex):
    """`index.json` of the lines of a version."""

    lines: tuple[LineFile, ...]


LINES: CompanionKind[LineFile] = CompanionKind(
    "lines", LinesIndex, "Measure it again with 'imagenet-g baselines run --publish RELEASE'."
)


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
    found = () if folder is None else LINES.list_files(folder, version)
    view = parse_split_ref(split).view
    # A view is compared with the equally filtered images of a whole clean set, so its line is over those.
    wanted = reference if view is None or ":" in reference else f"{reference}:{view}"
    # The set of models that the version names stands before others that were measured later.
    for file in sorted(found, key=lambda file: file.record.baseline != usual):
        if (file.record.target, file.record.reference_set) == (split, wanted):
            _load_line(file)
            return file.path
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
    return tuple(_load_line(file) for file in LINES.list_files(folder, version))


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


def store_lines(release: Path, lines: Sequence[MeasuredBaseline]) -> Path:
    """Store measured lines next to a release; a line of the same split, clean set and models is replaced.

    Returns:
        The folder of the lines.

    Raises:
        DataError: The release has no valid manifest, or its index of lines is malformed.
        InputError: A line is of no split of the release, or the release is a copy in the Hub's cache.
        StorageError: The folder cannot be written.
    """
    return LINES.store(release, [_make_file(line) for line in lines])


def list_line_files(release: Path) -> Mapping[str, Path]:
    """Files of a release's lines by their name in the published tree, the index last; empty without lines.

    Raises:
        DataError: There is no valid manifest, or a line was changed after it was stored.
    """
    return LINES.list_published(release, load_manifest(release).version)


def _make_file(line: MeasuredBaseline) -> tuple[LineFile, str]:
    text = format_measured_baseline(line)
    record = LineFile(
        target=line.target,
        reference_set=line.reference_set,
        baseline=line.id,
        file=f"{line.id}-{make_slug(f'{line.target}/on/{line.reference_set}')}.json",
        sha256=hash_bytes(text.encode()),
    )
    return record, text


def _load_line(file: StoredFile[LineFile]) -> MeasuredBaseline:
    file.read_bytes()
    measured = load_measured_baseline(file.path)
    if (measured.target, measured.reference_set, measured.id) != file.record.key:
        raise DataError(
            f"'{file.path}' is a line of '{measured.target}', its index says of '{file.record.target}'."
        )
    return measured
