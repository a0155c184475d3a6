"""The layouts that `imagenet-g adopt` takes: the same pixels give the same ids from every container."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from adopted_sets import (
    WNIDS,
    adopt,
    make_set,
    read_columns,
    read_ids,
    read_recipe,
    write_files,
    write_folders,
)
from image_sets import write_hub_parquet, write_tar

from imagenet_g.benchmark.classes import load_classes

NAMES = ("tench", "goldfish", "great_white_shark")
Source = tuple[Path, tuple[str, ...]]


def flat(root: Path) -> Path:
    """All images in one folder."""
    return write_files(root, {name: data for (_, name), data in make_set().items()})


def by_wnid(root: Path) -> Source:
    """`<wnid>/<image>`."""
    return write_folders(root / "set"), ()


def by_name(root: Path) -> Source:
    """`<class name>/<image>`."""
    return write_folders(root / "set", NAMES), ()


def by_number(root: Path) -> Source:
    """`<number>/<image>`, numbers in sorted order."""
    return write_folders(root / "set", ("0", "1", "2")), ("--order", "sorted")


def by_number_of_a_file(root: Path) -> Source:
    """Numbers in an order of one's own."""
    (root / "order.txt").write_text("\n".join((WNIDS[2], WNIDS[0], WNIDS[1])))
    return write_folders(root / "set", ("1", "2", "0")), ("--order", str(root / "order.txt"))


def by_map(root: Path) -> Source:
    """Words of one's own, with a map."""
    (root / "map.csv").write_text("name,wnid\n" + "".join(f"c{k},{wnid}\n" for k, wnid in enumerate(WNIDS)))
    return write_folders(root / "set", ("c0", "c1", "c2")), ("--class-map", str(root / "map.csv"))


def flat_csv(root: Path) -> Source:
    """A label file with a header."""
    lines = [f"{name},{WNIDS[label]}" for label, name in make_set()]
    (root / "labels.csv").write_text("\n".join(["file_name,wnid", *lines]))
    return flat(root / "set"), ("--label-file", str(root / "labels.csv"))


def flat_json_lines(root: Path) -> Source:
    """One object a line, with numbers."""
    rows = [json.dumps({"file_name": name, "label": label}) for label, name in make_set()]
    (root / "labels.jsonl").write_text("\n".join(rows))
    return flat(root / "set"), ("--label-file", str(root / "labels.jsonl"), "--order", "sorted")


def flat_timm(root: Path) -> Source:
    """Predictions as timm's `inference.py` writes them, taken as labels: `filename`, `index`, `label`."""
    rows = [{"filename": name, "label": WNIDS[label], "prob": 1.0} for label, name in make_set()]
    (root / "labels.json").write_text(json.dumps(rows))
    return flat(root / "set"), ("--label-file", str(root / "labels.json"))


def flat_text(root: Path) -> Source:
    """`<file> <class>` a line, as Caffe's `val.txt`."""
    (root / "val.txt").write_text("".join(f"{name} {label}\n" for label, name in make_set()))
    return flat(root / "set"), ("--label-file", str(root / "val.txt"), "--order", "sorted")


def flat_synsets(root: Path) -> Source:
    """A class a line in the order of the files, as `imagenet_2012_validation_synset_labels.txt`."""
    (root / "synsets.txt").write_text("".join(f"{WNIDS[label]}\n" for label, _ in make_set()))
    return flat(root / "set"), ("--label-file", str(root / "synsets.txt"))


def tar(root: Path) -> Source:
    """Class folders below another folder."""
    return write_tar(root / "a.tar", {f"x/{WNIDS[k]}/{name}": d for (k, name), d in make_set().items()}), ()


def tar_gz(root: Path) -> Source:
    """The same, compressed."""
    members = {f"x/{WNIDS[k]}/{name}": data for (k, name), data in make_set().items()}
    return write_tar(root / "a.tar.gz", members, mode="w:gz"), ()


def class_tars(root: Path) -> Source:
    """A tar a class, as ILSVRC's training set."""
    for label, wnid in enumerate(WNIDS):
        write_tar(
            root / "set" / f"{wnid}.tar", {name: d for (k, name), d in make_set().items() if k == label}
        )
    return root / "set", ()


def zipped(root: Path) -> Source:
    """Class folders in a zip."""
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for (label, name), data in make_set().items():
            archive.writestr(f"{WNIDS[label]}/{name}", data)
    return root / "a.zip", ()


def webdataset(root: Path) -> Source:
    """Two shards whose keys both begin at 0."""
    items = list(make_set().items())
    for shard in range(2):
        members: dict[str, bytes] = {}
        for key, ((label, _), data) in enumerate(items[shard::2]):
            members |= {f"{key:06d}.png": data, f"{key:06d}.cls": str(label).encode()}
        write_tar(root / "set" / f"{shard:05d}.tar", members)
    return root / "set", ("--order", "sorted")


def zipped_samples(root: Path) -> Source:
    """A shard of webdataset that somebody has packed as zip."""
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for key, ((label, _), data) in enumerate(make_set().items()):
            archive.writestr(f"{key:06d}.png", data)
            archive.writestr(f"{key:06d}.cls", str(label))
    return root / "a.zip", ("--order", "sorted")


def parquet(root: Path) -> Source:
    """Two tables, their classes named by a ClassLabel of another order."""
    items = list(make_set().items())
    names = [WNIDS[2], WNIDS[0], WNIDS[1]]
    for file in range(2):
        part = items[file::2]
        labels = [names.index(WNIDS[label]) for (label, _), _ in part]
        path = root / "set" / f"val-{file}.parquet"
        write_hub_parquet(path, [data for _, data in part], labels, column="label", names=names)
    return root / "set", ()


def parquet_numbers(root: Path) -> Source:
    """A table with plain numbers."""
    items = make_set()
    path = root / "set.parquet"
    write_hub_parquet(path, [*items.values()], [label for label, _ in items], column="label", names=None)
    return path, ("--order", "sorted")


LAYOUTS = [
    by_wnid, by_name, by_number, by_number_of_a_file, by_map, flat_csv, flat_json_lines, flat_timm, flat_text,
    flat_synsets, tar, tar_gz, class_tars, zipped, webdataset, zipped_samples, parquet,
    parquet_numbers,
]  # fmt: skip


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple[object, ...]], object]:
    """Rows and content hash of the set in class folders by wnid."""
    root = tmp_path_factory.mktemp("wnid")
    out = adopt(write_folders(root / "set"), root / "out")
    return read_ids(out), read_source(out)["content_sha256"]


def read_source(release: Path) -> dict[str, object]:
    """What the manifest says of the source."""
    source = read_recipe(release)["source"]
    assert isinstance(source, dict)
    return source


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.__name__)
def test_the_same_pixels_have_the_same_ids_in_every_layout(
    layout: Callable[[Path], Source], tmp_path: Path, expected: tuple[list[tuple[object, ...]], object]
) -> None:
    """Row by row, with the same hash over all files."""
    source, words = layout(tmp_path)
    out = adopt(source, tmp_path / "out", *words)
    assert (read_ids(out), read_source(out)["content_sha256"]) == expected


def test_names_of_classes_are_those_of_every_class() -> None:
    """Each of the 1000 display names is its class, or is refused as one of several."""
    from imagenet_g.benchmark.splits.real_set_files import simplify_name
    from imagenet_g.generation.adopting.classes import index_names

    for info in load_classes():
        assert info.index in index_names()[simplify_name(info.name)]


@pytest.mark.parametrize("suffix", ["", "-tench"])
def test_the_class_may_stand_elsewhere_in_the_path(
    suffix: str, tmp_path: Path, expected: tuple[list[tuple[object, ...]], object]
) -> None:
    """Any place that a template names: `val/<wnid>-tench/images/<image>`."""
    files = {f"val/{WNIDS[k]}{suffix}/images/{name}": data for (k, name), data in make_set().items()}
    template = "val/{class}-*/images/*" if suffix else "val/{class}/images/*"
    out = adopt(write_files(tmp_path / "set", files), tmp_path / "out", "--path", template)
    assert read_ids(out) == expected[0]


def test_a_name_with_several_classes_has_several_right_answers(tmp_path: Path) -> None:
    """The first line of the map is the label."""
    (tmp_path / "map.csv").write_text(f"name,wnid\na,{WNIDS[1]}\na,{WNIDS[0]}\nb,{WNIDS[2]}\n")
    files = {f"{'ab'[label > 1]}/{name}": data for (label, name), data in make_set().items()}
    out = adopt(
        write_files(tmp_path / "set", files), tmp_path / "out", "--class-map", str(tmp_path / "map.csv")
    )
    assert (
        sorted(str(row) for row in read_columns(out, "label", "also")) == ["(1, [0])"] * 4 + ["(2, [])"] * 2
    )


def test_images_too_large_for_the_hub_are_in_smaller_groups() -> None:
    """100 rows of a group as usual, 4 where an image has 50 MB."""
    from dataclasses import replace

    from imagenet_g.generation.adopting.reading import ReadImage
    from imagenet_g.generation.adopting.writing import choose_group_size

    small = ReadImage(0, (0,), "", "", 1000, is_flat=False)
    assert choose_group_size([small]) == 100
    assert choose_group_size([small, replace(small, num_bytes=50 << 20)]) == 4
