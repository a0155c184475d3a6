"""`PYTHONPATH=tests/support python -m pipeline_table`: each text-to-image class of the installed diffusers.

Each is tried in a process of its own, with a time limit. What came of it is written into
`generation/data/pipelines.csv`, and its summary into generation/README.md. With names of classes it tries
these alone, and the other rows of the table stay.
"""

from __future__ import annotations

import csv
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline_chain import ALONE, TABLE, Outcome, load_outcomes, run_chain

from imagenet_g.benchmark.hub.quiet import ignore_library_warnings

README = Path(__file__).parents[2] / "generation" / "README.md"
COLUMNS = ("class", "outcome", "note", "diffusers")
LIMIT_SECONDS = 600
IMAGES = (
    "image", "images", "input_images", "mask", "mask_image", "control_image", "conditioning_frames", "video",
    "gligen_images", "gligen_inpaint_image",
)  # fmt: skip
"""Arguments that take pictures; one whose type leaves None out needs a picture, whatever its default is."""
FRAMES = ("num_frames", "video_length", "frames")
HEADER = "| outcome | classes | which |"
OUTCOMES = ("R0", ALONE, "refused", "not tried")
EXCEPTIONS = (ALONE, "refused")
NO_WEIGHTS = "no tiny weights written yet"
UNTRIED = {
    "AmusedPipeline": "its scheduler takes one generator for a whole batch",
    "BriaFiboEditPipeline": "edits an image",
    "CogVideoXFunControlPipeline": "makes videos",
    "Cosmos2TextToImagePipeline": "needs the package cosmos_guardrail, which is no dependency here",
    "Flux2KleinInpaintPipeline": "edits an image",
    "FluxFillPipeline": "edits an image",
    "HeliosPipeline": "makes videos",
    "HeliosPyramidPipeline": "makes videos",
    "HunyuanImageRefinerPipeline": "edits an image",
    "JoyImageEditPipeline": "edits an image",
    "JoyImageEditPlusPipeline": "edits an image",
    "OnnxStableDiffusionPipeline": "is for ONNX, whose runtime is no dependency here",
    "QwenImageEditPipeline": "edits an image",
    "QwenImageEditPlusPipeline": "edits an image",
    "StableDiffusionGLIGENPipeline": "needs boxes and a phrase for each",
    "StableDiffusionOnnxPipeline": "is for ONNX, whose runtime is no dependency here",
    "WuerstchenPriorPipeline": "gives embeddings and no images",
}
"""Why a class has no tiny weights, where it is not only that nobody wrote them."""


def list_text_to_image() -> tuple[str, ...]:
    """Classes that make an image of a height from a prompt alone, by the signatures of their calls; sorted.

    Without those that make videos, and with those of `AutoPipelineForText2Image` that need no control image.
    """
    import diffusers
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    auto = {one.__name__ for one in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    names = [name for name in dir(diffusers) if name.endswith("Pipeline")]
    with ignore_library_warnings():
        found = {name for name in names if _draws_from_text(getattr(diffusers, name))}
    return tuple(sorted(found | {name for name in auto if "Control" not in name}))


def _draws_from_text(pipeline: type) -> bool:
    arguments = dict(inspect.signature(pipeline.__call__).parameters)
    pictures = (arguments[name] for name in IMAGES if name in arguments)
    needs = [
        name for name, one in arguments.items() if one.default is one.empty and one.kind != one.VAR_KEYWORD
    ]
    return (
        {"prompt", "height"} <= set(arguments)
        and set(needs) <= {"self", "prompt"}
        and not set(arguments) & set(FRAMES)
        and all("None" in str(one.annotation) or "Optional" in str(one.annotation) for one in pictures)
    )


def try_class(name: str) -> Outcome:
    """What comes of a class in a process of its own, with one thread."""
    from tiny_text_to_image import PIPELINES

    if name not in PIPELINES:
        return Outcome(name, "not tried", UNTRIED.get(name, NO_WEIGHTS))
    command = [sys.executable, "-m", "pipeline_table", "--alone", name]
    try:
        run = subprocess.run(
            command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False,
            timeout=LIMIT_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(name, "refused", f"took more than {LIMIT_SECONDS} s")
    if run.returncode != 0:
        return Outcome(name, "refused", run.stderr.strip().splitlines()[-1])
    return Outcome(**json.loads(run.stdout.splitlines()[-1]))


def write_table(rows: Iterable[Outcome]) -> None:
    """Write the rows as CSV, sorted by class, and their summary into the README."""
    ordered = sorted(rows, key=lambda row: row.name)
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("class", "diffusers", "outcome", "note"))
        writer.writerows((row.name, version("diffusers"), row.outcome, row.note) for row in ordered)
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition(HEADER)
    _, end, after = rest.partition("\n\n")
    README.write_text(before + format_summary(ordered) + end + after, encoding="utf-8")
    assert begin, f"no line '{HEADER}' in {README}"


def format_summary(rows: Iterable[Outcome]) -> str:
    """Table of Markdown: how many classes came how far, and the exceptions with their reasons."""
    groups = {outcome: [row for row in rows if row.outcome == outcome] for outcome in OUTCOMES}
    lines = [
        f"| {outcome} | {len(group)} | {_join_notes(group) if outcome in EXCEPTIONS else ''} |"
        for outcome, group in groups.items()
    ]
    return "\n".join([HEADER, "|---|---:|---|", *lines]).replace("|  |", "| |")


def _join_notes(rows: Sequence[Outcome]) -> str:
    notes = {row.note: [one.name for one in rows if one.note == row.note] for row in rows}
    return "; ".join(f"{note}: {', '.join(f'`{name}`' for name in names)}" for note, names in notes.items())


def main(words: Sequence[str]) -> int:
    """Try all classes, or those that are named, and write the table; with `--alone`, print one as JSON."""
    if words[:1] == ["--alone"]:
        with TemporaryDirectory() as folder:
            sys.stdout.write(json.dumps(asdict(run_chain(words[1], Path(folder)))) + "\n")
        return 0
    from tiny_text_to_image import PIPELINES

    known = {} if not words else load_outcomes()
    for name in words or sorted({*list_text_to_image(), *PIPELINES}):
        known[name] = try_class(name)
        sys.stdout.write(f"{name}: {known[name].outcome} {known[name].note}\n")
        sys.stdout.flush()
    write_table(known.values())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
