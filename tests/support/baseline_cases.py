"""Small baselines for tests, on a line or around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imagenet_g.benchmark.identity import hash_lines
from imagenet_g.benchmark.robustness.links import apply_link, invert_link
from imagenet_g.benchmark.robustness.points import BaselinePoints

FIELDS = "model,family,training_data,category,in_fit,note,imagenet_val,imagenet_sketch"
FIGURES = """
[columns.imagenet_val]
set = "imagenet-val"
class_set = "all"
outputs = "all"
n = 50000
source = "tests"

[columns.imagenet_sketch]
set = "imagenet-sketch"
class_set = "all"
outputs = "all"
n = 50889
source = "tests"

[targets.imagenet-sketch]
column = "imagenet_sketch"
reference = "imagenet_val"
"""


def make_points(
    clean: list[float],
    shifted: list[float],
    *,
    families: list[str] | None = None,
    models: list[str] | None = None,
) -> BaselinePoints:
    """Points with the given accuracies, one family a model unless given."""
    return BaselinePoints(
        baseline="toy",
        baseline_sha256="0" * 64,
        target="toy-split",
        axes=("clean",),
        models=tuple(models or (f"model-{number}" for number in range(len(clean)))),
        families=tuple(families or (f"family-{number}" for number in range(len(clean)))),
        reference=np.array(clean, dtype=np.float64)[:, None],
        shifted=np.array(shifted, dtype=np.float64),
        reference_n=(50_000,),
        shifted_n=10_000,
    )


def make_points_on_line(link: str, *, slope: float = 0.9, intercept: float = -0.1) -> BaselinePoints:
    """Eight models exactly on a line."""
    clean = np.linspace(0.55, 0.85, 8)
    shifted = invert_link(intercept + slope * apply_link(clean, link), link)
    return make_points(clean.tolist(), shifted.tolist())


def write_table(folder: Path, name: str, lines: list[str], rest: str, *, sha256: str | None = None) -> Path:
    """A baseline set from the lines of its table and the rest of its header; returns the header."""
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    header = folder / f"{name}.toml"
    header.write_text(
        f"""
schema_version = 1
id = "{name}"
version = "1"
title = "A baseline of one's own"
note = "For tests."
table = "{name}.csv"
table_sha256 = "{sha256 or hash_lines(lines)}"
{rest}"""
    )
    return header


def write_model_list(folder: Path, name: str, models: list[str], *, training_data: str) -> Path:
    """A baseline set without figures, of models in own code, a family each; returns its header."""
    lines = [
        "model,family,training_data,category,in_fit,note",
        *(f"{model},family-{number},{training_data},standard,yes," for number, model in enumerate(models)),
    ]
    return write_table(folder, name, lines, 'scheme = "python"\ncolumns = {}\ntargets = {}\n')


def write_baseline(folder: Path, rows: list[str], *, sha256: str | None = None) -> Path:
    """A baseline set of one's own with two columns and one target; returns the header."""
    return write_table(folder, "own", [FIELDS, *rows], FIGURES, sha256=sha256)


def make_row(model: str, clean: str = "0.7", shifted: str = "0.2", **changes: str) -> str:
    """A row of such a table."""
    cells = {
        "family": "toy",
        "training_data": "imagenet-1k",
        "category": "standard",
        "in_fit": "yes",
        "note": "",
        **changes,
    }
    return ",".join((model, *cells.values(), clean, shifted))
