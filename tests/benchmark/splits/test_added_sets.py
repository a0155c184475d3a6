"""Real sets that were added by a table and files alone.

Each test lays out a tiny copy as the authors do; the tables name where that was read.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import encode, make_image, write_class_folders, write_hub_parquet

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_class_names, load_class_set, load_classes
from imagenet_g.benchmark.errors import DataError, FetchError, InputError
from imagenet_g.benchmark.splits.real_set_files import load_real_sets
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split

WNIDS = [info.wnid for info in load_classes()]
PARTS = ("background", "texture", "material")
# imagenet_c_bar/imagenet_c_bar.csv of facebookresearch/augmentation-corruption, in its order.
C_BAR = (
    "caustic_refraction", "inverse_sparkles", "sparkles", "perlin_noise", "blue_noise_sample", "plasma_noise",
    "checkerboard_cutout", "cocentric_sine_waves", "single_frequency_greyscale", "brownish_noise",
)  # fmt: skip


@pytest.fixture(autouse=True)
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Hub cache instead of the user's own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def load(ref: str, **data: Path) -> Split:
    """A set through the catalogue, as commands load it."""
    copies = {name.replace("_", "-"): path for name, path in data.items()}
    return load_split(parse_split_ref(ref), data=copies, cache=None)


def write_snapshot(hub_cache: Path, repo: str) -> Path:
    """A folder of the Hub's cache, as if it had been downloaded before."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = hub_cache / f"datasets--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    return folder / "snapshots" / commit


def write_images_d(root: Path, *names: str) -> Path:
    """ImageNet-D's layout: three parts with class folders, and the questions for language models."""
    for part in PARTS:
        write_class_folders(root / part, names)
    (root / "questions").mkdir()
    (root / "questions" / "background.csv").write_text("path,question\n")
    return root


def test_imagenet_d_has_113_names_for_the_125_classes_of_objectnet() -> None:
    """preprocessing/imgnet_d2imgnet_id.txt of the authors' repository."""
    names = load_class_names("imagenet-d-diffusion")
    indices = [index for row in names.values() for index in row]
    assert (len(names), len(indices)) == (113, 125)
    assert tuple(sorted(indices)) == load_class_set("objectnet").indices


@pytest.mark.parametrize(
    ("name", "indices"),
    [
        ("alarm_clock", (409, 530)),
        ("bicycle", (671, 444)),
        ("cleaver", (499,)),
        ("mixing_or_salad_bowl", (659,)),
        ("pen", (418, 749, 563)),
        ("teddy_bear", (850,)),
    ],
)
def test_imagenet_d_names_are_the_published_ones(name: str, indices: tuple[int, ...]) -> None:
    """Spot checks by hand; "cleaver", for one, is "Butcher's knife" in ObjectNet."""
    assert load_class_names("imagenet-d-diffusion")[name] == indices


def test_sizes_are_the_published_ones() -> None:
    """Of one part, where there are parts; what could not be looked up is not made up."""
    published = {"imagenet-c-bar": 50_000, "imagenet-d-diffusion": None, "imagenet-hard": 10_980}
    assert {name: load_real_sets()[name].spec.num_images for name in published} == published


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_imagenet_d_is_read_from_its_folder(tmp_path: Path, part: str) -> None:
    """The questions beside the parts are not images, and any label of a folder is right."""
    root = write_images_d(tmp_path / "ImageNet-D", "cleaver", "pen")
    split = load(f"imagenet-d-diffusion/{part}", imagenet_d_diffusion=root)
    assert split.rows.image_ids == ("cleaver/img_0.png", "pen/img_0.png")
    assert split.rows.labels.tolist() == [[499, -1, -1], [418, 749, 563]]
    assert (split.record.ref, split.record.version) == (f"imagenet-d-diffusion/{part}", None)


def test_all_folders_of_imagenet_d_make_its_class_set(tmp_path: Path) -> None:
    """Over all 1000 outputs, as the authors' evaluation has it."""
    names = load_class_names("imagenet-d-diffusion")
    write_class_folders(tmp_path / "texture", list(names))
    split = load("imagenet-d-diffusion/texture", imagenet_d_diffusion=tmp_path)
    assert (len(split.rows), split.class_set.name, split.outputs) == (113, "objectnet", "all")


def test_imagenet_d_says_that_its_size_is_unknown(tmp_path: Path) -> None:
    """No number is made up to measure a copy by."""
    root = write_images_d(tmp_path, "pen")
    notice = load("imagenet-d-diffusion/background", imagenet_d_diffusion=root).record.notice
    assert "How many images imagenet-d-diffusion/background has as a whole is unknown" in str(notice)
    assert "this copy has 1 images of 3 classes" in str(notice)


def test_a_strange_folder_in_imagenet_d_is_refused(tmp_path: Path) -> None:
    """All of its folders are known, unlike ObjectNet's."""
    write_class_folders(tmp_path / "texture", ["pen", "air_freshener"])
    with pytest.raises(
        InputError, match=r"'air_freshener' is not a class name of the set.*imagenet-d-diffusion\.csv"
    ):
        load("imagenet-d-diffusion/texture", imagenet_d_diffusion=tmp_path)


def test_a_missing_part_of_imagenet_d_is_named(tmp_path: Path) -> None:
    """With what a copy looks like."""
    write_class_folders(tmp_path / "texture", ["pen"])
    with pytest.raises(InputError, match=r"no folder 'material'.*folders background, texture and material"):
        load("imagenet-d-diffusion/material", imagenet_d_diffusion=tmp_path)


def test_imagenet_d_is_read_from_the_folders_of_its_repository(hub_cache: Path) -> None:
    """The Hub has the images as single files in class folders."""
    snapshot = write_snapshot(hub_cache, "zcs15/ImageNet-D")
    write_images_d(snapshot, "cleaver", "pen")
    split = load("imagenet-d-diffusion/material")
    assert split.rows.image_ids == ("cleaver/img_0.png", "pen/img_0.png")
    assert split.record.revision == snapshot.name


def write_hard(root: Path, labels: list[list[int]]) -> Path:
    """A parquet with lists of labels, as taesiri/imagenet-hard has them."""
    images = [encode(make_image((number, 0, 0))) for number in range(len(labels))]
    path = root / "data" / "validation-00000-of-00001-0.parquet"
    return write_hub_parquet(path, images, labels, column="label", names=None)


def test_imagenet_hard_has_several_right_answers_an_image(tmp_path: Path) -> None:
    """A list of class numbers becomes a row of labels, in its order and without repeats."""
    write_hard(tmp_path, [[0], [999, 10, 2], [4, 4]])
    split = load("imagenet-hard", imagenet_hard=tmp_path)
    assert split.rows.labels.tolist() == [[0, -1, -1], [999, 10, 2], [4, -1, -1]]
    assert (split.outputs, split.record.num_classes) == ("all", 5)


def test_a_partial_imagenet_hard_says_so(tmp_path: Path) -> None:
    """By its images; how many classes a whole copy covers is not stated by its authors."""
    write_hard(tmp_path, [[0]])
    assert "1 of 10,980 images" in str(load("imagenet-hard", imagenet_hard=tmp_path).record.notice)


@pytest.mark.parametrize("labels", [[], [1000], [3, -1]])
def test_an_image_of_imagenet_hard_needs_classes_of_the_1000(tmp_path: Path, labels: list[int]) -> None:
    """One strange label among good ones is damage too."""
    write_hard(tmp_path, [[0], labels])
    with pytest.raises(DataError, match="class"):
        load("imagenet-hard", imagenet_hard=tmp_path)


def test_imagenet_c_bar_has_ten_corruptions_at_five_severities() -> None:
    """Those of the authors' imagenet_c_bar.csv."""
    refs = set(load_real_sets()["imagenet-c-bar"].spec.list_references())
    assert refs == {f"imagenet-c-bar/{name}/{severity}" for name in C_BAR for severity in range(1, 6)}


def test_imagenet_c_bar_is_found_under_its_root(tmp_path: Path) -> None:
    """In ImageNet-C's layout, and not resized and cropped again."""
    write_class_folders(tmp_path / "sparkles" / "2", WNIDS[:3])
    split = load("imagenet-c-bar/sparkles/2", imagenet_c_bar=tmp_path)
    assert (len(split.rows), split.precropped) == (3, True)


def test_imagenet_c_bar_without_a_copy_says_where_to_put_one() -> None:
    """It is not on the Hub, so that nothing is looked for there."""
    with pytest.raises(
        FetchError, match=r"not on the Hub\. Use a local copy with --data imagenet-c-bar=PATH"
    ):
        load("imagenet-c-bar/sparkles/2")
