"""The real sets, each in every layout it comes in, at the size of a few images."""

from __future__ import annotations

import contextlib
import gzip
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_sets import encode, make_image, write_class_folders, write_hub_parquet, write_tar

from imagenet_g.benchmark.classes import (
    load_class_names,
    load_class_set,
    load_classes,
    load_index_by_wnid,
)
from imagenet_g.benchmark.errors import DataError, FetchError, InputError
from imagenet_g.benchmark.splits import real_sets
from imagenet_g.benchmark.splits.real_set_files import RealSet, find_real_set, load_real_sets, parse_label
from imagenet_g.benchmark.splits.splits import Split

WNIDS = [info.wnid for info in load_classes()]
R_WNIDS = [WNIDS[index] for index in load_class_set("imagenet-r").indices]
# Folder names of the ObjectNet 1.0 archive for the 113 classes it shares with ImageNet.
OBJECTNET_FOLDERS = """
alarm_clock backpack banana band_aid basket full_sized_towel beer_bottle bench bicycle binder_closed
bottle_cap bread_loaf broom bucket butchers_knife can_opener candle cellphone chair clothes_hamper
coffee_french_press combination_lock computer_mouse desk_lamp hand_towel_or_rag doormat dress_shoe_men drill
drinking_cup drying_rack_for_dishes envelope fan frying_pan dress hair_dryer hammer helmet iron_for_clothes
jeans keyboard ladle lampshade laptop_open lemon letter_opener lighter lipstick match measuring_cup
microwave mixing_salad_bowl monitor mug nail_fastener necklace orange padlock paintbrush paper_towel pen
pill_bottle pillow pitcher plastic_bag plate plunger pop_can portable_heater printer remote_control ruler
running_shoe safety_pin salt_shaker sandal screw shovel skirt sleeping_bag soap_dispenser sock soup_bowl
spatula speaker still_camera strainer stuffed_animal suit_jacket sunglasses sweater swimming_trunks t-shirt
tv teapot tennis_racket tie toaster toilet_paper_roll trash_bin tray umbrella vacuum_cleaner vase wallet
watch water_bottle weight_exercise weight_scale wheel whistle wine_bottle winter_glove wok
"""


def get_set(base: str) -> RealSet:
    """The set of a reference that exists."""
    real_set = find_real_set(base)
    assert real_set is not None
    return real_set


def load_real_set(base: str, *, path: Path | None, cache: Path | None) -> Split:
    """A set by its reference."""
    return real_sets.load_real_set(get_set(base), path=path, cache=cache)


def make_images(count: int) -> list[bytes]:
    """Different small images."""
    return [encode(make_image((number, 0, 0))) for number in range(count)]


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache instead of the person's own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_every_reference_has_a_spec() -> None:
    """Each once, with a name of its own and no placeholder left."""
    names = [name for real_set in load_real_sets().values() for name in real_set.spec.list_references()]
    specs = [get_set(name).spec for name in names]
    assert [spec.name for spec in specs] == names
    assert len(names) == len(set(names))
    hubs = [spec.hub for spec in specs if spec.hub is not None]
    paths = [path for spec in specs for path in spec.inner] + [
        path for hub in hubs for path in (hub.repo, *hub.files)
    ]
    assert not any("{" in path for path in paths)


def test_sizes_are_the_published_ones() -> None:
    """ImageNet-Sketch has 50,889 images, not 50,000."""
    published = {
        "imagenet-val": 50_000,
        "imagenet-v2": 10_000,
        "imagenet-v2/threshold-0.7": 10_000,
        "imagenet-v2/top-images": 10_000,
        "imagenet-sketch": 50_889,
        "imagenet-r": 30_000,
        "imagenet-a": 7_500,
        "objectnet": 18_574,
        "imagenet-c": 50_000,
    }
    assert {name: load_real_sets()[name].spec.num_images for name in published} == published


@pytest.mark.parametrize("base", ["imagenet-val", "imagenet-sketch", "imagenet-r", "imagenet-a"])
def test_wnid_folders_are_read(tmp_path: Path, base: str) -> None:
    """The layout of the authors' archives."""
    indices = load_class_set(get_set(base).spec.class_set).indices
    root = write_class_folders(tmp_path / "set", [WNIDS[index] for index in indices])
    split = load_real_set(base, path=root, cache=None)
    assert split.rows.labels.ravel().tolist() == list(indices)
    assert split.class_set.name == get_set(base).spec.class_set
    assert split.outputs == ("all" if split.class_set.covers_all else "split-classes")
    assert (split.record.ref, split.record.version, split.record.revision) == (base, None, None)


def test_a_path_may_be_a_level_too_high(tmp_path: Path) -> None:
    """Where the archive was unpacked."""
    write_class_folders(tmp_path / "set" / "imagenet-r", R_WNIDS[:2])
    assert len(load_real_set("imagenet-r", path=tmp_path / "set", cache=None).rows) == 2


def test_v2_folders_are_numbers_and_not_text(tmp_path: Path) -> None:
    """Sorted as text, 10 comes before 2, and every label is wrong."""
    root = write_class_folders(tmp_path / "set", ["0", "1", "2", "10", "100", "999"])
    split = load_real_set("imagenet-v2", path=root, cache=None)
    expected = {f"{number}/img_0.png": number for number in (0, 1, 2, 10, 100, 999)}
    assert dict(zip(split.rows.image_ids, split.rows.labels.ravel().tolist(), strict=True)) == expected


@pytest.mark.parametrize("name", ["1000", "-1", "1.0", "x", "n01440764", "²"])
def test_v2_folders_are_within_range(tmp_path: Path, name: str) -> None:
    """Anything else is some other set."""
    root = write_class_folders(tmp_path / "set", ["0", name])
    with pytest.raises(InputError, match=r"not a copy of imagenet-v2.*is not a class number from 0 to 999"):
        load_real_set("imagenet-v2", path=root, cache=None)


def test_all_objectnet_folders_have_labels() -> None:
    """The 113 of them are the 113 classes, one to one."""
    spec = get_set("objectnet")
    folders = OBJECTNET_FOLDERS.split()
    labels = [parse_label(spec, "names", name) for name in folders]
    assert sorted(label for label in labels if label) == sorted(load_class_names("objectnet").values())
    assert len(set(folders)) == len(set(labels)) == 113


@pytest.mark.parametrize("name", load_class_names("objectnet"))
def test_objectnet_names_are_read_in_both_spellings(name: str) -> None:
    """As in its mapping file, and as a folder."""
    spec = get_set("objectnet")
    folder = name.lower().replace(" ", "_").replace("(", "").replace(")", "").replace("/", "_")
    expected = load_class_names("objectnet")[name]
    assert parse_label(spec, "names", name) == parse_label(spec, "names", folder) == expected


def test_objectnet_takes_its_shared_classes_and_several_labels(tmp_path: Path) -> None:
    """The other 200 folders are left out, unhashed."""
    root = write_class_folders(tmp_path / "set" / "images", ["alarm_clock", "chair", "air_freshener"])
    split = load_real_set("objectnet", path=tmp_path / "set", cache=None)
    assert split.rows.image_ids == ("alarm_clock/img_0.png", "chair/img_0.png")
    assert split.rows.labels.tolist() == [[409, 530, -1], [423, 559, 765]]
    assert (split.border_px, split.outputs) == (1, "split-classes")
    assert split.reader.read_image(1) == (root / "chair" / "img_0.png").read_bytes()


def test_objectnet_says_what_was_cut(tmp_path: Path) -> None:
    """The border is part of the record."""
    write_class_folders(tmp_path / "set", ["chair"])
    notice = load_real_set("objectnet", path=tmp_path / "set", cache=None).record.notice
    assert "1 px was cut from each side" in str(notice)


def test_imagenet_c_is_found_under_its_root(tmp_path: Path) -> None:
    """And is not resized and cropped again."""
    write_class_folders(tmp_path / "c" / "fog" / "3", WNIDS[:3])
    split = load_real_set("imagenet-c/fog/3", path=tmp_path / "c", cache=None)
    assert (split.record.ref, len(split.rows), split.precropped) == ("imagenet-c/fog/3", 3, True)


def test_a_missing_severity_is_named(tmp_path: Path) -> None:
    """Not "fog is no wnid"."""
    write_class_folders(tmp_path / "c" / "fog" / "3", WNIDS[:3])
    with pytest.raises(InputError, match=r"no folder 'fog/4'.*--data imagenet-c=PATH"):
        load_real_set("imagenet-c/fog/4", path=tmp_path / "c", cache=None)


def test_an_incomplete_copy_says_so(tmp_path: Path) -> None:
    """With images and classes counted."""
    root = write_class_folders(tmp_path / "set", R_WNIDS[:199], per_class=2)
    split = load_real_set("imagenet-r", path=root, cache=None)
    assert "398 of 30,000 images and 199 of 200 classes" in str(split.record.notice)
    assert (split.class_set.name, len(split.class_set.indices)) == ("split-classes", 199)


def test_a_class_outside_the_set_is_refused(tmp_path: Path) -> None:
    """ImageNet-A's folders given for ImageNet-R."""
    outside = next(wnid for wnid in WNIDS if wnid not in R_WNIDS)
    root = write_class_folders(tmp_path / "set", [R_WNIDS[0], outside])
    with pytest.raises(DataError, match=f"class {load_index_by_wnid()[outside]}, which is not one of"):
        load_real_set("imagenet-r", path=root, cache=None)


def test_a_flat_validation_folder_is_explained(tmp_path: Path) -> None:
    """As ILSVRC2012_img_val.tar unpacks."""
    (tmp_path / "val").mkdir()
    (tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(b"x")
    with pytest.raises(InputError, match=r"no class folder.*moved into one sub-folder per wnid"):
        load_real_set("imagenet-val", path=tmp_path / "val", cache=None)


def test_a_wrong_folder_is_explained(tmp_path: Path) -> None:
    """With what was found and what is needed."""
    write_class_folders(tmp_path / "set", ["cats", "dogs"])
    with pytest.raises(InputError, match=r"'cats', 'dogs'.*200 wnid folders"):
        load_real_set("imagenet-a", path=tmp_path / "set", cache=None)


def test_parquet_with_wnids_is_read(tmp_path: Path) -> None:
    """As axiong/imagenet-r has them: two files, a column of wnids."""
    images = make_images(3)
    folder = tmp_path / "set" / "test"
    write_hub_parquet(folder / "test-00000.parquet", images[:2], R_WNIDS[:2], column="wnid", names=None)
    write_hub_parquet(folder / "test-00001.parquet", images[2:], R_WNIDS[2:3], column="wnid", names=None)
    split = load_real_set("imagenet-r", path=tmp_path / "set", cache=None)
    assert split.rows.labels.ravel().tolist() == list(load_class_set("imagenet-r").indices[:3])
    assert [split.reader.read_image(row) for row in range(3)] == images
    assert split.rows.image_ids[2] == "test/test-00001.parquet#000000"


def test_class_labels_go_by_name_and_not_by_number(tmp_path: Path) -> None:
    """Label 0 of ImageNet-A is the first of its own 200 wnids, not class 0."""
    names = [WNIDS[index] for index in load_class_set("imagenet-a").indices]
    path = tmp_path / "set" / "data" / "train-00000.parquet"
    write_hub_parquet(path, make_images(2), [0, 199], column="label", names=names)
    split = load_real_set("imagenet-a", path=tmp_path / "set", cache=None)
    indices = load_class_set("imagenet-a").indices
    assert split.rows.labels.ravel().tolist() == [indices[0], indices[199]]


def test_class_labels_without_names_are_refused(tmp_path: Path) -> None:
    """Numbers alone could mean either."""
    path = tmp_path / "set" / "a.parquet"
    write_hub_parquet(path, make_images(1), [0], column="label", names=None)
    with pytest.raises(DataError, match="class '0', which is not one of ImageNet's 1000"):
        load_real_set("imagenet-a", path=tmp_path / "set", cache=None)


@pytest.mark.parametrize("label", [-1, 200, None])
def test_class_labels_beyond_their_names_are_refused(tmp_path: Path, label: int | None) -> None:
    """Python would take -1 for the last."""
    path = tmp_path / "set" / "a.parquet"
    write_hub_parquet(path, make_images(1), [label], column="label", names=R_WNIDS)
    with pytest.raises(DataError, match=r"lies outside|no class"):
        load_real_set("imagenet-a", path=tmp_path / "set", cache=None)


def test_a_missing_label_column_is_named(tmp_path: Path) -> None:
    """With the columns there are."""
    path = tmp_path / "set" / "a.parquet"
    write_hub_parquet(path, make_images(1), [0], column="target", names=R_WNIDS)
    with pytest.raises(DataError, match=r"no column 'label'. Columns: target"):
        load_real_set("imagenet-a", path=tmp_path / "set", cache=None)


def test_objectnet_parquet_leaves_other_classes_out(tmp_path: Path) -> None:
    """Rows keep pointing at their own images."""
    images = make_images(3)
    names = ["Air freshener", "Alarm clock", "Chair"]
    path = tmp_path / "set" / "a.parquet"
    write_hub_parquet(path, images, [0, 1, 2], column="label", names=names)
    split = load_real_set("objectnet", path=tmp_path / "set", cache=None)
    assert split.rows.labels.tolist() == [[409, 530, -1], [423, 559, 765]]
    assert [split.reader.read_image(row) for row in range(2)] == images[1:]
    assert split.rows.image_ids == ("a.parquet#000001", "a.parquet#000002")


def test_webdataset_tars_are_read(tmp_path: Path) -> None:
    """As timm/imagenet-1k-wds has them: image and class beside each other, over several tars."""
    images = make_images(3)
    for number, (key, label) in enumerate({"b": 7, "a": 999, "c": 0}.items()):
        members = {f"{key}.jpg": images[number], f"{key}.cls": b"%d" % label, f"{key}.json": b"{}"}
        write_tar(tmp_path / "set" / f"imagenet1k-validation-{number:02d}.tar", members)
    split = load_real_set("imagenet-val", path=tmp_path / "set", cache=None)
    assert split.rows.image_ids == ("a", "b", "c")
    assert split.rows.labels.ravel().tolist() == [999, 7, 0]
    assert [split.reader.read_image(row) for row in range(3)] == [images[1], images[0], images[2]]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.jpg": b"x"}, "no class file"),
        ({"a.jpg": b"x", "a.cls": b"0", "b.jpg": b"x", "b.cls": b"1000"}, "not one of ImageNet's 1000"),
        ({"a.jpg": b"x", "a.cls": b"tench"}, "not one of ImageNet's 1000"),
        ({"a.jpg": b"x", "a.cls": b"1" * 100}, "a number was expected"),
        ({"a.jpg": b"x", "a.cls": b"\xff"}, "cannot be read"),
        ({"a.jpg": b"x", "a.png": b"x", "a.cls": b"1"}, "comes twice"),
        ({"a.txt": b"x"}, "no image"),
    ],
)
def test_odd_webdatasets_are_refused(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    """Each with its own word."""
    write_tar(tmp_path / "set" / "imagenet1k-validation-00.tar", members)
    with pytest.raises(DataError, match=message):
        load_real_set("imagenet-val", path=tmp_path / "set", cache=None)


def test_a_compressed_tar_of_folders_is_read(tmp_path: Path) -> None:
    """As vaishaal/ImageNetV2 has them; unpacked once, into the cache."""
    inner = "imagenetv2-matched-frequency-format-val"
    images = make_images(3)
    members = {f"{inner}/{number}/a.jpeg": images[row] for row, number in enumerate((0, 10, 2))}
    members[f"{inner}/._2"] = b"x"
    write_tar(tmp_path / "set" / "imagenetv2-matched-frequency.tar.gz", members, mode="w:gz")
    split = load_real_set("imagenet-v2", path=tmp_path / "set", cache=tmp_path / "cache")
    assert split.rows.image_ids == ("0/a.jpeg", "10/a.jpeg", "2/a.jpeg")
    assert split.rows.labels.ravel().tolist() == [0, 10, 2]
    assert split.reader.read_image(2) == images[2]
    assert [path.suffix for path in (tmp_path / "cache" / "archives").iterdir()] == [".tar"]


@pytest.mark.parametrize("keep_time", [True, False])
def test_an_unpacked_archive_that_was_changed_is_unpacked_again(tmp_path: Path, keep_time: bool) -> None:
    """Its images would be read under the hash of the archive."""
    images = make_images(1)
    name = "imagenetv2-matched-frequency"
    write_tar(tmp_path / "set" / f"{name}.tar.gz", {f"{name}/0/a.jpeg": images[0]}, mode="w:gz")
    load_real_set("imagenet-v2", path=tmp_path / "set", cache=tmp_path / "cache")
    [kept] = (tmp_path / "cache" / "archives").iterdir()
    before, data = kept.stat(), bytearray(kept.read_bytes())
    data[600] ^= 1
    kept.write_bytes(data)
    if keep_time:
        os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))
    again = load_real_set("imagenet-v2", path=tmp_path / "set", cache=tmp_path / "cache")
    assert again.reader.read_image(0) == images[0]


def test_an_unpacked_archive_is_kept(tmp_path: Path) -> None:
    """The second run reads the tar that the first one wrote."""
    path = tmp_path / "set" / "imagenetv2-matched-frequency.tar.gz"
    write_tar(path, {"a/0/a.jpeg": make_images(1)[0]}, mode="w:gz")
    load_real_set("imagenet-v2", path=tmp_path / "set", cache=tmp_path / "cache")
    [kept] = (tmp_path / "cache" / "archives").iterdir()
    before = kept.stat().st_mtime_ns
    load_real_set("imagenet-v2", path=tmp_path / "set", cache=tmp_path / "cache")
    assert kept.stat().st_mtime_ns == before


def test_a_broken_download_of_an_archive_is_named(tmp_path: Path) -> None:
    """And leaves nothing in the cache."""
    whole = gzip.compress(b"x" * 10_000)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "imagenetv2-matched-frequency.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a whole gzip file"):
        load_real_set("imagenet-v2", path=tmp_path / "set", cache=tmp_path / "cache")
    assert list((tmp_path / "cache" / "archives").iterdir()) == []


def test_a_zip_of_folders_is_read(tmp_path: Path) -> None:
    """As songweig/imagenet_sketch has it."""
    images = make_images(2)
    (tmp_path / "set" / "data").mkdir(parents=True)
    with zipfile.ZipFile(tmp_path / "set" / "data" / "ImageNet-Sketch.zip", "w") as archive:
        archive.writestr(f"sketch/{WNIDS[5]}/a.JPEG", images[0])
        archive.writestr(f"sketch/{WNIDS[4]}/b.JPEG", images[1])
        archive.writestr(f"__MACOSX/sketch/{WNIDS[4]}/b.JPEG", b"x")
    split = load_real_set("imagenet-sketch", path=tmp_path / "set", cache=None)
    assert split.rows.labels.ravel().tolist() == [4, 5]
    assert [split.reader.read_image(row) for row in range(2)] == images[::-1]


@given(name=st.sampled_from(["../../evil/n01440764/a.png", "/n01440764/a.png", "n01440764/../../a.png"]))
def test_names_inside_archives_are_never_paths(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    """Nothing is written under them."""
    root = tmp_path_factory.mktemp("hostile")
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        archive.writestr(name, make_images(1)[0])
    (root / "set" / "data").mkdir(parents=True)
    (root / "a.zip").rename(root / "set" / "data" / "a.zip")
    before = sorted(root.rglob("*"))
    with contextlib.suppress(DataError):
        load_real_set("imagenet-sketch", path=root / "set", cache=root / "cache")
    created = [path for path in root.rglob("*") if path not in before]
    assert all(path.is_relative_to(root / "cache") for path in created)


@pytest.mark.parametrize("base", ["imagenet-val", "imagenet-r", "objectnet", "imagenet-c/fog/3"])
def test_without_a_network_the_way_out_is_named(base: str) -> None:
    """Soon, and with the option to use."""
    with pytest.raises(FetchError, match=rf"could not be fetched.*--data {base.split('/')[0]}=PATH"):
        load_real_set(base, path=None, cache=None)


def test_an_earlier_download_is_used_without_a_network(hub_cache: Path) -> None:
    """From the Hub's own cache, and its commit is recorded."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = hub_cache / "datasets--axiong--imagenet-r"
    path = repo / "snapshots" / commit / "test" / "test-00000.parquet"
    write_hub_parquet(path, make_images(2), R_WNIDS[:2], column="wnid", names=None)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(commit)
    split = load_real_set("imagenet-r", path=None, cache=None)
    assert (len(split.rows), split.record.revision) == (2, commit)


def test_a_pointer_in_the_place_of_a_shard_is_no_loose_image(tmp_path: Path) -> None:
    """The message must lead to the shard and not to class folders."""
    write_tar(tmp_path / "imagenet1k-validation-00.tar", {"0.png": encode(make_image()), "0.cls": b"0"})
    pointer = tmp_path / "imagenet1k-validation-01.tar"
    pointer.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(DataError, match=r"validation-01\.tar' is not a whole tar file: it is a Git LFS"):
        load_real_set("imagenet-val", path=tmp_path, cache=None)
