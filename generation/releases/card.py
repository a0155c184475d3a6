"""The README.md of a release: what `datasets` needs to load it, and the most important numbers."""

from __future__ import annotations

from imagenet_g.benchmark.splits.manifests import Manifest, SplitManifest, is_for_training
from imagenet_g.benchmark.terminal.markdown import escape_heading, format_code
from imagenet_g.generation.plans.prompt_checks import format_sharing
from imagenet_g.generation.releases.adopted import find_adopted, format_adopted_facts
from imagenet_g.generation.releases.recipe import ALL_IMAGES, SplitRecipe, fill_defaults


def format_card(manifest: Manifest) -> str:
    """The card of a release, from its manifest alone."""
    parts = [
        _format_front_matter(manifest),
        f"# {escape_heading(manifest.title)}\n\nVersion `{manifest.version}` of ImageNet-G: images of "
        f"ImageNet classes made by generative models, {_describe_purpose(manifest)}.\n",
    ]
    if manifest.notice:
        parts.append(f"> {manifest.notice}\n")
    parts += [_format_split(manifest, name, split) for name, split in manifest.splits.items()]
    return "\n".join(parts)


def _describe_purpose(manifest: Manifest) -> str:
    if is_for_training(manifest):
        return "to train image classifiers on"
    return "to measure how much accuracy image classifiers lose on them"


def format_introduction(manifest: Manifest) -> str:
    """What a published version is, in a paragraph."""
    num_images = sum(split.num_images for split in manifest.splits.values())
    purpose = "made to measure how much accuracy image classifiers lose on images unlike its photos"
    if is_for_training(manifest):
        purpose = "made to train image classifiers on; no model is measured on them"
    return (
        f"Version `{manifest.version}` of ImageNet-G: {num_images:,} images for the classes of ImageNet-1k, "
        f"{purpose}. Splits: "
        + ", ".join(f"`{name}`" for name in manifest.splits)
        + ". A published version never changes; a better generator gives a new version.\n"
    )


def format_use(manifest: Manifest, *, repo: str, tag: str) -> str:
    """How to evaluate a model on a published version, and how to load its images.

    Args:
        manifest: Of the release.
        repo: Dataset on the Hub.
        tag: Its revision.
    """
    tests = [name for name, split in manifest.splits.items() if split.role == "test"]
    name = next(iter([*tests, *manifest.splits]))
    evaluation = f"""Evaluate a model, with its gap to the clean accuracy and its effective robustness:

```bash
pip install imagenet-g
imagenet-g evaluate --model timm:resnet50 --split {manifest.version}/{name} \\
  --data {manifest.version}=hub:{repo}@{tag}
```

Or load the images without it:
"""
    return f"""## Use

{evaluation if tests else "Load the images:"}
```python
from datasets import load_dataset

images = load_dataset("{repo}", "{name}", split="{manifest.splits[name].hub_split}", revision="{tag}")
```

Each view is a config named `split--view`. Give the tag as `revision`; without it, a later version may be
loaded. `manifest.json` has the sha256 of every file.
"""


def _format_front_matter(manifest: Manifest) -> str:
    lines = [
        "---",
        f"pretty_name: {_quote(manifest.title)}",
        "task_categories: [image-classification]",
        "configs:",
    ]
    for name, split in manifest.splits.items():
        lines += [
            f"- config_name: {name}",
            "  data_files:",
            f"  - split: {split.hub_split}",
            # A pattern and not a list: the number of shards changes with the images, the card's head does
            # not.
            f"    path: data/{name}/{split.hub_split}-*.parquet",
        ]
    return "\n".join([*lines, "---", ""])


def _format_split(manifest: Manifest, name: str, split: SplitManifest) -> str:
    lines = [
        f"## {name}",
        "",
        f'`load_dataset("<this repository or folder>", "{name}", split="{split.hub_split}")`',
        "",
        *format_split_facts(split),
    ]
    return "\n".join(lines)


def format_split_facts(split: SplitManifest) -> list[str]:
    """Markdown lines with the results of a built split, or the origin of an adopted one.

    Raises:
        ValidationError: This package neither built nor adopted it.
    """
    if (adopted := find_adopted(split)) is not None:
        return format_adopted_facts(split, adopted)
    recipe = SplitRecipe.model_validate(split.recipe)
    counts = recipe.counts
    return [
        f"- {counts.released} images of {len(split.class_indices)} classes"
        + (f"; {len(recipe.left_out)} planned ones could not be rendered" if recipe.left_out else ""),
        f"- flat after every attempt: {counts.flat} (column `is_flat`); rendered again: {counts.retried}",
        f"- flagged by the safety checker: {_format_unknown(counts.flagged_unsafe, 'no checker was used')}",
        *_format_prompts(recipe),
        *_format_names(recipe),
        *_format_captions(recipe),
        *_format_survival(recipe),
        *_format_neighbours(recipe),
        *_format_settings(recipe),
        f"- plan `{recipe.plan_sha256[:16]}`, in batches of {recipe.recipe['batch_size']}",
        "",
        *_format_accuracy(recipe),
    ]


def _format_prompts(recipe: SplitRecipe) -> list[str]:
    report = recipe.prompts
    if report is None:
        return ["- no prompts"]
    # Releases of before do not have the number, and keep their card.
    sharing = [f"- {format_sharing(report, format_code)}"] if report.num_sharing else []
    if report.num_over_limit is None:
        return [
            f"- prompts: {report.num_unique} different ones; the number that the text encoder cuts is "
            "unknown",
            *sharing,
        ]
    return [
        f"- prompts: {report.num_unique} different ones, the longest {report.longest} tokens of "
        f"{report.token_limit}; {report.num_over_limit} images have a prompt that is cut",
        *sharing,
    ]


def _format_names(recipe: SplitRecipe) -> list[str]:
    """What a prompt cannot say: which of two classes of one name, or which meaning of a name."""
    lines = []
    if recipe.also_right:
        pairs = dict.fromkeys(
            " and ".join(sorted((wnid, *others))) for wnid, others in recipe.also_right.items()
        )
        lines.append(
            f"- classes with the same prompts: {'; '.join(pairs)}; either label is right (column `also`)"
        )
    if recipe.ambiguous_names:
        said = (f"{format_code(one.name)} ({one.wnid}; also {one.other})" for one in recipe.ambiguous_names)
        lines.append(f"- names in the prompts that also mean another thing: {', '.join(said)}")
    return lines


def _format_captions(recipe: SplitRecipe) -> list[str]:
    header = recipe.captions
    if header is None:
        return []
    origin = "of unknown origin"
    if header.card is not None:
        origin = (
            f"written to be far from their class under {header.card.clip.spec}: measure their "
            "distance with another CLIP"
        )
    return [
        f"- captions: `{header.name}-v{header.version}`, {header.num_captions} for {header.num_classes} "
        f"classes, content `{header.content_sha256[:16]}`, {origin}"
    ]


def _format_survival(recipe: SplitRecipe) -> list[str]:
    return [
        f"- similarity to the source image: mean CLIP cosine {row.own_source:.3f} to its own source, "
        f"{row.other_source:.3f} to another's ({row.scorer})"
        for row in recipe.source_survival
    ]


def _format_neighbours(recipe: SplitRecipe) -> list[str]:
    """How far the first image changed beside other rows; a release of before has no such check."""
    if not recipe.neighbours:
        return []
    worst = max(recipe.neighbours, key=lambda check: check.mean_levels)
    if worst.max_levels == 0:
        return [
            "- an image does not depend on those beside it in its batch: the same pixels beside other rows"
        ]
    return [
        "- an image does not depend on those beside it in its batch, but for rounding: beside other rows the "
        f"first one changed by {worst.mean_levels:.3f} of 255 levels on average (allowed: "
        f"{worst.tolerance_levels:g})"
    ]


def _format_settings(recipe: SplitRecipe) -> list[str]:
    """Steps, guidance, scheduler and size as they were used; a release of before keeps its card."""
    if not recipe.image_sizes:
        return []
    made = fill_defaults(recipe.model_dump(mode="json"))["recipe"]
    spec = made.get("generator") if isinstance(made, dict) else None
    table = spec if isinstance(spec, dict) else {}
    scheduler = table.get("scheduler")
    shown = {**table, "scheduler": scheduler.get("name") if isinstance(scheduler, dict) else scheduler}
    used = [f"{key} {shown[key]}" for key in ("steps", "guidance", "scheduler") if shown.get(key) is not None]
    sizes = ", ".join(f"{width} x {height}" for width, height in recipe.image_sizes)
    return [f"- settings: {', '.join([*used, f'{sizes} pixels'])}"]


def _format_accuracy(recipe: SplitRecipe) -> list[str]:
    """Rows are views, columns are scorers: a filter raises the accuracy of its own model most."""
    scorers = list(recipe.scorers)
    if not scorers:
        return []
    cells = {(row.view, row.scorer): row for row in recipe.accuracy}
    views = dict.fromkeys(row.view for row in recipe.accuracy)
    lines = [
        "Top-1 accuracy in percent of each scorer on all images and on each filtered view. A filter favours "
        "the model it was made with; read it in the other columns.",
        "",
        "| images | n | " + " | ".join(scorers) + " |",
        "| --- | ---: |" + " ---: |" * len(scorers),
    ]
    for view in views:
        # Every scorer ranks every image, so that the table has no holes.
        row = [cells[view, scorer] for scorer in scorers]
        label = "all" if view == ALL_IMAGES else f"`:{view}`"
        lines.append(f"| {label} | {row[0].n} | " + " | ".join(f"{100 * c.top1:.1f}" for c in row) + " |")
    return [*lines, ""]


def _format_unknown(value: int | None, otherwise: str) -> str:
    return otherwise if value is None else str(value)


def _quote(text: str) -> str:
    # A title may hold a colon, which ends a key in YAML.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
