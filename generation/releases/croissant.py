"""Croissant metadata of a release: files, columns and their origin, in machine-readable form.

Croissant 1.0, http://mlcommons.org/croissant/1.0; written and validated by `mlcroissant`.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.generation.releases.hub_card import CardSource, list_bibtex

if TYPE_CHECKING:
    import mlcroissant

CROISSANT_NAME = "croissant.json"
_LICENSE_URL = "https://spdx.org/licenses/{}"
_REPO_FILE = "repo"


def format_croissant(source: CardSource) -> str:
    """The `croissant.json` of a release.

    Raises:
        DataError: The metadata does not validate.
        InputError: mlcroissant is not installed.
    """
    try:
        # An optional package: only publishing needs it.
        import mlcroissant
    except ImportError as error:
        raise InputError("Croissant metadata needs 'pip install mlcroissant'.") from error
    try:
        metadata = _make_metadata(source)
        text = json.dumps(metadata.to_json(), indent=2, default=str, sort_keys=False)
    except mlcroissant.ValidationError as error:
        raise DataError(f"The Croissant metadata of this release is not valid: {error}") from error
    return text + "\n"


def _make_metadata(source: CardSource) -> mlcroissant.Metadata:
    import mlcroissant as mlc

    manifest = source.release.manifest
    place = f"https://huggingface.co/datasets/{source.shown_repo}"
    return mlc.Metadata(
        name="".join(c if c.isalnum() or c in "-_" else "-" for c in f"imagenet-g-{manifest.version}"),
        description=f"{manifest.title}. {source.num_images} images for the classes of ImageNet-1k.",
        url=f"{place}/tree/{source.shown_tag}",
        license=[_LICENSE_URL.format(word) for word in manifest.license.split() if word not in _OPERATORS],
        version=_make_version(source.shown_tag),
        cite_as="\n\n".join(list_bibtex(manifest)) or None,
        date_published=_choose_date(manifest.released),
        data_biases=["Generators repeat the stereotypes of the web images they were trained on."],
        data_collection="Images rendered by generative models; settings are in manifest.json.",
        distribution=[
            mlc.FileObject(
                id=_REPO_FILE,
                name=_REPO_FILE,
                content_url=f"{place}/tree/{source.shown_tag}",
                encoding_formats=["git+https"],
                # A file needs a hash, a git repository has none; the Hub's own Croissant files hold this
                # address instead.
                sha256="https://github.com/mlcommons/croissant/issues/80",
            ),
            *(
                mlc.FileSet(
                    id=f"files-{name}",
                    name=f"files-{name}",
                    contained_in=[_REPO_FILE],
                    encoding_formats=["application/x-parquet"],
                    includes=[f"data/{name}/{split.hub_split}-*.parquet"],
                )
                for name, split in manifest.splits.items()
            ),
        ],
        record_sets=[_make_records(source, name) for name in manifest.splits],
    )


_OPERATORS = ("AND", "OR", "WITH")


def _choose_date(released: str | None) -> datetime:
    """The day the release names, else today: this file is written when it is published."""
    return datetime.fromisoformat(released) if released else datetime.combine(date.today(), time.min)


def _make_version(tag: str) -> str:
    """A version of the form MAJOR.MINOR.PATCH, which Croissant requires.

    Example:
        >>> _make_version("v1.2.0"), _make_version("main")
        ('1.2.0', '0.0.0')
    """
    parts = tag.removeprefix("v").split(".")
    return ".".join(parts) if len(parts) == 3 and all(part.isdecimal() for part in parts) else "0.0.0"


def _make_records(source: CardSource, split: str) -> mlcroissant.RecordSet:
    import mlcroissant as mlc
    import pyarrow.parquet as pq

    first = source.release.manifest.splits[split].files[0]
    schema = pq.read_schema(source.release.folder / first.path)
    return mlc.RecordSet(
        id=split,
        name=split,
        description=f"One row per image of {source.release.manifest.version}/{split}.",
        fields=[_make_field(split, name, schema.field(name).type) for name in schema.names],
    )


def _make_field(split: str, column: str, kind: Any) -> mlcroissant.Field:  # noqa: ANN401
    import mlcroissant as mlc
    import pyarrow as pa

    repeated = pa.types.is_list(kind)
    return mlc.Field(
        id=f"{split}/{column}",
        name=f"{split}/{column}",
        description=_COLUMNS.get(column, "A score or fact of the image; see the card."),
        data_types=[_choose_type(kind.value_type if repeated else kind)],
        is_array=True if repeated else None,
        # One dimension of any length.
        array_shape="-1" if repeated else None,
        source=mlc.Source(
            file_set=f"files-{split}",
            extract=mlc.Extract(column=column),
            # `datasets` stores an image as a struct of bytes and path.
            transforms=[mlc.Transform(json_path="bytes")] if column == "image" else [],
        ),
    )


def _choose_type(kind: Any) -> str:  # noqa: ANN401
    import mlcroissant as mlc
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return str(mlc.DataType.IMAGE_OBJECT)
    if pa.types.is_boolean(kind):
        return str(mlc.DataType.BOOL)
    if pa.types.is_integer(kind):
        return str(mlc.DataType.INTEGER)
    return str(mlc.DataType.FLOAT if pa.types.is_floating(kind) else mlc.DataType.TEXT)


_COLUMNS = {
    "image": "The encoded image.",
    "label": "Index of the ImageNet-1k class, 0 to 999.",
    "image_id": "Identity of the image; it never changes.",
    "wnid": "WordNet id of the class.",
    "prompt": "Prompt of the generator; null for splits without prompts.",
    "recipe": "How the prompt was made.",
    "seed": "Seed of the image's own random numbers.",
    "batch_id": "Batch it was rendered in.",
    "slot": "Place in the batch.",
    "strength": "How strongly the image is shifted, 0 for not at all.",
    "series": "Scene that images of one class show at several strengths.",
    "source_image_id": "Image it was made from; null for splits without source images.",
    "generator": "Name of the generator.",
    "pixel_sha256": "sha256 of the decoded pixels.",
    "is_flat": "Whether it is one colour.",
    "is_flagged_unsafe": "Verdict of the generator's safety checker; null without a checker.",
    "also": "Other class indices that are correct.",
}
