"""Counts of ImageNet's training images in `meta.mat`, the MATLAB file of the ILSVRC development kit.

The file comes from anywhere, and its reader in C believes the sizes that it claims. It is read in a process
of its own (`python -m imagenet_g.generation.plans.devkit FILE`) with limits on memory and time, which gives
JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from imagenet_g.benchmark.classes import load_index_by_wnid
from imagenet_g.benchmark.environment import limit_memory
from imagenet_g.benchmark.errors import InputError, shorten

DEVKIT_FILE = "meta.mat"
DEVKIT_FIELD = "num_train_images"
_TABLE, _WNID = "synsets", "WNID"
# The kit's own file is far below 1 MB; compressed values may unpack to a thousand times their size.
_MAX_BYTES = 16 << 20
_MAX_MEMORY_BYTES = 2 << 30
"""Of address space."""
_MAX_SECONDS = 60
_MAX_SYNSETS = 100_000


def read_devkit_counts(path: Path) -> dict[str, int]:
    """Training images by wnid, for those of the 1000 classes that the file has.

    Args:
        path: `meta.mat`, with an array of structures `synsets` with the fields WNID and num_train_images.

    Raises:
        InputError: It is not such a file.
    """
    problem = f"'{path}' is not the {DEVKIT_FILE} of the ILSVRC development kit"
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}.") from error
    if size > _MAX_BYTES:
        raise InputError(f"{problem}: it has {size:,} bytes, and the kit's has less than a million.")
    # -P: the current folder may be a stranger's, with files named like modules of ours.
    command = [sys.executable, "-P", "-m", "imagenet_g.generation.plans.devkit", str(path.resolve())]
    try:
        # Not checked: what went wrong is said below, and the reader's traceback tells a user nothing.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_MAX_SECONDS,
            check=False,
            env=_make_environment(),
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{problem}: reading it takes more than {_MAX_SECONDS} s.") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it cannot be read"]
        raise InputError(f"{problem}: {shorten(lines[-1])}.")
    counts: dict[str, int] = json.loads(done.stdout)
    return counts


def read_synsets(path: Path) -> dict[str, int]:
    """As `read_devkit_counts`, in this process and without limits.

    Raises:
        ValueError: The file has no such table.
    """
    from scipy.io import loadmat

    # One variable: others are skipped unread.
    table: Any = loadmat(path, variable_names=[_TABLE], squeeze_me=True).get(_TABLE)
    names = getattr(getattr(table, "dtype", None), "names", None) or ()
    if not {_WNID, DEVKIT_FIELD} <= set(names):
        raise ValueError(f"it has no table '{_TABLE}' with the fields {_WNID} and {DEVKIT_FIELD}")
    if table.size > _MAX_SYNSETS:
        raise ValueError(f"it has {table.size} synsets")
    known = load_index_by_wnid()
    # The kit also has the synsets above the classes, which have no images of their own.
    pairs = [(str(row[_WNID]), row[DEVKIT_FIELD]) for row in table.reshape(-1)]
    return {wnid: int(number) for wnid, number in pairs if wnid in known}


def _make_environment() -> dict[str, str]:
    # Each thread of a library's pool reserves address space, more on many cores than the limit allows.
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def main(argv: list[str]) -> int:
    """Write the counts of a file to standard output as JSON, or what is wrong with it to standard error."""
    limit_memory(_MAX_MEMORY_BYTES)
    try:
        sys.stdout.write(json.dumps(read_synsets(Path(argv[0]))))
    # A reader of a hostile file fails in any way, memory included.
    except Exception as error:
        sys.stderr.write(f"{str(error) or type(error).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
