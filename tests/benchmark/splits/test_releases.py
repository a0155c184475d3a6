"""Releases: written for others to read, and read as if others had written them."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from image_sets import encode, make_image, make_rows, write_release

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_file, hash_lines
from imagenet_g.benchmark.images.decoding import decode_image, hash_pixels
from imagenet_g.benchmark.splits.manifests import (
    ClassView,
    EqualsView,
    format_manifest,
    load_manifest,
    make_shard_path,
    write_manifest,
)
from imagenet_g.benchmark.splits.releases import (
    load_release_split,
    make_release_features,
    make_split_manifest,
    write_shard,
)

INDICES = [row % 7 for row in range(250)]
Change = Callable[[pa.Table], pa.Table]
SHARD = make_shard_path("sd-l", 0, 1)


def rewrite_shard(folder: Path, change: Change, name: str = SHARD) -> None:
    """Change a shard and make the manifest agree, as someone who means harm would."""
    pq.write_table(change(pq.read_table(folder / name)), folder / name)
    manifest = json.loads(format_manifest(load_manifest(folder)))
    record = next(file for file in manifest["splits"]["sd-l"]["files"] if file["path"] == name)
    record |= {"sha256": hash_file(folder / name), "num_bytes": (folder / name).stat().st_size}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def replace_column(
    name: str, values: list[object], kind: pa.DataType | None = None
) -> Callable[[pa.Table], pa.Table]:
    """A change of one column."""
    return lambda table: table.set_column(table.schema.get_field_index(name), name, pa.array(values, kind))


def test_a_release_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Ids, labels, images and further columns, over several shards."""
    release = write_release(tmp_path, INDICES, rows_per_shard=110, columns={"seed": list(range(250))})
    split = load_release_split(release, "sd-l", cache=None)
    rows = list(make_rows(INDICES))
    assert split.rows.image_ids == tuple(row["image_id"] for row in rows)
    assert split.rows.labels.tolist() == [[index] for index in INDICES]
    assert split.rows.source_image_ids == (None,) * 250
    assert [split.reader.read_image(row) for row in range(250)] == [row["image"] for row in rows]
    assert split.reader.read_column("seed") == list(range(250))


def test_its_record_names_manifest_and_contents(tmp_path: Path) -> None:
    """Hashes that anybody can compute with sha256sum."""
    release = write_release(tmp_path, INDICES, rows_per_shard=110)
    record = load_release_split(release, "sd-l", cache=None).record
    assert (record.ref, record.version, record.name, record.view) == ("v9/sd-l", "v9", "sd-l", None)
    assert record.manifest_sha256 == hash_file(release / "manifest.json")
    shards = sorted((release / "data" / "sd-l").iterdir())
    assert record.content_sha256 == hash_lines(map(hash_file, shards))


def test_datasets_reads_a_release(tmp_path: Path) -> None:
    """`load_dataset` gives images and class labels by wnid, offline."""
    import datasets

    release = write_release(tmp_path / "v9", INDICES, rows_per_shard=110)
    files = [str(path) for path in sorted((release / "data" / "sd-l").iterdir())]
    loaded = datasets.load_dataset(
        "parquet", data_files={"validation": files}, split="validation", cache_dir=str(tmp_path / "hf")
    )
    assert isinstance(loaded.features["label"], datasets.ClassLabel)
    assert loaded.features["label"].names == [info.wnid for info in load_classes()]
    assert loaded["label"][:] == INDICES
    assert hash_pixels(loaded[123]["image"]) == loaded[123]["pixel_sha256"]


def test_row_groups_hold_a_hundred_rows(tmp_path: Path) -> None:
    """Small enough for the Hub's viewer."""
    metadata = pq.ParquetFile(write_release(tmp_path, INDICES) / SHARD).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [100, 100, 50]


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    """Level R0 of reproducibility stands on it."""
    features = make_release_features()
    records = [
        write_shard(tmp_path, name, make_rows(INDICES), features) for name in ("a.parquet", "b.parquet")
    ]
    assert records[0].sha256 == records[1].sha256 == hash_file(tmp_path / "b.parquet")
    assert (records[0].num_rows, records[0].num_bytes) == (250, (tmp_path / "a.parquet").stat().st_size)


def test_rows_are_taken_a_hundred_at_a_time(tmp_path: Path) -> None:
    """A shard of any length is written without holding it."""
    seen = 0

    def count() -> Iterator[dict[str, object]]:
        nonlocal seen
        for row in make_rows([0] * 1000):
            seen += 1
            yield row
            if seen == 200:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shard(tmp_path, "a.parquet", count(), make_release_features())
    assert list(tmp_path.iterdir()) == []


def test_extra_columns_are_kept(tmp_path: Path) -> None:
    """A hand, a score by a named filter model."""
    from datasets import Value

    release = write_release(
        tmp_path,
        [0, 1],
        extra={"hand": Value("string"), "clip_score.vit-l-14": Value("float32")},
        columns={"hand": ["noto", "fluent"], "clip_score.vit-l-14": [0.25, None]},
    )
    reader = load_release_split(release, "sd-l", cache=None).reader
    assert reader.read_column("hand") == ["noto", "fluent"]
    assert reader.read_column("clip_score.vit-l-14") == [0.25, None]


def test_an_extra_column_may_not_replace_a_standard_one() -> None:
    """Its type would be whatever."""
    with pytest.raises(InputError, match="'seed'"):
        make_release_features({"seed": None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"surprise": 1}, "surprise"),
        ({"seed": "many"}, "does not fit"),
        ({"label": "tench"}, "does not fit"),
        ({"seed": 2**70}, "does not fit"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    """And nothing is left on disk."""
    row = next(make_rows([0])) | change
    with pytest.raises(DataError, match=message):
        write_shard(tmp_path, "a.parquet", [row], make_release_features())
    assert list(tmp_path.iterdir()) == []


def test_a_column_that_is_not_given_is_refused(tmp_path: Path) -> None:
    """Unknown must be said, as None."""
    row = {name: value for name, value in next(make_rows([0])).items() if name != "seed"}
    with pytest.raises(DataError, match="seed"):
        write_shard(tmp_path, "a.parquet", [row], make_release_features())


def test_a_view_on_a_missing_column_is_refused(tmp_path: Path) -> None:
    """Before it is published."""
    record = write_shard(tmp_path, SHARD, make_rows([0]), make_release_features())
    with pytest.raises(DataError, match="'hand'"):
        make_split_manifest(
            tmp_path, [record], views={"noto": EqualsView(column="hand", value="x")}, recipe=None
        )


def test_a_view_by_an_unknown_class_set_is_refused(tmp_path: Path) -> None:
    """Before it is published."""
    record = write_shard(tmp_path, SHARD, make_rows([0]), make_release_features())
    with pytest.raises(UnknownNameError, match="imagenet-100"):
        make_split_manifest(tmp_path, [record], views={"x": ClassView(class_set="in-100")}, recipe=None)


def test_a_release_of_few_classes_is_scored_on_them(tmp_path: Path) -> None:
    """The same-class twin."""
    split = load_release_split(write_release(tmp_path, [3, 999]), "sd-l", cache=None)
    assert (split.outputs, split.class_set.indices, split.record.num_classes) == (
        "split-classes",
        (3, 999),
        2,
    )


def test_a_release_of_all_classes_is_scored_on_all(tmp_path: Path) -> None:
    """Nothing to restrict."""
    split = load_release_split(write_release(tmp_path, range(1000)), "sd-l", cache=None)
    assert (split.outputs, split.class_set.name) == ("all", "all")


def test_supersession_and_notice_reach_the_record(tmp_path: Path) -> None:
    """Wherever the numbers go."""
    release = write_release(tmp_path, [0])
    manifest = load_manifest(release).model_copy(update={"notice": "For tests.", "superseded_by": "v10"})
    write_manifest(release, manifest)
    notice = load_release_split(release, "sd-l", cache=None).record.notice
    assert notice == "For tests. v9 is superseded by v10."


@pytest.mark.parametrize("also", [[[1000]], [[-1]], [["tench"]], ["tench"]])
def test_other_answers_are_class_indices(tmp_path: Path, also: list[object]) -> None:
    """The optional column `also` is as little to be trusted as the others."""
    release = write_release(tmp_path, [0])
    rewrite_shard(release, lambda table: table.append_column("also", pa.array(also)))
    with pytest.raises(DataError, match="'also' must hold lists of class indices"):
        load_release_split(release, "sd-l", cache=None)


def test_other_answers_follow_an_images_own_label(tmp_path: Path) -> None:
    """And add no class to the split."""
    release = write_release(tmp_path, [5, 6])
    rewrite_shard(release, lambda table: table.append_column("also", pa.array([[7, 5], None])))
    split = load_release_split(release, "sd-l", cache=None)
    assert split.rows.labels.tolist() == [[5, 7], [6, -1]]
    assert split.class_set.indices == (5, 6)


def test_an_unknown_split_is_suggested(tmp_path: Path) -> None:
    """Did you mean."""
    with pytest.raises(UnknownNameError, match="Did you mean 'v9/sd-l'"):
        load_release_split(write_release(tmp_path, [0]), "sdl", cache=None)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    """A release half downloaded."""
    release = write_release(tmp_path, INDICES, rows_per_shard=200)
    (release / make_shard_path("sd-l", 1, 2)).unlink()
    with pytest.raises(DataError, match=r"validation-00001-of-00002.*missing"):
        load_release_split(release, "sd-l", cache=None)


def test_a_shortened_shard_is_named(tmp_path: Path) -> None:
    """By size alone."""
    release = write_release(tmp_path, INDICES)
    os.truncate(release / SHARD, 100)
    with pytest.raises(DataError, match=r"validation-00000-of-00001.*damaged: 100 bytes"):
        load_release_split(release, "sd-l", cache=None, verify="size")


@pytest.mark.parametrize("cached", [True, False])
def test_one_flipped_bit_is_found(tmp_path: Path, cached: bool) -> None:
    """Also after the hash was remembered, and with the time of the file set back."""
    release = write_release(tmp_path / "v9", INDICES)
    cache = tmp_path / "cache" if cached else None
    load_release_split(release, "sd-l", cache=cache)
    before = (release / SHARD).stat()
    data = bytearray((release / SHARD).read_bytes())
    data[len(data) // 2] ^= 1
    (release / SHARD).write_bytes(data)
    os.utime(release / SHARD, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match=r"validation-00000-of-00001.*damaged: sha256"):
        load_release_split(release, "sd-l", cache=cache)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (replace_column("label", [1000] * 3), "do not agree"),
        (replace_column("label", [-1] * 3), "do not agree"),
        (replace_column("label", [0, 1, None], pa.int64()), "do not agree"),
        (replace_column("label", [0, 2, 1]), "do not agree"),
        (replace_column("label", ["0", "1", "2"]), "not class indices"),
        (replace_column("label", [0.0, 1.0, 2.0]), "not class indices"),
        (replace_column("wnid", ["n99999999"] * 3), "do not agree"),
        (replace_column("wnid", [None] * 3, pa.string()), "do not agree"),
        (replace_column("image_id", ["a", "a", "b"]), "repeated"),
        (replace_column("image_id", ["a", None, "b"]), "missing or repeated"),
        (replace_column("image_id", [1, 2, 3]), "not strings"),
        (replace_column("source_image_id", [[1], [2], [3]]), "not strings"),
        (replace_column("image", ["x", "y", "z"]), "not encoded images"),
        (lambda table: table.drop_columns(["image"]), "no image column"),
        (lambda table: table.drop_columns(["wnid"]), "one column 'wnid'"),
        (lambda table: table.append_column("wnid", table["wnid"]), "one column 'wnid'"),
        (lambda table: table.append_column("image", table["image"]), "2 columns 'image'; one is needed"),
        (lambda table: table.append_column("also", [[1]] * 3).append_column("also", [[2]] * 3), "2 columns"),
        (lambda table: table.slice(0, 2), "2 rows; its manifest states 3"),
        (lambda table: pa.concat_tables([table.slice(0, 2), table.slice(0, 1)]), "repeated"),
    ],
)
def test_hostile_parquet_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    """Its hashes agree; its rows do not."""
    release = write_release(tmp_path, [0, 1, 2])
    rewrite_shard(release, change)
    with pytest.raises(DataError, match=message):
        load_release_split(release, "sd-l", cache=None)


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 64 + b"PAR1", b"<html>"])
def test_what_is_no_parquet_is_refused(tmp_path: Path, data: bytes) -> None:
    """With the file's name."""
    release = write_release(tmp_path, [0])
    (release / SHARD).write_bytes(data)
    manifest = json.loads((release / "manifest.json").read_text())
    manifest["splits"]["sd-l"]["files"][0] |= {
        "sha256": hash_file(release / SHARD),
        "num_bytes": len(data),
    }
    (release / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"validation-00000-of-00001.parquet. is not a parquet file"):
        load_release_split(release, "sd-l", cache=None)


def test_shards_with_other_columns_are_refused(tmp_path: Path) -> None:
    """One split has one schema."""
    release = write_release(tmp_path, [0, 1], rows_per_shard=1)
    last = make_shard_path("sd-l", 1, 2)
    rewrite_shard(release, lambda table: table.append_column("x", pa.array([1])), last)
    with pytest.raises(DataError, match="other columns"):
        load_release_split(release, "sd-l", cache=None)


def test_an_image_without_bytes_is_an_error_of_that_image(tmp_path: Path) -> None:
    """The others are still read."""
    release = write_release(tmp_path, [0, 1])
    rows = [{"bytes": None, "path": None}, {"bytes": encode(make_image()), "path": None}]
    rewrite_shard(
        release, replace_column("image", rows, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
    )
    reader = load_release_split(release, "sd-l", cache=None).reader
    with pytest.raises(DataError, match="no image bytes"):
        reader.read_image(0)
    assert decode_image(reader.read_image(1)).size == (8, 8)


@pytest.mark.parametrize("name", ["image", "nothing"])
def test_a_column_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    """With those that are; images are not read as a column."""
    reader = load_release_split(write_release(tmp_path, [0]), "sd-l", cache=None).reader
    with pytest.raises(DataError, match=f"no column '{name}'.*image_id"):
        reader.read_column(name)


def test_many_threads_read_the_right_images(tmp_path: Path) -> None:
    """In any order, across row groups and shards."""
    release = write_release(tmp_path, INDICES, rows_per_shard=110)
    reader = load_release_split(release, "sd-l", cache=None).reader
    expected = [row["image"] for row in make_rows(INDICES)]
    wrong: list[int] = []

    def read(seed: int) -> None:
        order = np.random.default_rng(seed).permutation(len(INDICES))
        wrong.extend(int(row) for row in order if reader.read_image(int(row)) != expected[row])

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_memory_stays_at_a_few_row_groups(tmp_path: Path) -> None:
    """A split of 120 MB is read through within 40 MB."""
    noise = np.random.default_rng(0)
    payload = [noise.bytes(50_000) for _ in range(20)]
    rows = ({**row, "image": payload[number % 20]} for number, row in enumerate(make_rows([0] * 2400)))
    write_shard(tmp_path, "a.parquet", rows, make_release_features())
    from imagenet_g.benchmark.images.parquet import ParquetImages

    reader = ParquetImages([tmp_path / "a.parquet"])
    before = pa.total_allocated_bytes()
    peak = 0
    for row in range(2400):
        assert len(reader.read_image(row)) == 50_000
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < 40_000_000
