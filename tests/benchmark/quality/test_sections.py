"""Whole sections: what each kind of damage moves, what is left out and why, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.quality.distance_sections import QualityProtocol, measure_distances
from imagenet_g.benchmark.quality.diversity_sections import measure_diversity
from imagenet_g.benchmark.quality.frechet import compute_frechet
from imagenet_g.benchmark.quality.records import DistanceSection, DiversitySection, FeatureRecord
from imagenet_g.benchmark.quality.samples import FeatureSet

CLASSES, IMAGES, SIZE = 12, 40, 16
MADE_BY = FeatureRecord(
    name="simulated", num_dimensions=SIZE, weights_sha256=None, resizing="none", is_inception=False,
    influences=(),
)  # fmt: skip
CENTRES = np.random.default_rng(99).normal(size=(CLASSES, SIZE))
LABELS = np.repeat(np.arange(CLASSES), IMAGES)


def make_images(seed: int, *, spread: float = 0.5) -> np.ndarray:
    """Images of every class about its own centre."""
    noise = np.random.default_rng(seed).normal(size=(len(LABELS), SIZE))
    return np.asarray(CENTRES[LABELS] + spread * noise, dtype=np.float32)


REFERENCE = FeatureSet(np.vstack([make_images(1), make_images(2)]), np.tile(LABELS, 2))


def measure(vectors: np.ndarray, labels: np.ndarray = LABELS) -> tuple[DistanceSection, DiversitySection]:
    """Both sections of a split."""
    split = FeatureSet(vectors, labels)
    return measure_distances(split, REFERENCE, MADE_BY), measure_diversity(split, REFERENCE, MADE_BY)


@pytest.fixture(scope="module")
def sound() -> tuple[DistanceSection, DiversitySection]:
    """New images of the reference's own distribution."""
    return measure(make_images(3))


def test_images_like_the_reference_lie_at_the_floor(
    sound: tuple[DistanceSection, DiversitySection],
) -> None:
    """The excess over the floor and the kernel distance are 0 within their intervals."""
    distances, diversity = sound
    assert distances.means is not None
    assert distances.whole is not None
    for found in (distances.means.frechet_excess, distances.means.kernel):
        assert found.low is not None
        assert found.high is not None
        assert found.low < 0 < found.high
    assert distances.means.frechet_floor.value > 1, "the floor is the bias of few images"
    assert distances.whole.frechet.value == pytest.approx(distances.whole.frechet_floor, rel=0.3)
    assert diversity.ratio is not None
    assert diversity.ratio.value == pytest.approx(1, abs=0.1)
    assert diversity.num_collapsed == 0


def test_collapsed_classes_are_seen_by_diversity_coverage_and_recall_and_not_by_precision(
    sound: tuple[DistanceSection, DiversitySection],
) -> None:
    """A generator that draws one of the pictures of a class again and again."""
    images = np.repeat(make_images(3)[::IMAGES], IMAGES, axis=0)
    distances, diversity = measure(images)
    assert diversity.num_collapsed == CLASSES
    assert diversity.ratio is not None
    assert diversity.ratio.value < 0.1
    assert distances.whole is not None
    assert distances.whole.neighbours is not None
    assert distances.whole.neighbours_floor is not None
    assert distances.whole.neighbours.precision.value > 0.7
    assert distances.whole.neighbours.recall.value == 0.0
    assert distances.whole.neighbours.coverage.value < 0.5 < distances.whole.neighbours_floor.coverage.value
    assert distances.means is not None
    assert sound[0].means is not None
    assert distances.means.frechet.value > sound[0].means.frechet.value


def test_a_collapse_onto_the_mean_of_a_class_keeps_coverage_and_loses_recall() -> None:
    """In many dimensions the mean lies within the reach of nearly every image: coverage alone is no guard."""
    distances, _ = measure(np.asarray(CENTRES[LABELS], dtype=np.float32))
    assert distances.whole is not None
    assert distances.whole.neighbours is not None
    assert distances.whole.neighbours.precision.value == 1.0
    assert distances.whole.neighbours.coverage.value > 0.9
    assert distances.whole.neighbours.recall.value == 0.0


def test_images_that_vary_less_may_lie_below_the_floor_and_not_so_by_the_kernel_distance() -> None:
    """Few images in many dimensions: the bias of a Fréchet distance follows the spread."""
    rng, size, per_class = np.random.default_rng(6), 200, 10
    labels = np.repeat(np.arange(4), per_class)
    centres = rng.normal(size=(4, size))

    def draw(spread: float) -> np.ndarray:
        return np.asarray(centres[labels] + spread * rng.normal(size=(40, size)))

    known = FeatureSet(np.vstack([draw(1.0), draw(1.0)]), np.tile(labels, 2))
    section = measure_distances(FeatureSet(0.3 + draw(0.6), labels), known, MADE_BY)
    assert section.means is not None
    assert section.means.frechet_excess.high is not None
    assert section.means.frechet_excess.high < 0
    assert section.means.kernel.low is not None
    assert section.means.kernel.low > 0


def test_shuffled_labels_are_seen_class_by_class_and_not_over_the_whole(
    sound: tuple[DistanceSection, DiversitySection],
) -> None:
    """The same images under other classes: as a whole they are the same set."""
    shuffled = np.random.default_rng(5).permutation(LABELS)
    distances, diversity = measure(make_images(3), shuffled)
    assert distances.means is not None
    assert sound[0].means is not None
    assert distances.whole is not None
    assert sound[0].whole is not None
    assert distances.means.frechet.value > 5 * sound[0].means.frechet.value
    assert distances.means.kernel.value > 10 * abs(sound[0].means.kernel.value)
    assert distances.whole.frechet.value == pytest.approx(sound[0].whole.frechet.value, rel=0.5)
    assert diversity.ratio is not None
    assert diversity.ratio.value > 1.5


def test_half_blank_images_are_seen_by_every_distance(
    sound: tuple[DistanceSection, DiversitySection],
) -> None:
    """Every second image is one blank picture, far from all classes."""
    images = make_images(3)
    images[::2] = 4.0
    distances, _ = measure(images)
    assert distances.whole is not None
    assert sound[0].whole is not None
    assert distances.whole.frechet.value > 10 * sound[0].whole.frechet.value
    assert distances.whole.kernel.value > 10 * abs(sound[0].whole.kernel.value)
    assert distances.whole.neighbours is not None
    assert distances.whole.neighbours.precision.value == pytest.approx(0.5, abs=0.1)


def test_a_duplicated_set_is_seen_by_the_vendi_score_and_not_by_the_fréchet_distance() -> None:
    """Half of the images, each twice."""
    images = make_images(3)
    copied = images.copy()
    copied[1::2] = images[::2]
    distances, diversity = measure(copied)
    whole, other = measure(images)
    assert diversity.split is not None
    assert other.split is not None
    assert diversity.split.vendi.value < 0.95 * other.split.vendi.value
    assert distances.whole is not None
    assert whole.whole is not None
    assert distances.whole.frechet.value == pytest.approx(whole.whole.frechet.value, rel=0.5)


def test_both_sides_have_the_same_number_of_images_of_every_class() -> None:
    """The floor needs the reference twice, so that 80 reference images allow 40."""
    distances, diversity = measure(make_images(3))
    assert distances.n_class == IMAGES
    assert distances.whole is not None
    assert (distances.whole.n, distances.whole.n_class) == (CLASSES * IMAGES, IMAGES)
    assert diversity.n_class == IMAGES


def test_a_class_with_too_few_images_has_no_distance_and_a_reason() -> None:
    """Nor does it lower the number of the others."""
    keep = np.flatnonzero((LABELS != 0) | (np.arange(len(LABELS)) < 2))
    distances, diversity = measure(make_images(3)[keep], LABELS[keep])
    row = distances.classes[0]
    assert (row.n_split, row.frechet, row.kernel_floor) == (2, None, None)
    assert row.reason is not None
    assert row.reason.startswith("2 images and 80 reference images are too few")
    assert (distances.n_class, distances.num_classes, distances.num_left_out) == (IMAGES, CLASSES - 1, 1)
    assert "1 of 12 classes have too few images and are left out." in distances.notes
    assert diversity.classes[0].diversity is None
    assert diversity.num_left_out == 1


def test_nothing_is_measured_where_no_class_has_enough() -> None:
    """Null, with the numbers that are needed."""
    one = np.arange(0, len(LABELS), IMAGES)
    distances, diversity = measure(make_images(3)[one], LABELS[one])
    assert (distances.means, distances.whole, distances.n_class) == (None, None, 0)
    assert distances.whole_reason is not None
    assert "3 images and 6 reference images" in distances.whole_reason
    assert (diversity.split, diversity.reference, diversity.ratio, diversity.whole_vendi) == (None,) * 4
    assert diversity.notes[-1] == "No class has 3 images on every side: nothing is measured."


def test_the_papers_protocol_takes_all_images_and_stands_beside_ours() -> None:
    """Against the mean of plain distances, with Student's t near the resampled interval."""
    split = FeatureSet(make_images(3), LABELS)
    section = measure_distances(split, REFERENCE, MADE_BY, protocol="paper")
    values = [
        compute_frechet(
            split.take(np.flatnonzero(index == LABELS)),
            REFERENCE.take(np.flatnonzero(REFERENCE.labels == index)),
        )
        for index in range(CLASSES)
    ]
    assert section.paper is not None
    assert section.means is not None
    assert section.paper.frechet.value == pytest.approx(np.mean(values))
    assert (section.paper.n_split, section.paper.n_reference) == ((IMAGES, IMAGES), (80, 80))
    half = t.ppf(0.975, CLASSES - 1) * np.std(values, ddof=1) / CLASSES**0.5
    assert section.paper.frechet.high == pytest.approx(np.mean(values) + half, rel=0.02)
    assert measure_distances(split, REFERENCE, MADE_BY).paper is None


def test_the_papers_protocol_says_what_it_reads_without_a_shift() -> None:
    """Of reference images held back: most of the distance of new images of the same distribution."""
    split = FeatureSet(make_images(3), LABELS)
    section = measure_distances(split, REFERENCE, MADE_BY, protocol="paper")
    assert section.paper is not None
    assert section.paper.unshifted is not None
    # 40 of 80 are held back, as many as the split has, so that 40 and not 80 remain.
    assert 1.0 < section.paper.unshifted.value / section.paper.frechet.value < 1.6
    assert section.paper.n_unshifted == (IMAGES, IMAGES)
    assert f"({IMAGES} images of a class against {2 * IMAGES})" in section.notes[-1]
    assert f"held back ({IMAGES} of a class) lie at {section.paper.unshifted.value:.3g}" in section.notes[-1]


def test_a_number_is_called_fid_on_the_published_inception_alone() -> None:
    """Anything else is named by its features, and a reader is warned."""
    distances, _ = measure(make_images(3))
    assert distances.features.frechet_name == "Fréchet distance on simulated"
    assert distances.notes[0].startswith("Features of simulated, not of the Inception that defines FID")
    real = MADE_BY.model_copy(update={"is_inception": True})
    assert (real.frechet_name, real.kernel_name) == ("FID", "KID")


def test_a_clip_that_filtered_the_images_is_named_in_both_sections() -> None:
    """An image that passed it lies near its class by it."""
    filtered = MADE_BY.model_copy(update={"influences": ("'x' was filtered by simulated.",)})
    split = FeatureSet(make_images(3), LABELS)
    assert "'x' was filtered by simulated." in measure_distances(split, REFERENCE, filtered).notes
    assert "'x' was filtered by simulated." in measure_diversity(split, None, filtered).notes


def test_diversity_needs_no_reference() -> None:
    """Then nothing is said of one."""
    section = measure_diversity(FeatureSet(make_images(3), LABELS), None, MADE_BY)
    assert section.split is not None
    assert (section.reference, section.ratio, section.num_collapsed) == (None, None, None)
    assert section.classes[0].n_reference is None
    assert section.whole_vendi_reference is None


def test_sections_survive_their_file() -> None:
    """Written and read again they are the same."""
    distances, diversity = measure(make_images(3))
    assert DistanceSection.model_validate_json(distances.model_dump_json()) == distances
    assert DiversitySection.model_validate_json(diversity.model_dump_json()) == diversity


@pytest.mark.parametrize(("protocol", "steps"), [("ours", CLASSES + 1), ("paper", 2 * CLASSES + 1)])
def test_progress_ends_at_its_total(protocol: QualityProtocol, steps: int) -> None:
    """A step a class under each protocol, and one for the whole."""
    seen: list[tuple[int, int]] = []
    few = np.flatnonzero(np.arange(len(LABELS)) % IMAGES < 4)
    measure_distances(
        FeatureSet(make_images(3)[few], LABELS[few]),
        REFERENCE,
        MADE_BY,
        protocol=protocol,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(done, steps) for done in range(1, steps + 1)]


def test_an_empty_side_is_refused() -> None:
    """Rather than a section of nulls."""
    empty = FeatureSet(np.empty((0, SIZE), dtype=np.float32), np.empty(0, dtype=np.int64))
    with pytest.raises(InputError, match="no image"):
        measure_distances(empty, REFERENCE, MADE_BY)
