"""Folders of images: every image under its own class, or one clear message."""

from __future__ import annotations

from pathlib import Path

from door_folders import WNIDS, Planned, folders, make_folder
from doors import RULE, doors, open_place
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.images.decoding import decode_image
from imagenet_g.benchmark.predictions.result_files import load_result
from imagenet_g.benchmark.splits.folders import load_folder
from imagenet_g.benchmark.splits.real_set_files import find_real_set
from imagenet_g.benchmark.splits.real_sets import load_real_set
from imagenet_g.benchmark.splits.splits import Split

FILES = ("picture", "picture", "odd", "rubbish", "empty", "empty folder", "link", "loop")
"""Kinds of things that a class folder may hold."""
PLAIN = ("a.png", "b.PNG", "c.JPEG", "d.jpeg", "e.jpg", "f.webp")
"""Names that nobody leaves out."""


@doors(60)
@given(plan=st.one_of(folders(), folders(classes=WNIDS[:6], kinds=FILES)))
def test_a_folder_holds_its_images_under_their_classes(plan: Planned) -> None:
    """With any names, links, pipes and rubbish among them."""
    with open_place() as place:
        root = make_folder(place / "data", plan)
        split = RULE.enter("folders", lambda: load_folder(root, cache=place / "cache"), names=[root])
        if split is not None:
            compare_rows(split, plan)
            compare_pictures(split, root)


def compare_rows(split: Split, plan: Planned) -> None:
    """Check that each row is a file of the class it is labelled with, and that none is missing."""
    for image_id, labels in zip(split.rows.image_ids, split.rows.labels.tolist(), strict=True):
        assert image_id in plan.files
        assert WNIDS[labels[0]] == image_id.split("/")[0]
    pictures = {
        name for name, kind in plan.files.items() if kind == "picture" and name.split("/")[-1] in PLAIN
    }
    assert pictures <= set(split.rows.image_ids)


def compare_pictures(split: Split, root: Path) -> None:
    """Check that each row gives the picture of its own file, or a reason."""
    for row, image_id in enumerate(split.rows.image_ids):
        try:
            image = decode_image(split.reader.read_image(row))
        except DataError as error:
            assert str(error)
            continue
        assert image.tobytes() == decode_image((root / image_id).read_bytes()).tobytes()


NUMBERS = tuple(str(number) for number in range(12))


@doors(40)
@given(
    plan=folders(
        classes=(*NUMBERS, "999", "1000", "1001", "-1", "007", "\u0663", *WNIDS[:2]), kinds=("picture",)
    )
)
def test_numbered_folders_are_classes_by_number_or_refused(plan: Planned) -> None:
    """A set of ImageNet-V2's kind: 0 counts from 0, 1000 counts from 1, and what fits both is refused."""
    real_set = find_real_set("imagenet-v2")
    assert real_set is not None
    with open_place() as place:
        root = make_folder(place / "data", plan)
        split = RULE.enter(
            "numbered folders", lambda: load_real_set(real_set, path=root, cache=None), names=[root]
        )
    if split is not None:
        numbers = [int(image_id.split("/")[0]) for image_id in split.rows.image_ids]
        named = {int(name.split("/")[0]) for name in plan.files if name.split("/")[0].isdecimal()}
        assert (0 in named) != (1000 in named), "two readings fit"
        assert [number - (1000 in named) for number in numbers] == split.rows.labels[:, 0].tolist()


@doors(6)
@given(plan=folders(classes=WNIDS[:9], kinds=("picture", "picture", "rubbish", "empty")))
def test_evaluate_counts_the_images_that_show_their_class(plan: Planned) -> None:
    """A model that reads its answer off the colour; against a count over the files."""
    with open_place() as place:
        root = make_folder(place / "data", plan)
        outcome = RULE.run_command(
            "evaluate a folder",
            *("evaluate", "--model", "python:toy_models:make_colour_model", "--split", f"folder:{root}"),
            *("--device", "cpu", "--out", place / "out", "--cache", place / "cache"),
            names=[root],
        )
        results = list((place / "out").glob("*/result.json"))
        assert bool(results) == (outcome.code == 0), "a result without a score"
        if not results:
            return
        (entry,) = load_result(results[0]).entries
        split = load_folder(root, cache=None)
        right = sum(count_right(split, row) for row in range(len(split.rows)))
    assert entry.n == len(split.rows) > entry.n_unscored
    assert entry.scores[0].metrics["top1"].right == right


def count_right(split: Split, row: int) -> bool:
    """Whether the first pixel of a picture shows the class of its row."""
    try:
        pixel = decode_image(split.reader.read_image(row)).getpixel((0, 0))
    except DataError:
        return False
    assert isinstance(pixel, tuple)
    return (pixel[0] + pixel[1]) % 1000 == int(split.rows.labels[row, 0])
