"""The README.md beside trained weights: what they are, their training data, and how to load them."""

from __future__ import annotations

import re

from imagenet_g.benchmark.training.records import TrainingRecord, TrainingStageRecord

CARD_NAME = "README.md"
LOADING = {
    "clip": "`open_clip:local-dir:FOLDER` on the command line; shipped ones as `open_clip:packaged:{name}`",
    "autoencoder": "`diffusers.AutoencoderTiny.from_pretrained(FOLDER)`",
    "diffusion": (
        "`diffusers.StableDiffusionPipeline.from_pretrained(FOLDER)`, and the same folder as "
        '`StableDiffusionImageVariationPipeline`; in a version spec `repo = "FOLDER"`, shipped ones as '
        '`repo = "packaged:{name}"`'
    ),
}


PARTS = {
    "autoencoder": ("vae", "AutoencoderTiny"),
    "diffusion": ("unet", "UNet2DConditionModel"),
}
"""What a stage trains of a pipeline: its name there, and its class."""
LOADING_PART = (
    '`[generators.NAME.parts.{part}]` with `repo = "FOLDER"` in a version spec, a shipped one with '
    '`repo = "packaged:{name}"`, of a generator whose own repository is `{continues}`; in Python '
    "`StableDiffusionPipeline.from_pretrained(..., {part}={cls}.from_pretrained(FOLDER))`"
)


def format_card(record: TrainingRecord, *, title: str, continues: str | None = None) -> str:
    """The card of a folder of weights, from its record alone.

    Args:
        record: Its stages; the folder holds the last one.
        title: Description in one line.
        continues: The pipeline that it is a part of; None for a complete pipeline.
    """
    stage = record.stages[-1].stage
    loading = LOADING[stage] if continues is None else LOADING_PART
    part, cls = PARTS.get(stage, ("", ""))
    sources = sorted({f"`{stage.data['ref']}`" for stage in record.stages})
    lines = [
        "---",
        f"license: {_format_license(record.license)}",
        "---",
        f"# {record.name}",
        "",
        f"{title}. Trained only on {' and '.join(sources)}; for teaching, tests and CI.",
        "",
        f"To load it: {loading.format(name=record.name, continues=continues, part=part, cls=cls)}.",
        "",
        "| stage | steps | time | device | seed | recipe | data |",
        "|---|---|---|---|---|---|---|",
        *(_format_stage(stage) for stage in record.stages),
        "",
        "Hashes are the first twelve digits of sha256; full hashes and the versions of libraries are in "
        "`training.json`. Times are of training alone, summed over runs; the machine may have been busy.",
        "",
        f"Licence of the weights and of what they were trained on: {record.license}.",
    ]
    return "\n".join(lines) + "\n"


def put_section(card: str, heading: str, text: str) -> str:
    """A card with a section at its end, which replaces an existing one of the same heading.

    Args:
        card: Markdown.
        heading: Of second level, without its signs.
        text: Markdown without headings of first or second level.

    Example:
        >>> card = put_section("# A model", "Fidelity", "Not measured.")
        >>> print(put_section(card, "Fidelity", "No copies found."), end="")
        # A model
        <BLANKLINE>
        ## Fidelity
        <BLANKLINE>
        No copies found.
    """
    # A lookahead, so that each heading stays with its section.
    first, *sections = re.split(r"(?m)^(?=## )", card)
    kept = [section for section in sections if section.partition("\n")[0] != f"## {heading}"]
    parts = [first, *kept, f"## {heading}\n\n{text}\n"]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _format_stage(stage: TrainingStageRecord) -> str:
    data = f"`{stage.data['ref']}` {str(stage.data['content_sha256'])[:12]}"
    time = f"{stage.seconds / 60:.0f} min"
    return (
        f"| {stage.stage} | {stage.steps} | {time} | {stage.device} | {stage.seed} | "
        f"{stage.recipe_sha256[:12]} | {data} |"
    )


def _format_license(expression: str) -> str:
    """The Hub accepts single licences only."""
    # A licence expression of several words, such as "MIT AND CC0-1.0", is no identifier of the Hub.
    return expression.lower() if " " not in expression else "other"
