"""The dataset card of a published release, from its manifest, repository and tag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

from pydantic import JsonValue, ValidationError

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.critiques.card_section import list_card_sections
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    CombinedView,
    EqualsView,
    Manifest,
    SplitManifest,
    ViewSpec,
    is_for_training,
)
from imagenet_g.benchmark.terminal.markdown import escape_heading
from imagenet_g.generation.releases.adopted import find_adopted, list_citations
from imagenet_g.generation.releases.card import format_introduction, format_split_facts, format_use
from imagenet_g.generation.releases.check import CheckedRelease, count_classes
from imagenet_g.generation.releases.recipe import fill_defaults

SAMPLES_NAME = "samples.jpg"
_UNKNOWN_REPO = "ORG/NAME"
_UNKNOWN_TAG = "main"
# Licences that the Hub has an identifier for, of those in use here; it takes any other as "other" with a
# name.
_HUB_LICENSES = {
    "apache-2.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc0-1.0", "creativeml-openrail-m", "mit",
}  # fmt: skip
_BOOLEANS = ("is_flat", "is_flagged_unsafe")
# The Hub's own names of sizes.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
# `{purpose}` of `dataset_card_notes.md`.
_FOR_TESTS = "The set is made to measure classifiers. It is not meant for training"
_FOR_TRAINING = "The set is made to train classifiers, not to measure them"
PAPER_BIBTEX = """@article{bansal2023leaving,
  title   = {Leaving Reality to Imagination: Robust Classification via Generated Datasets},
  author  = {Bansal, Hritik and Grover, Aditya},
  journal = {arXiv preprint arXiv:2302.02503},
  year    = {2023}
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSource:
    """The contents of a card.

    Attributes:
        release: The release.
        repo: Dataset on the Hub; None if not yet known.
        tag: Its tag; None if not yet known.
    """

    release: CheckedRelease
    repo: str | None
    tag: str | None

    @property
    def shown_repo(self) -> str:
        """The repository, or a placeholder."""
        return self.repo or _UNKNOWN_REPO

    @property
    def shown_tag(self) -> str:
        """The revision, or the branch."""
        return self.tag or _UNKNOWN_TAG

    @property
    def num_images(self) -> int:
        """Images of all splits."""
        return sum(split.num_images for split in self.release.manifest.splits.values())


def format_dataset_card(source: CardSource) -> str:
    """The README.md of a published release: YAML for the Hub, then text for people."""
    manifest = source.release.manifest
    parts = [
        f"---\n{_format_yaml(source)}---\n",
        f"# {escape_heading(manifest.title)}\n",
        f"> {manifest.notice}\n" if manifest.notice else "",
        format_introduction(manifest),
        f"![Images of every split, one class a row]({SAMPLES_NAME})\n",
        format_use(manifest, repo=source.shown_repo, tag=source.shown_tag),
        *(_format_split(source, name, split) for name, split in manifest.splits.items()),
        *list_card_sections(source.release.folder),
        _load_notes(manifest),
        _format_terms(source),
        _format_citation(source),
    ]
    return "\n".join(part for part in parts if part)


def make_card_metadata(source: CardSource) -> dict[str, object]:
    """The YAML at the head of the card, with one config per split and per view."""
    manifest = source.release.manifest
    configs: list[dict[str, object]] = []
    for name, split in manifest.splits.items():
        files_of = {"split": split.hub_split, "path": f"data/{name}/{split.hub_split}-*.parquet"}
        # The Hub's viewer opens this one, and `load_dataset` takes it where no name is given.
        first = {"default": True} if not configs else {}
        configs.append({"config_name": name, **first, "data_files": [files_of]})
        for view, spec in split.views.items():
            name_of = f"{name}--{view}"
            configs.append({"config_name": name_of, "data_files": [files_of], "filters": make_filters(spec)})
    return {
        "pretty_name": manifest.title,
        **_make_license(manifest.license),
        "task_categories": ["image-classification"],
        "size_categories": [_choose_size(source.num_images)],
        "tags": ["imagenet", *_list_purposes(manifest), "croissant"],
        "configs": configs,
    }


def _list_purposes(manifest: Manifest) -> list[str]:
    if is_for_training(manifest):
        return ["synthetic"]
    return ["robustness", "distribution-shift", "synthetic", "benchmark"]


def _load_notes(manifest: Manifest) -> str:
    notes = (files("imagenet_g.generation.data") / "dataset_card_notes.md").read_text(encoding="utf-8")
    return notes.format(purpose=_FOR_TRAINING if is_for_training(manifest) else _FOR_TESTS)


def make_filters(view: ViewSpec) -> list[list[object]]:
    """A view as `datasets` filters parquet rows: `[[column, operator, value]]`.

    Example:
        >>> from imagenet_g.benchmark.splits.manifests import ThresholdView
        >>> make_filters(ThresholdView(column="clip_cos.vit", minimum=0.2))
        [['clip_cos.vit', '>=', 0.2]]
    """
    if isinstance(view, CombinedView):
        return [condition for part in view.views for condition in make_filters(part)]
    if isinstance(view, ClassView):
        return [["label", "in", list(load_class_set(view.class_set).indices)]]
    if isinstance(view, EqualsView):
        classes = [] if view.class_set is None else make_filters(ClassView(class_set=view.class_set))
        return [[view.column, "==", _read_value(view)], *classes]
    return [[view.column, ">=", view.minimum]]


def _read_value(view: EqualsView) -> str | bool:
    # `datasets` compares a column of booleans with a boolean alone.
    return view.value == "True" if view.column in _BOOLEANS else view.value


def _make_license(spdx: str) -> dict[str, str]:
    name = spdx.removeprefix("LicenseRef-").lower()
    if name in _HUB_LICENSES:
        return {"license": name}
    return {"license": "other", "license_name": name.replace(" ", "-")}


def _choose_size(num_images: int) -> str:
    return next((name for limit, name in _SIZES if num_images < limit), "1M<n<10M")


def _format_yaml(source: CardSource) -> str:
    from huggingface_hub import DatasetCardData

    # Through JSON, so that no two places share an object: YAML would write the second as an alias.
    metadata = json.loads(json.dumps(make_card_metadata(source)))
    return DatasetCardData(**metadata).to_yaml() + "\n"


def _format_split(source: CardSource, name: str, split: SplitManifest) -> str:
    counts = count_classes(source.release.folder, split.files).values()
    each = f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
    lines = [f"## {name}", ""]
    lines += [
        f"- images of a class: {each}",
        *(f"- view `{view}`: {_describe_view(spec)}" for view, spec in split.views.items()),
        *(f"- view `{view}`: {audit.describe()}" for view, audit in split.audits.items()),
    ]
    try:
        lines += format_split_facts(split)
    except ValidationError:
        lines += [f"- {split.num_images} images of {len(split.class_indices)} classes", ""]
    lines += [
        "<details><summary>How it was made</summary>",
        "",
        "| setting | value |",
        "| --- | --- |",
        *(f"| {key} | {_escape(value)} |" for key, value in list_settings(split)),
        "",
        "</details>",
        "",
    ]
    return "\n".join(lines)


def _describe_view(view: ViewSpec) -> str:
    if isinstance(view, CombinedView):
        return "; ".join(map(_describe_view, view.views))
    if isinstance(view, ClassView):
        return f"classes of `{view.class_set}`"
    if isinstance(view, EqualsView):
        classes = "" if view.class_set is None else f", classes of `{view.class_set}`"
        return f"`{view.column}` is `{view.value}`{classes}"
    return f"`{view.column}` is at least {view.minimum:g}"


def list_settings(split: SplitManifest) -> list[tuple[str, str]]:
    """How a split was made, as dotted names and values, without its results."""
    recipe = split.recipe
    if not isinstance(recipe, dict):
        return [("recipe", "unknown")]
    parts: JsonValue = recipe
    # A release made here also stores its results, which the card shows elsewhere, as it does a citation.
    if (adopted := find_adopted(split)) is not None:
        parts = {
            "recipe": adopted.recipe.model_dump(mode="json", exclude={"citation"}),
            "source": adopted.source.model_dump(mode="json"),
        }
    elif "recipe" in recipe:
        parts = fill_defaults(recipe)
    return list(flatten("", parts))


def flatten(name: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Every leaf of a JSON value with its dotted path.

    Example:
        >>> list(flatten("", {"encoding": {"format": "png"}, "steps": None, "sizes": [64, 96]}))
        [('encoding.format', 'png'), ('steps', 'unknown'), ('sizes', '[64, 96]')]
    """
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flatten(f"{name}.{key}" if name else key, inner)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for number, inner in enumerate(value):
            yield from flatten(f"{name}[{number}]", inner)
    else:
        yield name, "unknown" if value is None else str(value)


def _escape(text: str) -> str:
    # A bar ends a cell of the table, and the Hub would read "<" as HTML. Cells are cut for long lists.
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")[:400]


def _format_terms(source: CardSource) -> str:
    manifest = source.release.manifest
    made = ", ".join(f"{name} {version}" for name, version in manifest.made_with.items()) or "unknown"
    return (
        f"## Licence and files\n\nLicence of the images (SPDX): `{manifest.license}`. The terms of the "
        f"generators' weights apply as well.\n\nFiles written with: {made}. `croissant.json` describes the "
        "columns (Croissant 1.0).\n"
    )


def list_bibtex(manifest: Manifest) -> list[str]:
    """What is cited beside the release: the papers of adopted splits, and ours where images were built."""
    adopted = list_citations(manifest)
    built = any(find_adopted(split) is None for split in manifest.splits.values())
    return [*adopted, *([PAPER_BIBTEX] if built and PAPER_BIBTEX not in adopted else [])]


def _format_citation(source: CardSource) -> str:
    manifest = source.release.manifest
    key = "imagenetg_" + "".join(c if c.isalnum() else "_" for c in f"{manifest.version}_{source.shown_tag}")
    where = f"https://huggingface.co/datasets/{source.shown_repo}/tree/{source.shown_tag}"
    own = f"""@misc{{{key},
  title        = {{{manifest.title}}},
  howpublished = {{\\url{{{where}}}}},
  note         = {{Version {manifest.version}, revision {source.shown_tag}}}
}}"""
    return "## Cite\n\n```bibtex\n" + "\n\n".join([own, *list_bibtex(manifest)]) + "\n```\n"
