"""`imagenet-g baselines add`: measured lines become part of a version."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.terminal.text import print_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagenet_g.benchmark.robustness.measured_sets import MeasuredBaseline


def run_add(arguments: Namespace) -> int:
    """Store measured lines with a release."""
    from imagenet_g.benchmark.robustness.measured_sets import load_measured_baseline

    add_lines(arguments.release, [load_measured_baseline(path) for path in arguments.line])
    return 0


def add_lines(release: Path, lines: Sequence[MeasuredBaseline]) -> None:
    """Store lines with a release and print where, and what happens to them next."""
    from imagenet_g.benchmark.lines.version_lines import store_lines

    folder = store_lines(release, lines)
    for line in lines:
        print_line(f"stored the line of {line.target} against {line.reference_set} in {folder}")
    print_line("'evaluate' takes it by default; 'imagenet-g publish' uploads it with the release.")
