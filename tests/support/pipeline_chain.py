"""A pipeline of diffusers with tiny random weights, from its spec to a release that is verified.

By the commands that a user types; what came of it is a row of `generation/data/pipelines.csv`.
"""

from __future__ import annotations

import contextlib
import io
import json
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path

from build_specs import CLASSES, make_spec, make_split, write_spec

from imagenet_g.benchmark.cli import main

TABLE = Path(__file__).parents[2] / "generation" / "data" / "pipelines.csv"
REPRESENTATIVES = (
    "CogView3PlusPipeline", "Flux2KleinPipeline", "PRXPipeline", "StableDiffusionPipeline", "WanPipeline"
)  # fmt: skip
"""A transformer, a FLUX, one that fails for two rows at once, a UNet, one whose output has frames."""
ALONE = "one at a time"
# What the guard before the first shard says of a pipeline that cannot render batches, and what that is.
GUARDS = {
    "and fails for 2 at once": "fails for several images at once",
    "mixes the images of a batch": "an image changes with the others beside it",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a pipeline class.

    Attributes:
        name: The class in diffusers.
        outcome: `R0` in batches of two, `one at a time` (R0 with `batch_size = 1`), `refused` or `not tried`.
        note: Why, unless it is R0.
    """

    name: str
    outcome: str
    note: str = ""


def load_outcomes() -> dict[str, Outcome]:
    """The rows of the table by class."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = [Outcome(row["class"], row["outcome"], row["note"]) for row in DictReader(file)]
    return {row.name: row for row in rows}


def list_tried() -> list[str]:
    """Classes of the table that were run."""
    return [row.name for row in load_outcomes().values() if row.outcome != "not tried"]


def run_chain(name: str, folder: Path) -> Outcome:
    """Write weights and a spec of two classes, build, and verify; where batches are refused, one at a time.

    Raises:
        AssertionError: A release was built that its own machine does not remake pixel by pixel.
    """
    from tiny_text_to_image import build_tiny

    weights, reason = build_tiny(name, folder / "weights"), ""
    for batch_size in (2, 1):
        out = folder / f"batches-of-{batch_size}"
        code, said = _build(name, weights, out, batch_size)
        if code == 0:
            _require_r0(out, weights)
            return Outcome(name, ALONE if reason else "R0", reason)
        # Only where the message says so: that is the next step of a user as well.
        if "write batch_size = 1 " not in said:
            break
        reason = next(told for words, told in GUARDS.items() if words in said)
    return Outcome(name, "refused", said.rpartition("imagenet-g: ")[2])


def _build(name: str, weights: Path, out: Path, batch_size: int) -> tuple[int, str]:
    from tiny_text_to_image import make_table

    split = make_split("tiny", classes=CLASSES[:2], images_per_class=2, batch_size=batch_size)
    spec = make_spec({"tiny": make_table(name, weights)}, {"sd-l": split})
    return _run("build", write_spec(out.with_suffix(".toml"), spec), "--out", out, "--device", "cpu")


def _require_r0(out: Path, weights: Path) -> None:
    report = out.with_suffix(".json")
    words = ("--pipeline", weights, "--device", "cpu", "--expect", "R0", "--json", report)
    code, said = _run("verify", out, *words)
    (split,) = json.loads(report.read_text())["splits"]
    assert (code, split["level"], split["distance"]["num_identical"]) == (0, "R0", 4), said


def _run(*words: object) -> tuple[int, str]:
    """Exit code of a command, and all that it printed as one line."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main([str(word) for word in words])
    return code, " ".join(said.getvalue().split())
