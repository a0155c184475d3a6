"""Whether a container of images is whole: what lies in its place, and whether it ends where it should."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.images.kinds import HEAD_BYTES, find_other_kind

_BLOCK = 512
_COPY_BYTES = 1 << 20


def find_stand_in(path: Path) -> str | None:
    """What lies in the place of an archive or a parquet file, with advice; None where nothing is known.

    Args:
        path: A file that cannot be read as what it should be.
    """
    try:
        with path.open("rb") as file:
            kind = find_other_kind(file.read(HEAD_BYTES))
    except OSError:
        return None
    # Without advice there is nothing to add to what its reader states.
    return f"it is {kind.article} {kind.name}: {kind.advice}" if kind and kind.advice else None


def validate_tar_end(path: Path, offset: int) -> None:
    """Check that a tar ends with its end mark, and that nothing comes behind the mark.

    Python stops without an error where the next header is cut or damaged, and a set would lose the images
    behind it unnoticed. Source of the mark, a block of zeros: POSIX.1-2008, pax, "ustar Interchange Format".

    Args:
        path: The tar.
        offset: Where reading stopped, in bytes.

    Raises:
        ValueError: It breaks off, is damaged at `offset`, or further files follow the mark.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        file.seek(offset)
        block = file.read(_BLOCK)
        if len(block) < _BLOCK:
            raise ValueError(f"it breaks off after {offset + len(block)} bytes, without its end mark")
        if any(block):
            raise ValueError(f"the header at byte {offset} is damaged")
        while piece := file.read(_COPY_BYTES):
            if any(piece):
                raise ValueError(
                    f"more files follow its end mark at byte {offset}; unpack it with "
                    "'tar --ignore-zeros' and pack the files anew"
                )
