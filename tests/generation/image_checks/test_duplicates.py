"""Near-duplicates and copies of training images that were put in, and none where none were."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from checked_images import check, draw, normalize
from PIL import Image, ImageEnhance
from sklearn.neighbors import NearestNeighbors

from imagenet_g.generation.image_checks import nearest
from imagenet_g.generation.image_checks.duplicates import (
    MOST_ALIKE,
    ComparedImages,
    measure_near_duplicates,
)
from imagenet_g.generation.image_checks.memory import search_memory
from imagenet_g.generation.image_checks.nearest import find_class_level, find_two_nearest
from imagenet_g.generation.near_duplicates.pairs import find_matches

RNG = np.random.default_rng(0)
NOTHING = ComparedImages()


@pytest.mark.parametrize("part", [7, 500, 5000])
def test_the_two_nearest_are_those_of_scikit_learn(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """2000 others in parts of several sizes, the last one of 5 alone."""
    monkeypatch.setattr(nearest, "_OTHERS", part)
    vectors, others = normalize(RNG.normal(size=(40, 8))), normalize(RNG.normal(size=(2000, 8)))
    distances, rows = NearestNeighbors(n_neighbors=2, metric="cosine").fit(others).kneighbors(vectors)
    found = find_two_nearest(vectors, others)
    assert found.rows.tolist() == rows[:, 0].tolist()
    assert found.cosine == pytest.approx(1 - distances[:, 0], abs=1e-5)
    assert found.second == pytest.approx(1 - distances[:, 1], abs=1e-5)


def test_the_ratio_is_of_euclidean_distances() -> None:
    """Of unit vectors, as scikit-learn measures them."""
    vectors, others = normalize(RNG.normal(size=(5, 6))), normalize(RNG.normal(size=(30, 6)))
    distances, _ = NearestNeighbors(n_neighbors=2).fit(others).kneighbors(vectors)
    assert find_two_nearest(vectors, others).ratios == pytest.approx(
        distances[:, 0] / distances[:, 1], abs=1e-4
    )


def test_the_level_of_a_class_is_the_quantile_of_its_nearest_neighbours() -> None:
    """Two classes of 30; no neighbour is of the other class."""
    vectors, labels = normalize(RNG.normal(size=(60, 5))), np.repeat([3, 8], 30)
    cosines = []
    for label in (3, 8):
        mine = vectors[labels == label]
        distances, _ = NearestNeighbors(n_neighbors=2, metric="cosine").fit(mine).kneighbors(mine)
        cosines += (1 - distances[:, 1]).tolist()
    assert find_class_level(vectors, labels, 0.9) == pytest.approx(np.quantile(cosines, 0.9), abs=1e-5)


@pytest.mark.parametrize("max_distance", [0, 3, 8])
def test_matches_are_those_of_comparing_each_with_each(max_distance: int) -> None:
    """Numbers of twelve bits, so that there are pairs of every distance."""
    rng = np.random.default_rng(max_distance)
    mine, theirs = ([int(x) for x in rng.integers(0, 2**12, 80)] for _ in range(2))
    fewest = [min((a ^ b).bit_count() for b in theirs) for a in mine]
    found = {one.row: one for one in find_matches(mine, theirs, max_distance)}
    assert {row: one.distance for row, one in found.items()} == {
        row: bits for row, bits in enumerate(fewest) if bits <= max_distance
    }
    assert all((mine[row] ^ theirs[one.of - 80]).bit_count() == one.distance for row, one in found.items())


def test_a_doubled_set_has_each_image_twice() -> None:
    """The first of each two is kept."""
    pictures = [draw(seed) for seed in range(8)]
    section = measure_near_duplicates(check(pictures * 2, [0] * 16), NOTHING)
    within = section.searches[0]
    assert (within.kind, within.num_near, within.num_other_class) == ("within", 8, 0)
    assert all(pair.bits == 0 and pair.cosine is None for pair in within.closest)


def test_a_set_of_different_images_has_no_near_duplicates() -> None:
    """Twenty pictures of noise."""
    section = measure_near_duplicates(check([draw(seed) for seed in range(20)], [0] * 20), NOTHING)
    assert section.searches[0].num_near == 0 and section.sheet is None


def test_a_brightened_copy_under_another_label_is_named() -> None:
    """One of seven pictures."""
    pictures = [draw(seed) for seed in range(6)]
    copy = ImageEnhance.Brightness(pictures[2]).enhance(0.9)
    within = measure_near_duplicates(check([*pictures, copy], [0] * 6 + [1]), NOTHING).searches[0]
    assert within.num_near == within.num_other_class == 1
    assert (within.closest[0].image_id, within.closest[0].other_id) == ("v9/sd-l-6", "v9/sd-l-2")


def test_images_of_other_splits_and_of_the_reference_are_found_apart() -> None:
    """One image is shared with the other split, two with the reference."""
    pictures = [draw(seed) for seed in range(9)]
    images = check(pictures[:4], [0] * 4)
    other = check(pictures[3:6], [0] * 3, ref="v9/sd-i")
    reference = check([*pictures[:2], *pictures[6:]], [0] * 5, ref="real")
    found = measure_near_duplicates(images, ComparedImages(splits=[other], reference=reference)).searches
    counts = [(one.kind, one.compared_with.ref, one.num_near) for one in found]
    assert counts == [("within", "v9/sd-l", 0), ("split", "v9/sd-i", 1), ("reference", "real", 2)]


def test_embeddings_confirm_and_order_pairs_that_hashes_found() -> None:
    """Three copies; the embedding of one says that it is another image."""
    pictures = [draw(seed) for seed in range(3)]
    base = normalize(RNG.normal(size=(3, 12)))
    away = normalize(RNG.normal(size=(1, 12)))
    vectors = np.concatenate([base, base[:1], away, base[2:] + 0.03])
    images = check(pictures * 2, [0] * 6, vectors=vectors)
    section = measure_near_duplicates(images, NOTHING)
    within = section.searches[0]
    assert section.min_cosine == MOST_ALIKE
    assert (within.num_near, within.num_confirmed) == (3, 2)
    assert [pair.image_id[-1] for pair in within.closest] == ["3", "5", "4"]


def test_the_bound_is_the_level_of_the_reference() -> None:
    """The reference has embeddings of chance."""
    pictures = [draw(seed) for seed in range(12)]
    vectors = normalize(RNG.normal(size=(12, 6)))
    reference = check(pictures, [0] * 12, vectors=vectors, ref="real")
    images = check(pictures[:2], [0, 0], vectors=vectors[:2])
    section = measure_near_duplicates(images, ComparedImages(reference=reference))
    level = find_class_level(vectors, np.zeros(12, dtype=np.int64), 0.99)
    assert section.min_cosine == pytest.approx(level)
    assert section.min_cosine_rule is not None and "'real'" in section.min_cosine_rule


def test_a_copied_training_image_is_the_first_candidate() -> None:
    """One of ten embeddings is that of a training image with little noise."""
    training_vectors, vectors = normalize(RNG.normal(size=(50, 16))), normalize(RNG.normal(size=(10, 16)))
    vectors[4] = normalize(training_vectors[7:8] + 0.01)[0]
    picture = draw(0)
    training = check([picture] * 50, [1] * 50, vectors=training_vectors, ref="train")
    unseen = check([draw(1)] * 40, [1] * 40, vectors=RNG.normal(size=(40, 16)), ref="real")
    found = search_memory(check([picture] * 10, [0] * 10, vectors=vectors), training, unseen)
    assert found is not None
    record, places = found
    assert places[0] == (4, 7)
    assert (record.num_isolated, record.candidates[0].training_id) == (1, "train-7")
    assert record.level is not None and record.candidates[0].cosine > record.level


def test_a_generator_that_copies_nothing_is_at_the_level_of_unseen_images() -> None:
    """All three sets are of one distribution."""
    # Three sets of equal small files: what is compared are the embeddings.
    picture, other, third = (draw(seed, 8) for seed in range(3))
    rng = np.random.default_rng(5)
    training = check([picture] * 300, [0] * 300, vectors=rng.normal(size=(300, 16)), ref="train")
    unseen = check([other] * 400, [0] * 400, vectors=rng.normal(size=(400, 16)), ref="real")
    images = check([third] * 400, [0] * 400, vectors=rng.normal(size=(400, 16)))
    found = search_memory(images, training, unseen)
    assert found is not None and found[0].num_above_level is not None
    assert found[0].num_above_level <= 14
    assert found[0].num_isolated == 0


def test_training_images_give_no_level_of_unseen_ones() -> None:
    """The training set itself is given as unseen."""
    training = check([draw(0), draw(1)], [0, 0], vectors=np.eye(2), ref="train")
    found = search_memory(check([draw(2)], [0], vectors=np.eye(2)[:1]), training, training)
    assert found is not None and found[0].level is None and found[0].nearest_unseen is None


def test_without_a_training_set_the_section_says_so() -> None:
    """None was given."""
    section = measure_near_duplicates(check([draw(0)], [0], vectors=np.eye(1)), NOTHING)
    assert section.memory == () and "no set that the generator was trained on" in str(section.memory_reason)


def test_the_sheet_shows_each_pair_side_by_side(tmp_path: Path) -> None:
    """The same drawing on red and on blue."""
    red, blue = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    for picture in (red, blue):
        picture.paste(draw(4, 32).convert("L").convert("RGB"), (16, 16))
    images = check([red], [0])
    path = tmp_path / "pairs.png"
    compared = ComparedImages(reference=check([blue], [0], ref="real"))
    section = measure_near_duplicates(images, compared, max_distance=16, sheet=path)
    assert section.sheet == "pairs.png"
    with Image.open(path) as sheet:
        assert sheet.getpixel((6, 30)) == (255, 0, 0)
        assert sheet.getpixel((6 + 97, 30)) == (0, 0, 255)


def test_a_sheet_of_an_earlier_run_does_not_outlast_its_pairs(tmp_path: Path) -> None:
    """One image has no pair."""
    path = tmp_path / "pairs.png"
    path.write_bytes(b"old")
    measure_near_duplicates(check([draw(0)], [0]), NOTHING, sheet=path)
    assert not path.exists()
