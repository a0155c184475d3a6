"""Parquet files of predictions and of images: the right number, or one clear message."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache, partial

import pyarrow as pa
from door_tables import altered, altered_metadata, encode_table
from doors import RULE, damage, doors, open_place
from hypothesis import given
from hypothesis import strategies as st
from toy_models import make_colour_png

from factories import make_meta, make_predictions
from imagenet_g.benchmark.classes import load_classes, name_class_set
from imagenet_g.benchmark.images.containers import load_found_parquet
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.images.parquet import ParquetImages
from imagenet_g.benchmark.predictions.predictions import META_KEY, load_predictions, make_table
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.splits.release_rows import load_release_rows
from imagenet_g.benchmark.splits.splits import SplitRows, make_split_class_set

PREDICTED = (3, 7, -1, 1, 5, 6, 2, 0)
LABELS = (3, [7, 9], 2, 1, 4, [8, 6], 2, 5)


@cache
def make_predicted_table() -> pa.Table:
    """Predictions of eight images, four of them right, one unscored."""
    predictions = make_predictions(PREDICTED, LABELS)
    meta = make_meta(predictions)
    own = name_class_set(make_split_class_set(predictions.labels))
    predictions = replace(predictions, restricted={own: predictions.top5})
    return make_table(predictions).replace_schema_metadata({META_KEY: meta.model_dump_json().encode()})


@cache
def make_image_table() -> pa.Table:
    """Seven rows of a release, with what else their images may be called."""
    indices = range(7)
    return pa.table(
        {
            "image": [{"bytes": make_colour_png(index), "path": None} for index in indices],
            "label": pa.array(indices, pa.int64()),
            "image_id": [f"id-{index}" for index in indices],
            "wnid": [load_classes()[index].wnid for index in indices],
            "source_image_id": pa.array([None] * 7, pa.string()),
            "also": [[index + 1] for index in indices],
        }
    )


@st.composite
def written(draw: st.DrawFn, table: pa.Table, key: bytes | None = None) -> tuple[pa.Table, bytes, bool]:
    """A table that has been altered, the bytes of its file, and whether these were damaged."""
    table = draw(altered(table))
    if key is not None:
        table = draw(altered_metadata(table, key))
    whole = encode_table(table)
    data = draw(damage(whole)) if draw(st.booleans()) else whole
    return table, data, data != whole


@doors(120)
@given(file=written(make_predicted_table(), META_KEY))
def test_predictions_are_those_of_the_file(file: tuple[pa.Table, bytes, bool]) -> None:
    """Each class number, label and id as another reader finds it."""
    table, data, damaged = file
    with open_place() as place:
        path = place / "sd-l.parquet"
        path.write_bytes(data)
        found = RULE.enter("predictions", lambda: load_predictions(path)[0], names=[path])
    if found is None or damaged:
        return
    assert list(found.image_ids) == table["image_id"].to_pylist()
    for row, labels in enumerate(table["label"].to_pylist()):
        assert [label for label in found.labels[row].tolist() if label >= 0] == labels
    for row, indices in enumerate(table["top5_index"].to_pylist()):
        assert [index for index in found.top5.indices[row].tolist() if index >= 0] == (indices or [])


@doors(25)
@given(file=written(make_predicted_table(), META_KEY), view=st.sampled_from([None, "imagenet-a", "none"]))
def test_score_counts_the_right_answers_of_the_file(
    file: tuple[pa.Table, bytes, bool], view: str | None
) -> None:
    """Against a count over the rows; never exit code 0 with nothing scored."""
    table, data, damaged = file
    with open_place() as place:
        path = place / "sd-l.parquet"
        path.write_bytes(data)
        words = ["score", path, "--out", place / "out", *(["--view", view] if view else [])]
        outcome = RULE.run_command("score", *words, names=[path, "--view", view, "imagenet-a", "v9"])
        if outcome.code:
            assert not (place / "out").exists(), "a result without a score"
            return
        (entry,) = load_result(place / "out").entries
    assert entry.n > 0
    if not damaged and view is None:
        rows = zip(table["label"].to_pylist(), table["top5_index"].to_pylist(), strict=True)
        right = sum(bool(indices) and indices[0] in labels for labels, indices in rows)
        # Among all 1000 outputs where that was the protocol, and else among those of the split.
        assert entry.scores[0].metrics["top1"].right == right
        assert entry.n == table.num_rows


@doors(100)
@given(file=written(make_image_table()))
def test_rows_of_a_release_are_those_of_the_file(file: tuple[pa.Table, bytes, bool]) -> None:
    """Ids, labels and pictures."""
    table, data, damaged = file
    with open_place() as place:
        path = place / "validation.parquet"
        path.write_bytes(data)
        images = RULE.enter("parquet of images", lambda: ParquetImages([path], "image"), names=[path])
        if images is None:
            return
        rows = RULE.enter(
            "rows of a release",
            lambda: load_release_rows(images),
            names=["release", "column", "Column", path.name, "Image"],
        )
        pictures = [
            # The reason stands beside the name of the image in a result, so it names none itself.
            RULE.enter("pictures in parquet", partial(read_pixel, images, row), names=[""])
            for row in range(len(images))
        ]
    if rows is not None and not damaged:
        compare_rows(table, rows)
        meant = [value["bytes"] if isinstance(value, dict) else value for value in table["image"].to_pylist()]
        assert pictures == [decode_image(data).getpixel((0, 0)) if is_png(data) else None for data in meant]


def read_pixel(images: ParquetImages, row: int) -> object:
    """The first pixel of one picture."""
    return decode_image(images.read_image(row)).getpixel((0, 0))


def is_png(data: object) -> bool:
    """Whether these are bytes of a picture of ours."""
    return isinstance(data, bytes) and data.startswith(b"\x89PNG")


def compare_rows(table: pa.Table, rows: SplitRows) -> None:
    """Check ids and labels."""
    assert list(rows.image_ids) == table["image_id"].to_pylist()
    also = table["also"].to_pylist() if "also" in table.column_names else [None] * table.num_rows
    for row, (label, others) in enumerate(zip(table["label"].to_pylist(), also, strict=True)):
        listed = [index for index in rows.labels[row].tolist() if index >= 0]
        assert listed == list(dict.fromkeys([label, *(others or [])]))


def name_features(draw: st.DrawFn) -> bytes:
    """Metadata as `datasets` writes it for a class label, whole or not."""
    names = draw(st.lists(st.sampled_from([info.wnid for info in load_classes()[:9]]), max_size=9))
    features: list[object] = [{"names": names}, {"feature": {"names": names}}, {"names": "x"}, [], None, {}]
    feature = draw(st.sampled_from(features))
    return json.dumps({"info": {"features": {"label": feature}}}).encode()


@doors(60)
@given(data=st.data())
def test_labels_of_a_set_are_those_of_the_file(data: st.DataObject) -> None:
    """By the names that `datasets` keeps beside the rows, or as they stand."""
    table = make_image_table()
    if data.draw(st.booleans()):
        table = table.replace_schema_metadata({"huggingface": data.draw(st.composite(name_features)())})
    _, encoded, _ = data.draw(written(table))
    with open_place() as place:
        path = place / "set.parquet"
        path.write_bytes(encoded)
        found = RULE.enter(
            "parquet of a set",
            lambda: load_found_parquet(
                place, [path.name], image_column="image", label_column="label", cache=None
            ),
            names=[path.name, "An image has no class", "Class number"],
        )
        assert found is None or len(found.labels) == len(found.image_ids)
