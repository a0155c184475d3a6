"""Every shipped set, read from small copies of its own layout, against torchvision where it has the set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_sets import encode, make_image, write_tar
from scipy.io import savemat
from torchvision import datasets

from imagenet_g.baselines.probing.images import ProbeImages, find_place, load_probe_images
from imagenet_g.baselines.probing.layouts.reading import encode_digit
from imagenet_g.baselines.probing.specs import PARTS, ProbeSetSpec, list_probe_sets, load_probe_set
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_class_set, load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.views import apply_view

CLASSES = ("alpha", "beta", "gamma")
SIZES = {"train": 3, "val": 2, "test": 2}


def write_image(path: Path, number: int) -> None:
    """A picture of a colour of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    make_image((number % 256, number // 256, 7)).save(path, "JPEG")


def list_members(parts: tuple[str, ...] = PARTS) -> list[tuple[str, str, int]]:
    """Part, class and a number for each image of a small set."""
    found = [(part, name) for part in parts for name in CLASSES for _ in range(SIZES[part])]
    return [(part, name, number) for number, (part, name) in enumerate(found)]


def write_aircraft(root: Path) -> None:
    """As `FGVCAircraft` has it."""
    data = root / "fgvc-aircraft-2013b" / "data"
    data.mkdir(parents=True)
    (data / "variants.txt").write_text("\n".join(f"{name} 1" for name in CLASSES))
    for part in PARTS:
        rows = [one for one in list_members() if one[0] == part]
        lines = [f"{number:07d} {name} 1" for _, name, number in rows]
        (data / f"images_variant_{part}.txt").write_text("\n".join(lines) + "\n")
    for _, _, number in list_members():
        write_image(data / "images" / f"{number:07d}.jpg", number)


def write_dtd(root: Path) -> None:
    """As `DTD` has it."""
    base = root / "dtd" / "dtd"
    (base / "labels").mkdir(parents=True)
    for part, name, number in list_members():
        write_image(base / "images" / name / f"{name}_{number:04d}.jpg", number)
        with (base / "labels" / f"{part}1.txt").open("a") as stream:
            stream.write(f"{name}/{name}_{number:04d}.jpg\n")


def write_flowers(root: Path) -> None:
    """As `Flowers102` has it: images are numbered from 1, and so are classes."""
    base = root / "flowers-102"
    base.mkdir(parents=True)
    members = list_members()
    for _, _, number in members:
        write_image(base / "jpg" / f"image_{number + 1:05d}.jpg", number)
    savemat(base / "imagelabels.mat", {"labels": [CLASSES.index(name) + 1 for _, name, _ in members]})
    ids = {part: [number + 1 for one, _, number in members if one == part] for part in PARTS}
    savemat(base / "setid.mat", {"trnid": ids["train"], "valid": ids["val"], "tstid": ids["test"]})


def write_pets(root: Path) -> None:
    """As `OxfordIIITPet` has it, whose classes are numbered from 1."""
    base = root / "oxford-iiit-pet"
    (base / "annotations").mkdir(parents=True)
    for part, name, number in list_members(("train", "test")):
        write_image(base / "images" / f"{name}_{number}.jpg", number)
        file = {"train": "trainval", "test": "test"}[part]
        with (base / "annotations" / f"{file}.txt").open("a") as stream:
            stream.write(f"{name}_{number} {CLASSES.index(name) + 1} 1 1\n")


def write_food(root: Path) -> None:
    """As `Food101` has it, with the JSON that torchvision reads beside the text."""
    base = root / "food-101"
    (base / "meta").mkdir(parents=True)
    for part in ("train", "test"):
        rows = [one for one in list_members(("train", "test")) if one[0] == part]
        lines = [f"{name}/{number}" for _, name, number in rows]
        (base / "meta" / f"{part}.txt").write_text("\n".join(lines) + "\n")
        by_class = {name: [line for line in lines if line.startswith(f"{name}/")] for name in CLASSES}
        (base / "meta" / f"{part}.json").write_text(json.dumps(by_class))
        for _, name, number in rows:
            write_image(base / "images" / name / f"{number}.jpg", number)


def write_sun(root: Path) -> None:
    """As the authors' two archives unpack: classes lie two or three folders deep."""
    for part, name, number in list_members(("train", "test")):
        place = f"/{name[0]}/{name}/indoor/sun_{number}.jpg"
        write_image(root / "SUN397" / place.removeprefix("/"), number)
        with (root / f"{part.capitalize()}ing_01.txt").open("a") as stream:
            stream.write(place + "\n")


def write_cars(root: Path) -> None:
    """As the authors' archive unpacks."""
    fields = [("relative_im_path", object), ("class", object), ("test", object)]
    rows = np.empty((1, len(list_members(("train", "test")))), dtype=fields)
    for column, (part, name, number) in enumerate(list_members(("train", "test"))):
        write_image(root / "car_ims" / f"{number:06d}.jpg", number)
        rows[0, column] = (f"car_ims/{number:06d}.jpg", CLASSES.index(name) + 1, int(part == "test"))
    savemat(root / "cars_annos.mat", {"annotations": rows})


def write_hub_cars(root: Path) -> None:
    """As `wds/cars` has it."""
    for part in ("train", "test"):
        rows = [one for one in list_members(("train", "test")) if one[0] == part]
        members: dict[str, bytes] = {}
        for _, name, number in rows:
            members[f"s{number:07d}.webp"] = encode(make_image((number, 0, 0)), "WEBP")
            members[f"s{number:07d}.cls"] = str(CLASSES.index(name)).encode()
        (root / part).mkdir(parents=True)
        write_tar(root / part / "0.tar", members)


def write_inat(year: int) -> Callable[[Path], None]:
    """As the competition's archives unpack; annotations in another order than the images."""

    def write(root: Path) -> None:
        for part, file in (("train", "train"), ("test", "val")):
            rows = [one for one in list_members(("train", "test")) if one[0] == part]
            images = [{"id": n, "file_name": f"{file}_val{year}/{name}/{n}.jpg"} for _, name, n in rows]
            labels = [{"id": n, "image_id": n, "category_id": CLASSES.index(name)} for _, name, n in rows]
            content = {"images": images, "annotations": labels[::-1], "categories": []}
            (root / f"{file}{year}.json").write_text(json.dumps(content))
            for image, (_, _, number) in zip(images, rows, strict=True):
                write_image(root / str(image["file_name"]), number)

    return write


def shrink(name: str) -> ProbeSetSpec:
    """A shipped set with the sizes of the small copy."""
    spec = load_probe_set(name)
    content = spec.model_dump(mode="json") | {"num_classes": len(CLASSES)}
    has_val = name in ("aircraft", "dtd", "flowers")
    val = len(CLASSES) * SIZES["val"] if has_val else None
    content["sizes"] = {"train": 3 * SIZES["train"], "val": val, "test": 3 * SIZES["test"]}
    return ProbeSetSpec.model_validate(content)


WRITERS: dict[str, Callable[[Path], None]] = {
    "aircraft": write_aircraft,
    "cars196": write_cars,
    "dtd": write_dtd,
    "flowers": write_flowers,
    "food101": write_food,
    "inat2018": write_inat(2018),
    "inat2019": write_inat(2019),
    "pets": write_pets,
    "sun397": write_sun,
}


def open_small(name: str, root: Path, write: Callable[[Path], None] | None = None) -> ProbeImages:
    """A small copy of a set, written and read."""
    root.mkdir(exist_ok=True)
    (write or WRITERS[name])(root)
    return load_probe_images(shrink(name), root, cache=None, allow_partial=False)


def list_pixels(images: ProbeImages, part: str) -> list[tuple[bytes, int]]:
    """Bytes and class of each image of a part, sorted."""
    rows = images.parts[part].tolist()  # type: ignore[index]
    return sorted((images.split.reader.read_image(row), int(images.labels[row])) for row in rows)


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_small_copy_has_its_parts_and_classes(name: str, tmp_path: Path) -> None:
    """Each image once, in the part and class that it was written for."""
    images = open_small(name, tmp_path / "set")
    assert len(images.class_names) == len(CLASSES)
    for part, rows in images.parts.items():
        counts = np.bincount(images.labels[rows], minlength=len(CLASSES)).tolist()
        assert counts == [SIZES[part]] * len(CLASSES)
    assert len(images.find_shared()) == 0


TORCHVISION: dict[str, tuple[type[Any], dict[str, dict[str, Any]]]] = {
    "aircraft": (datasets.FGVCAircraft, {part: {"split": part} for part in PARTS}),
    "dtd": (datasets.DTD, {part: {"split": part, "partition": 1} for part in PARTS}),
    "flowers": (datasets.Flowers102, {part: {"split": part} for part in PARTS}),
    "pets": (datasets.OxfordIIITPet, {"train": {"split": "trainval"}, "test": {"split": "test"}}),
    "food101": (datasets.Food101, {"train": {"split": "train"}, "test": {"split": "test"}}),
}


@pytest.mark.parametrize("name", sorted(TORCHVISION))
def test_files_and_classes_are_those_of_torchvision(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the same folder, part by part, whatever the order."""
    # It compares its lists with the hashes of the real ones, which a small copy cannot have.
    monkeypatch.setattr(datasets.Flowers102, "_check_integrity", lambda _: True)
    images = open_small(name, tmp_path)
    factory, parts = TORCHVISION[name]
    for part, options in parts.items():
        # Without the checks of archives, which are not there: `download=False` wants the files alone.
        peer = factory(root=str(tmp_path), download=False, **options)
        files = getattr(peer, "_image_files", None) or peer._images
        expected = sorted(
            (Path(file).read_bytes(), int(label)) for file, label in zip(files, peer._labels, strict=True)
        )
        assert list_pixels(images, part) == expected


def test_cars_of_the_hub_are_those_of_the_archive(tmp_path: Path) -> None:
    """Two forms of one set: the same parts and classes."""
    images = open_small("cars196", tmp_path, write_hub_cars)
    counts = {part: np.bincount(images.labels[rows]).tolist() for part, rows in images.parts.items()}
    assert counts == {"train": [3, 3, 3], "test": [2, 2, 2]}


def test_eurosat_is_divided_class_by_class_and_always_alike(tmp_path: Path) -> None:
    """By its own draw; classes have different sizes."""
    for number, name in enumerate(("AnnualCrop", "Forest", "SeaLake")):
        for image in range(6 + number):
            write_image(tmp_path / "2750" / name / f"{name}_{image}.jpg", number * 100 + image)
    content = load_probe_set("eurosat").model_dump(mode="json")
    content["num_classes"], content["sizes"] = 3, {"train": 9, "val": 6, "test": 6}
    content["places"][0]["layout"] |= {"test_per_class": 2, "val_per_class": 2}
    spec = ProbeSetSpec.model_validate(content)
    first, second = (load_probe_images(spec, tmp_path, cache=None, allow_partial=False) for _ in range(2))
    assert [len(first.parts[part]) for part in PARTS] == [9, 6, 6]
    assert first.split.record.content_sha256 == second.split.record.content_sha256
    assert all((first.parts[part] == second.parts[part]).all() for part in PARTS)


def test_digits_are_scikit_learns() -> None:
    """Pixels from 0 to 16 are stretched to 0 to 255, in the order of the file."""
    from sklearn.datasets import load_digits

    images = load_probe_images(load_probe_set("digits"), None, cache=None, allow_partial=False)
    found: Any = load_digits()
    assert images.labels.tolist() == found.target.tolist()
    assert images.split.reader.read_image(1000) == encode_digit(found.images[1000])
    assert images.parts["test"].tolist() == list(range(898, 1797))


def make_split_set(parts: dict[str, tuple[str, ...]], *, without: str | None = "drawn-104") -> ProbeSetSpec:
    """A set that is views of the drawings inside the package, whatever its sizes."""
    content = load_probe_set("digits").model_dump(mode="json")
    content["places"] = [{"layout": {"kind": "split", "parts": parts, "without_classes": without}}]
    return ProbeSetSpec.model_validate(content)


def test_the_drawings_of_new_classes_are_learnt_in_some_styles_and_tested_in_others() -> None:
    """Against the views themselves; no class that models are trained on is among them."""
    images = load_probe_images(load_probe_set("mini-new-classes"), None, cache=None, allow_partial=False)
    split = load_split(parse_split_ref("mini/renditions"), data={}, cache=None)
    trained = {load_classes()[index].wnid for index in load_class_set("drawn-104").indices}
    assert len(images.class_names) == 71
    assert not trained & {*images.class_names}
    tested = set()
    for view in ("noto", "noto-v1", "fluent-high-contrast"):
        tested |= {split.rows.image_ids[row] for row in apply_view(split, view)[0]}
    for part, rows in images.parts.items():
        for row in rows.tolist():
            image = images.split.rows.image_ids[row]
            place = split.rows.image_ids.index(image)
            assert (image in tested) == (part == "test")
            assert load_classes()[split.rows.labels[place, 0]].wnid == images.class_names[images.labels[row]]
            assert images.split.reader.read_image(row) == split.reader.read_image(place)
    assert not len(images.find_shared())


def test_views_of_two_splits_or_with_shared_images_are_refused() -> None:
    """A probe would be tested on what it learns."""
    with pytest.raises(ValueError, match="views of one split, not of mini/real, mini/renditions"):
        make_split_set({"train": ("mini/renditions:noto",), "test": ("mini/real",)})
    spec = make_split_set({"train": ("mini/renditions",), "test": ("mini/renditions:noto",)})
    with pytest.raises(InputError, match="more than once"):
        load_probe_images(spec, None, cache=None, allow_partial=True)


@pytest.mark.parametrize("name", [name for name in list_probe_sets() if load_probe_set(name).needs_folder])
def test_a_folder_of_another_layout_is_one_message(name: str, tmp_path: Path) -> None:
    """It says what was expected and what is there."""
    (tmp_path / "holiday.txt").touch()
    with pytest.raises(InputError) as caught:
        find_place(load_probe_set(name), tmp_path)
    assert f"does not have the layout of '{name}'" in str(caught.value)
    assert "Found: holiday.txt" in str(caught.value)


def test_an_image_that_is_listed_and_missing_is_one_message(tmp_path: Path) -> None:
    """With its name."""
    write_dtd(tmp_path)
    next((tmp_path / "dtd" / "dtd" / "images" / "beta").iterdir()).unlink()
    with pytest.raises(InputError, match=r"1 of 21 images are not in .*beta"):
        load_probe_images(shrink("dtd"), tmp_path, cache=None, allow_partial=False)


def test_a_line_of_another_form_is_one_message(tmp_path: Path) -> None:
    """With its number."""
    write_pets(tmp_path)
    with (tmp_path / "oxford-iiit-pet" / "annotations" / "test.txt").open("a") as stream:
        stream.write("only-a-name\n")
    with pytest.raises(InputError, match=r"Line 7 of .* is 'only-a-name'"):
        load_probe_images(shrink("pets"), tmp_path, cache=None, allow_partial=False)


def test_a_list_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A list may come from anyone."""
    write_dtd(tmp_path)
    (tmp_path / "dtd" / "dtd" / "labels" / "test1.txt").write_text("../../secret/x.jpg\n")
    with pytest.raises(InputError, match="outside the folder"):
        load_probe_images(shrink("dtd"), tmp_path, cache=None, allow_partial=False)


def test_a_class_without_an_image_to_learn_from_is_one_message(tmp_path: Path) -> None:
    """A probe could never answer it."""
    write_sun(tmp_path)
    lines = (tmp_path / "Training_01.txt").read_text().splitlines()
    (tmp_path / "Training_01.txt").write_text("\n".join(line for line in lines if "gamma" not in line))
    with pytest.raises(InputError, match="1 classes without an image to learn from: g/gamma/indoor"):
        load_probe_images(shrink("sun397"), tmp_path, cache=None, allow_partial=True)


def test_other_sizes_than_printed_are_refused_unless_asked_for(tmp_path: Path) -> None:
    """And then said."""
    write_dtd(tmp_path)
    with pytest.raises(InputError, match=r"3 classes where 47 are printed.*--partial"):
        load_probe_images(load_probe_set("dtd"), tmp_path, cache=None, allow_partial=False)
    images = load_probe_images(load_probe_set("dtd"), tmp_path, cache=None, allow_partial=True)
    assert images.partial
    assert "6 test images where 1880 are printed" in images.findings


def test_an_image_that_is_listed_twice_is_refused(tmp_path: Path) -> None:
    """It would be learnt from and tested."""
    write_dtd(tmp_path)
    labels = tmp_path / "dtd" / "dtd" / "labels"
    line = (labels / "train1.txt").read_text().splitlines()[0]
    with (labels / "test1.txt").open("a") as stream:
        stream.write(line + "\n")
    with pytest.raises(InputError, match="more than once"):
        load_probe_images(shrink("dtd"), tmp_path, cache=None, allow_partial=True)


def test_a_test_image_that_is_also_learnt_from_is_found_by_its_bytes(tmp_path: Path) -> None:
    """Under another name."""
    write_dtd(tmp_path)
    base = tmp_path / "dtd" / "dtd"
    train, test = (
        (base / "labels" / f"{part}1.txt").read_text().splitlines()[0] for part in ("train", "test")
    )
    (base / "images" / test).write_bytes((base / "images" / train).read_bytes())
    images = load_probe_images(shrink("dtd"), tmp_path, cache=None, allow_partial=False)
    assert [images.split.rows.image_ids[row] for row in images.find_shared()] == [f"images/{test}"]


@pytest.mark.parametrize("text", ["[]", "{", '{"images": [{"id": 1, "file_name": "a"}], "annotations": []}'])
def test_annotations_of_another_form_are_one_message(text: str, tmp_path: Path) -> None:
    """Whatever is wrong with them."""
    for name in ("train2019.json", "val2019.json"):
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=r"train2019.json"):
        load_probe_images(shrink("inat2019"), tmp_path, cache=None, allow_partial=True)


@pytest.mark.parametrize(("name", "file"), [("flowers", "setid.mat"), ("cars196", "cars_annos.mat")])
def test_a_file_of_matlab_that_is_none_is_one_message(name: str, file: str, tmp_path: Path) -> None:
    """Its reader raises errors of many kinds."""
    WRITERS[name](tmp_path)
    next(tmp_path.rglob(file)).write_bytes(b"not a matrix" * 40)
    with pytest.raises(InputError, match=file):
        load_probe_images(shrink(name), tmp_path, cache=None, allow_partial=True)
