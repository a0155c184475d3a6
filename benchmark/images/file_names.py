"""Which of the files in a class folder are images: by their names, and where a name says nothing, by content.

A usual ending is believed without a look into the file, so that 50,000 images are not opened twice. Any other
file is known by its first bytes: data sets hold JPEG files as `.jfif`, as `.jpe`, or without an ending.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imagenet_g.benchmark.images.kinds import find_image_format, find_other_kind

IMAGE_SUFFIXES = (
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm",
    ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp",
)  # fmt: skip
"""Endings that are believed, in lower case. timm's own list is .png, .jpg, .jpeg."""
HIDDEN, METADATA, CHECKSUM, BACKUP = (
    "hidden or system file", "text or metadata file", "checksum file", "backup or partial download",
)  # fmt: skip
_SYSTEM_NAMES = ("__macosx", "desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db")
_METADATA_NAMES = ("authors", "changelog", "citation", "copying", "license", "licence", "notice", "readme")
_METADATA_SUFFIXES = (
    ".bib", ".cls", ".csv", ".htm", ".html", ".ipynb", ".json", ".jsonl", ".log", ".md", ".py", ".rst",
    ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml",
)  # fmt: skip
_CHECKSUM_NAMES = ("checksums", "md5sums", "sha1sums", "sha256sums", "sha512sums")
_CHECKSUM_SUFFIXES = (".crc", ".md5", ".sfv", ".sha1", ".sha256", ".sha512")
_CONTAINER_SUFFIXES = (".gz", ".parquet", ".tar", ".tgz", ".zip")
_BACKUP_SUFFIXES = (
    ".bak", ".crdownload", ".download", ".old", ".orig", ".part", ".partial", ".swp", ".temp", ".tmp", "~",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OtherFiles:
    """Files among the images that are not taken, counted by kind.

    Attributes:
        kinds: Kind, number of files, and the name of the first, in the order they were found.
    """

    kinds: tuple[tuple[str, int, str], ...] = ()

    @classmethod
    def from_names(cls, names: list[tuple[str, str]]) -> OtherFiles:
        """Counts of files by kind.

        Args:
            names: Kind and name of each file.

        Example:
            >>> OtherFiles.from_names([(HIDDEN, ".DS_Store"), (HIDDEN, "Thumbs.db")]).kinds
            (('hidden or system file', 2, '.DS_Store'),)
        """
        by_kind: dict[str, list[str]] = {}
        for kind, name in names:
            by_kind.setdefault(kind, []).append(name)
        return cls(tuple((kind, len(found), found[0]) for kind, found in by_kind.items()))

    def format_counts(self) -> str | None:
        """A sentence on the files left out; None without any.

        Example:
            >>> OtherFiles((("checksum file", 1, "MD5SUMS"), ("text file", 3, "a.cap"))).format_counts()
            '4 files were left out: 1 checksum file (MD5SUMS), 3 text files (such as a.cap).'
        """
        if not self.kinds:
            return None
        total = sum(count for _, count, _ in self.kinds)
        parts = ", ".join(
            f"{count} {kind} ({name})" if count == 1 else f"{count} {_make_plural(kind)} (such as {name})"
            for kind, count, name in self.kinds
        )
        return f"1 file was left out: {parts}." if total == 1 else f"{total} files were left out: {parts}."


NO_OTHER_FILES = OtherFiles()


def find_left_out_kind(name: str, read_head: Callable[[], bytes]) -> str | None:
    r"""As what kind of file one is left out; None for an image.

    Args:
        name: The file's name without its folder.
        read_head: Gives its first `kinds.HEAD_BYTES` bytes; called only where the name says nothing.

    Raises:
        OSError: As `read_head`.

    Example:
        >>> jpeg, text = (lambda: b"\xff\xd8\xff\xe0"), (lambda: b"a caption")
        >>> [find_left_out_kind(name, jpeg) for name in ("a.JPEG", "a", "a.tench", "a.jpg.bak")]
        [None, None, None, 'backup or partial download']
        >>> [find_left_out_kind(name, text) for name in ("._a.jpg", "README", "a.cap", "MD5SUMS")]
        ['hidden or system file', 'text or metadata file', 'text file', 'checksum file']
    """
    lower = name.lower()
    if is_hidden(name):
        return HIDDEN
    if lower.endswith(IMAGE_SUFFIXES):
        return None
    if lower.endswith(_CHECKSUM_SUFFIXES) or lower in _CHECKSUM_NAMES:
        return CHECKSUM
    if lower.endswith(_METADATA_SUFFIXES) or lower in _METADATA_NAMES:
        return METADATA
    if lower.endswith(_BACKUP_SUFFIXES):
        return BACKUP
    head = read_head()
    if find_image_format(head) is not None:
        return None
    kind = find_other_kind(head)
    if kind is not None:
        # A pointer is an image whose bytes are missing: left out, it would make the set smaller unnoticed.
        return None if kind.stands_in and not lower.endswith(_CONTAINER_SUFFIXES) else kind.name
    return "other file" if head else "empty file"


def is_hidden(name: str) -> bool:
    """Whether a name is hidden, or one that operating systems leave behind.

    Example:
        >>> is_hidden("__MACOSX"), is_hidden(".DS_Store"), is_hidden("Thumbs.db"), is_hidden("n01440764")
        (True, True, True, False)
    """
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _make_plural(kind: str) -> str:
    # "file of zero bytes" becomes "files of zero bytes".
    head, of, rest = kind.partition(" of ")
    return f"{head}s{of}{rest}"
