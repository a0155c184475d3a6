"""Scores of images that are kept apart from them, and give a set the views of a release.

    <store>/<content sha256>/<release>.parquet    a row an image: its id, and a column for each score

A frozen release and a user's own images stay as they are. The folder's name is the hash of all images and
labels, so scores of other images under the same name are never taken. `imagenet-g filter` writes them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.filters.quality import is_filtered_alike, make_quality_filter
from imagenet_g.benchmark.images.found import ImageReader
from imagenet_g.benchmark.records import Count, FileModel, Sha256
from imagenet_g.benchmark.splits.manifests import (
    CombinedView,
    EqualsView,
    ScorerRecord,
    ThresholdView,
    ViewSpec,
)
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.benchmark.storage import replace_file

STORE_VARIABLE = "IMAGENET_G_SCORES"
"""Environment variable that names another folder for kept scores."""
_META_KEY = b"imagenet_g.kept_scores"
ScoreArray = npt.NDArray[np.number[Any]]


class KeptMeta(FileModel):
    """What kept scores are of, and what they are for."""

    schema_version: Literal[1] = 1
    content_sha256: Sha256
    """Of the images and labels that were scored."""
    ref: str
    """The set's reference when it was scored, without a view."""
    like: str
    """The release, or its split, whose filters these are."""
    manifest_sha256: Sha256
    """Of that release."""
    scorers: dict[str, ScorerRecord]
    """By the name that ends their columns."""
    views: dict[str, ViewSpec]
    """As the release has them."""
    num_images: Count
    num_unreadable: Count
    """Images without a score; no filter keeps them."""

    @property
    def label(self) -> str:
        """`like` as part of a name."""
        return self.like.replace("/", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScores:
    """Scores of a whole set.

    Attributes:
        meta: What they are of.
        image_ids: N identities.
        columns: N scores each, by the column's name in the release.
    """

    meta: KeptMeta
    image_ids: tuple[str, ...]
    columns: Mapping[str, ScoreArray]


class NoImages:
    """In the place of images that are not needed."""

    def read_image(self, row: int) -> bytes:
        """Always refused.

        Raises:
            DataError: In any case.
        """
        raise DataError(f"the image of row {row} is not available here")

    def read_column(self, name: str) -> Sequence[object]:
        """Always refused.

        Raises:
            DataError: In any case.
        """
        raise DataError(f"Column '{name}' is not available here.")


@dataclass(frozen=True, slots=True)
class ScoredReader:
    """A reader with further columns."""

    images: ImageReader
    columns: Mapping[str, Sequence[object]]

    def read_image(self, row: int) -> bytes:
        """Encoded bytes of an image file; errors as those of the images."""
        return self.images.read_image(row)

    def read_column(self, name: str) -> Sequence[object]:
        """A further column, else one that comes with the images; errors as theirs."""
        return self.columns[name] if name in self.columns else self.images.read_column(name)


def choose_store() -> Path:
    """The folder of kept scores: that of `IMAGENET_G_SCORES`, else `scores` among the user's own data."""
    from platformdirs import user_data_path

    named = os.environ.get(STORE_VARIABLE, "").strip()
    # No cache: scoring 50,000 images takes hours without an accelerator.
    return Path(named).expanduser() if named else user_data_path("imagenet-g") / "scores"


def make_kept_path(store: Path, content_sha256: str, label: str) -> Path:
    """The file of one set's scores for one release."""
    return store / content_sha256 / f"{label}.parquet"


def write_kept(store: Path, kept: KeptScores) -> Path:
    """Write scores, whole or not at all; those for the same release before them are replaced.

    Raises:
        StorageError: The store cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: pa.array(values) for name, values in kept.columns.items()}
    table = pa.table({"image_id": pa.array(kept.image_ids, pa.string()), **columns})
    path = make_kept_path(store, kept.meta.content_sha256, kept.meta.label)
    with replace_file(path) as temporary:
        meta = {_META_KEY: kept.meta.model_dump_json().encode()}
        pq.write_table(table.replace_schema_metadata(meta), temporary, compression="zstd")
    return path


def load_kept(store: Path, content_sha256: str) -> tuple[KeptScores, ...]:
    """All kept scores of a set's images, by the name of their release; a damaged file counts as absent."""
    found = (_load_file(path) for path in sorted((store / content_sha256).glob("*.parquet")))
    return tuple(kept for kept in found if kept and kept.meta.content_sha256 == content_sha256)


def list_kept_views(store: Path, ref: str) -> tuple[str, ...]:
    """Names of views that sets of this reference were given, whichever images it stood for."""
    names = {
        name
        for path in store.glob("*/*.parquet")
        if (kept := _load_file(path)) and kept.meta.ref == ref
        for view in kept.meta.views
        for name in (view, f"{view}-like-{kept.meta.label}")
    }
    return tuple(sorted(names))


def _load_file(path: Path) -> KeptScores | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        meta = KeptMeta.model_validate_json((table.schema.metadata or {})[_META_KEY])
        ids = tuple(map(str, table["image_id"].to_pylist()))
    # Scores can be computed again, so whatever cannot be read is as good as none.
    except (OSError, pa.ArrowException, ValidationError, KeyError, ValueError):
        return None
    columns = {name: table[name].to_numpy() for name in table.column_names if name != "image_id"}
    return KeptScores(meta=meta, image_ids=ids, columns=columns)


def attach_kept(split: Split, found: Sequence[KeptScores]) -> Split:
    """A split with the views that its kept scores allow.

    Each is there as VIEW-like-RELEASE, and as VIEW alone where the split has no view of that name and all
    releases mean the same filter by it.
    """
    for kept in found:
        split = _attach(split, kept)
    plain: dict[str, set[str]] = {}
    for kept in found:
        for name in kept.meta.views:
            plain.setdefault(name, set()).add(f"{name}-like-{kept.meta.label}")
    views = {
        name: split.views[min(full)]
        for name, full in plain.items()
        if name not in split.views and full <= set(split.views) and _mean_one_filter(split, full)
    }
    return replace(split, views={**split.views, **views})


def _mean_one_filter(split: Split, names: set[str]) -> bool:
    filters = [make_quality_filter(split, split.views[name]) for name in sorted(names)]
    return all(is_filtered_alike(filters[0], other) for other in filters)


def _attach(split: Split, kept: KeptScores) -> Split:
    row_of = {image_id: row for row, image_id in enumerate(kept.image_ids)}
    rows = [row_of[image_id] for image_id in split.rows.image_ids if image_id in row_of]
    # The hash says that these are the images; a file that lacks some was tampered with.
    if len(rows) < len(split.rows):
        return split
    ending = f"-like-{kept.meta.label}"
    columns = {f"{name}{ending}": values[rows].tolist() for name, values in kept.columns.items()}
    views = {f"{name}{ending}": _rename_column(view, ending) for name, view in kept.meta.views.items()}
    scorers = {f"{name}{ending}": scorer for name, scorer in kept.meta.scorers.items()}
    return replace(
        split,
        reader=ScoredReader(split.reader, columns),
        views={**split.views, **{name: view for name, view in views.items() if name not in split.views}},
        scorers={**split.scorers, **scorers},
        likes={**split.likes, **dict.fromkeys(scorers, kept.meta.like)},
    )


def _rename_column(view: ViewSpec, ending: str) -> ViewSpec:
    if isinstance(view, CombinedView):
        parts = tuple(_rename_column(part, ending) for part in view.views)
        return view.model_copy(update={"views": parts})
    if not isinstance(view, ThresholdView | EqualsView):
        return view
    return view.model_copy(update={"column": f"{view.column}{ending}"})


def list_view_counts(split: Split, names: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Views with the number of images in each; 0 for an empty one."""
    for name in names:
        try:
            yield name, len(apply_view(split, name)[0])
        except InputError:
            yield name, 0
