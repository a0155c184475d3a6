"""An adopted split: images that were made elsewhere, of which nothing can be rendered again."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationError

from imagenet_g.benchmark.records import Count, FileModel, Sha256
from imagenet_g.benchmark.splits.manifests import Manifest, SplitManifest
from imagenet_g.benchmark.terminal.markdown import format_code
from imagenet_g.generation.near_duplicates.report import NearDuplicatesRecord

CANNOT_BE_REMADE = "cannot be remade"
ADOPTED = "adopted"


class Provenance(FileModel):
    """Where the images are from, as whoever adopted them states it."""

    kind: Literal["adopted"] = "adopted"
    generator: str | None
    """Repository or name of what drew the images; null for unknown."""
    paper: str | None
    """The paper or page that describes them; null for unknown."""
    citation: str | None
    """BibTeX; null for unknown."""
    license: str
    """SPDX expression, or "unknown"."""
    seed: Literal["unknown"] = "unknown"
    spec: str | None
    """Name of the adoption spec that was followed; null without one."""


class SourceRecord(FileModel):
    """Where the files lay, closely enough to know them again."""

    name: str
    """Of the folder, file or repository; no path of a machine."""
    layout: str
    classes: str
    """What named the classes: "wnid", "name", "number" or "map"."""
    order: str | None
    """What class numbers meant; null where there were none."""
    revision: str | None
    """Commit of the repository; null for files of a machine."""
    content_sha256: Sha256
    """Over the hash of every image file, sorted: the same files give the same hash in any container."""


class AdoptedCounts(FileModel):
    """Counts of images by outcome."""

    listed: Count
    released: Count
    classes: Count
    """Classes that have images."""
    unreadable: Count
    """Left out, because they could not be decoded."""
    dropped: Count
    """Left out, because they are near-duplicates."""
    flat: Count
    """Of one colour, or nearly."""
    copies: Count
    """Images with the pixels of another one of their class."""
    clashes: Count
    """Images with the pixels of an image of another class."""


class AdoptedRecipe(FileModel):
    """The `recipe` of an adopted split in the manifest of its release."""

    schema_version: Literal[1] = 1
    kind: Literal["adopted"] = "adopted"
    reproducibility: Literal["cannot be remade"] = "cannot be remade"
    recipe: Provenance
    source: SourceRecord
    counts: AdoptedCounts
    left_out: str | None
    """A sentence on other files among the images; null for none."""
    near_duplicates: NearDuplicatesRecord | None = None
    """What a search for near-duplicates found; null where there was none."""


def find_adopted(split: SplitManifest) -> AdoptedRecipe | None:
    """The recipe of an adopted split; None for one that was made by other means."""
    try:
        return AdoptedRecipe.model_validate(split.recipe)
    except ValidationError:
        return None


def format_adopted_facts(split: SplitManifest, recipe: AdoptedRecipe) -> list[str]:
    """Markdown lines on an adopted split; words of whoever adopted it are no markup."""
    made, counts = recipe.recipe, recipe.counts
    generator, paper = (
        "unknown" if text is None else format_code(text) for text in (made.generator, made.paper)
    )
    lines = [
        f"- {counts.released} images of {len(split.class_indices)} classes, adopted and not rendered here: "
        f"they {recipe.reproducibility}",
        f"- generator: {generator}; seeds: {made.seed}; licence: {format_code(made.license)}",
        f"- paper: {paper}",
        f"- copies within a class: {counts.copies}; images that are also in another class: {counts.clashes}; "
        f"flat: {counts.flat}",
    ]
    if counts.unreadable or counts.dropped:
        lines.append(f"- left out: {counts.unreadable} unreadable, {counts.dropped} near-duplicates")
    return [*lines, *_format_near(recipe.near_duplicates), ""]


def list_citations(manifest: Manifest) -> list[str]:
    """BibTeX of the adopted splits, each once."""
    recipes = [find_adopted(split) for split in manifest.splits.values()]
    found = [recipe.recipe.citation for recipe in recipes if recipe is not None]
    # A run of backticks would end the block of code that it is printed in.
    return list(dict.fromkeys(text.strip().replace("```", "'''") for text in found if text))


def _format_near(record: NearDuplicatesRecord | None) -> list[str]:
    if record is None:
        return []
    reference = (
        "" if record.reference is None else f", {record.against} like one of {format_code(record.reference)}"
    )
    return [
        f"- near-duplicates ({record.method}, at most {record.max_distance} bits): {record.within} images "
        "like "
        f"another one, {record.other_class} of them of another class{reference}; "
        f"{'left out' if record.dropped else 'kept'}"
    ]
