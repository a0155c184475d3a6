"""The files of an audit: the sample is read whole, ratings are appended one line at a time.

A line counts once its newline is on the disk. What a killed process left behind the last newline is no
rating: readers leave it out, and the next writer removes it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from imagenet_g.benchmark.audits.records import (
    MAX_RATERS,
    SIMULATED,
    AuditItem,
    AuditSample,
    Rating,
    RatingsHeader,
    RatingsRecord,
)
from imagenet_g.benchmark.errors import DataError, InputError, UntrustedFileError, format_problems
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.storage import translate_storage_errors, write_text

SAMPLE_NAME = "sample.json"
RATINGS_FOLDER = "ratings"
MAX_SAMPLE_BYTES = 256 << 20
MAX_RATINGS_BYTES = 128 << 20
"""Two hundred thousand images, rated several times each."""
_MAX_HEADER_BYTES = 4096
_Line = TypeVar("_Line", RatingsHeader, Rating)


@dataclass(frozen=True, slots=True)
class LoadedSample:
    """A sample with its identity.

    Attributes:
        sample: What was drawn.
        sha256: Of the file's bytes; every rating file names it.
        items: The drawn images by their ids.
    """

    sample: AuditSample
    sha256: str
    items: Mapping[str, AuditItem]


@dataclass(frozen=True, slots=True)
class RaterAnswers:
    """All that one rater answered.

    Attributes:
        header: First line of the file.
        answers: The last rating of each image, by the item's id.
        sha256: Of the file's bytes up to its last newline.
        torn: Whether something stood behind the last newline; it was left out.
    """

    header: RatingsHeader
    answers: Mapping[str, Rating]
    sha256: str
    torn: bool

    def make_record(self) -> RatingsRecord:
        """What a report records of the file."""
        return RatingsRecord(
            rater=self.header.rater,
            simulated=self.header.simulated,
            sha256=self.sha256,
            num_ratings=len(self.answers),
        )


def format_sample(sample: AuditSample) -> str:
    """The text of `sample.json`: indented, with a newline at the end."""
    return sample.model_dump_json(indent=1) + "\n"


def write_sample(folder: Path, sample: AuditSample) -> Path:
    """Write `sample.json`; the same sample again changes nothing.

    Raises:
        InputError: The folder holds another sample, which its ratings belong to.
        StorageError: It cannot be written.
    """
    path, text = folder / SAMPLE_NAME, format_sample(sample)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(f"'{folder}' holds another sample; name an empty folder with --out.")
    write_text(path, text)
    return path


def load_sample(folder: Path) -> LoadedSample:
    """Read and check `folder/sample.json`.

    Raises:
        InputError: There is no such file.
        UntrustedFileError: It is malformed or too large.
    """
    path = folder / SAMPLE_NAME
    if not path.is_file():
        raise InputError(f"'{folder}' has no {SAMPLE_NAME}; 'imagenet-g audit make' writes one.")
    return read_sample(_read_limited(path, MAX_SAMPLE_BYTES), path)


def read_sample(data: bytes, name: Path) -> LoadedSample:
    """A sample from the bytes of its file.

    Raises:
        UntrustedFileError: It is malformed.
    """
    try:
        sample = AuditSample.model_validate_json(data)
    except ValidationError as error:
        raise UntrustedFileError(f"'{name}' is no valid sample:\n{format_problems(error)}") from error
    return LoadedSample(sample, hash_bytes(data), {item.item: item for item in sample.items})


def make_ratings_path(folder: Path, rater: str) -> Path:
    """The rating file of a rater code; the code must have been validated by `RatingsHeader`."""
    return folder / RATINGS_FOLDER / f"{rater}.jsonl"


def make_report_path(folder: Path, *, simulated: bool) -> Path:
    """Where the report of an audit is; one of simulated ratings is called so."""
    return folder / (f"audit-{SIMULATED}.json" if simulated else "audit.json")


def has_begun(path: Path) -> bool:
    """Whether a rating file has its header; one that a killed process left without is as good as absent."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.readline(_MAX_HEADER_BYTES).endswith(b"\n")


def start_ratings(folder: Path, header: RatingsHeader) -> Path:
    """Write the header of a rating file; one that is there already is left as it is.

    Raises:
        InputError: The file that is there is of another sample.
        UntrustedFileError: The file that is there is malformed.
        StorageError: It cannot be written.
    """
    path = make_ratings_path(folder, header.rater)
    with translate_storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Opened to append: a file that another process began a moment ago must not lose its ratings.
        with path.open("a+b") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            stream.seek(0)
            data = stream.read(MAX_RATINGS_BYTES)
            begun = _find_whole_length(data) > 0
            if not begun:
                stream.truncate(0)
                stream.write(header.model_dump_json().encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
                _sync_folder(path.parent)
    if begun:
        _validate_sample(parse_ratings(data, path).header, header.sample_sha256, path)
    return path


def append_rating(path: Path, rating: Rating) -> None:
    """Add one rating to a file that `start_ratings` made; it is on the disk when this returns.

    Two processes may append to one file.

    Raises:
        StorageError: It cannot be written.
    """
    append_ratings(path, (rating,))


def append_ratings(path: Path, ratings: Iterable[Rating]) -> None:
    """Add ratings as `append_rating` does, all in one write.

    Raises:
        StorageError: They cannot be written.
    """
    lines = b"".join(rating.model_dump_json().encode() + b"\n" for rating in ratings)
    with translate_storage_errors(path), path.open("r+b") as stream:
        # Held until the file is closed: what stands behind the last newline could else be of another writer.
        fcntl.flock(stream, fcntl.LOCK_EX)
        stream.seek(_find_whole_length(stream.read()))
        stream.truncate()
        stream.write(lines)
        stream.flush()
        os.fsync(stream.fileno())


def load_ratings(path: Path, sample: LoadedSample) -> RaterAnswers:
    """Read and check the ratings of one rater.

    Raises:
        InputError: There is no such file, or it is of another sample.
        UntrustedFileError: It is malformed, too large, not named after its rater, or rates an image that was
            not drawn.
    """
    if not path.is_file():
        raise InputError(f"There is no rating file '{path}'.")
    found = parse_ratings(_read_limited(path, MAX_RATINGS_BYTES), path)
    _validate_sample(found.header, sample.sha256, path)
    # A copy under a second name would count one person's answers twice.
    if path.stem != found.header.rater:
        raise UntrustedFileError(
            f"'{path}' holds the ratings of '{found.header.rater}'; name it {found.header.rater}.jsonl."
        )
    if odd := sorted(found.answers.keys() - sample.items.keys()):
        raise UntrustedFileError(f"'{path}' rates item '{odd[0]}', which was not drawn.")
    return found


def load_all_ratings(folder: Path, sample: LoadedSample) -> tuple[RaterAnswers, ...]:
    """The ratings of every rater of an audit, by rater code.

    Raises:
        InputError: A file is of another sample, or people's and simulated ratings lie in one folder.
        UntrustedFileError: As `load_ratings`, or there are more than `MAX_RATERS` files.
    """
    paths = sorted((folder / RATINGS_FOLDER).glob("*.jsonl"))
    if len(paths) > MAX_RATERS:
        raise UntrustedFileError(f"'{folder / RATINGS_FOLDER}' has {len(paths)} files; {MAX_RATERS} at most.")
    # Only what a kill left is passed over; a larger file holds something else and is refused.
    whole = (path for path in paths if has_begun(path) or path.stat().st_size > _MAX_HEADER_BYTES)
    found = tuple(load_ratings(path, sample) for path in whole)
    if len({answers.header.simulated for answers in found}) > 1:
        raise InputError(
            f"'{folder / RATINGS_FOLDER}' holds ratings of people and simulated ones; "
            "move the simulated files to an audit of their own."
        )
    return found


def parse_ratings(data: bytes, name: Path) -> RaterAnswers:
    """Ratings from the bytes of a file; whatever stands behind the last newline is left out.

    Raises:
        UntrustedFileError: The header or a whole line is malformed.
    """
    whole = data[: _find_whole_length(data)]
    lines = whole.splitlines()
    if not lines:
        raise UntrustedFileError(f"'{name}' has no header; it is no rating file.")
    header = _parse_line(RatingsHeader, lines[0], 1, name)
    ratings = (_parse_line(Rating, line, number, name) for number, line in enumerate(lines[1:], start=2))
    answers = {rating.item: rating for rating in ratings}  # The last line of an image: a rater may go back.
    return RaterAnswers(header, answers, hash_bytes(whole), torn=len(whole) < len(data))


def _parse_line(model: type[_Line], line: bytes, number: int, name: Path) -> _Line:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        problems = format_problems(error)
        raise UntrustedFileError(f"Line {number} of '{name}' is malformed:\n{problems}") from error


def _find_whole_length(data: bytes) -> int:
    r"""Bytes up to the last newline, with it.

    Example:
        >>> _find_whole_length(b"one\ntwo\nthr"), _find_whole_length(b"torn")
        (8, 0)
    """
    return data.rfind(b"\n") + 1


def _read_limited(path: Path, limit: int) -> bytes:
    try:
        if (size := path.stat().st_size) > limit:
            raise UntrustedFileError(f"'{path}' has {size} bytes; {limit} at most are read.")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror or error}.") from error


def _validate_sample(header: RatingsHeader, sha256: str, path: Path) -> None:
    if header.sample_sha256 != sha256:
        raise InputError(
            f"'{path}' rates another sample (hash {header.sample_sha256[:8]}..., and {sha256[:8]}... here); "
            "put each into the folder of its own sample."
        )


def _sync_folder(folder: Path) -> None:
    # A new name is on the disk only once its folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
