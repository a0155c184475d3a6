"""The process behind an upload (arguments FILE SUBMISSIONS): one report as JSON, within limits."""

from __future__ import annotations

import sys
from pathlib import Path

MAX_MEMORY_BYTES = 6_000_000_000
"""Of address space, of which the libraries reserve much and use little."""


def limit_memory() -> None:
    """Make an allocation beyond the limit fail in this process alone."""
    # A parquet file can claim small sizes and unpack to large ones: checks of its footer are not enough.
    try:
        import resource
    except ImportError:  # Windows has no such limit; the time limit holds there too.
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MAX_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def main(argv: list[str]) -> int:
    """Validate one file and write the report to standard output."""
    from imagenet_g.leaderboard.validation.split_store import SplitStore
    from imagenet_g.leaderboard.validation.validate import (
        ValidationContext,
        load_known_baselines,
        load_known_submissions,
        validate_submission,
    )

    path, submissions = map(Path, argv)
    context = ValidationContext(
        SplitStore(), load_known_submissions(submissions), load_known_baselines(submissions)
    )
    sys.stdout.write(validate_submission(path, context).model_dump_json())
    return 0


if __name__ == "__main__":
    # Before `main` imports the libraries: what they allocate counts too.
    limit_memory()
    sys.exit(main(sys.argv[1:]))
