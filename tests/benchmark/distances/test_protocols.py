"""The paper's Mahalanobis distance, spread, and the ratio at equal sizes: simulations and closed forms."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from factories import make_model_record, make_run_record, make_split_record
from imagenet_g.benchmark.distances.caveats import list_warnings
from imagenet_g.benchmark.distances.equal_sizes import compute_equal_sizes
from imagenet_g.benchmark.distances.geometry import (
    compute_mahalanobis,
    compute_own_mahalanobis,
    fit_pca,
    fit_shape,
    normalize_rows,
)
from imagenet_g.benchmark.distances.measures import EmbeddedImages, measure_clip
from imagenet_g.benchmark.distances.protocols import (
    Protocol,
    compute_held_out,
    expect_fitted,
    expect_unshifted,
    fit_plain_shape,
)
from imagenet_g.benchmark.distances.report import make_report
from imagenet_g.benchmark.distances.results import DistanceReport, MeasuredImages
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.quality.diversity import compute_spread
from imagenet_g.benchmark.records import ClipRecord
from imagenet_g.benchmark.terminal.tables import print_shown

Array = npt.NDArray[np.float64]


def draw(rng: np.random.Generator, count: int, size: int, *, heavy: bool = False) -> Array:
    """Points of unequal spread in their directions, normal or with heavy tails."""
    points = rng.standard_t(3, size=(count, size)) if heavy else rng.normal(size=(count, size))
    return np.asarray(points * np.linspace(0.2, 3.0, size) + 5.0)


@pytest.mark.parametrize("heavy", [False, True])
def test_the_papers_figure_for_the_base_distribution_follows_from_arithmetic(heavy: bool) -> None:
    """128 images in 64 dimensions: the mean square is 63.5 exactly, whatever the images are.

    The mean itself is 7.95 for normal points, 7.90 in the paper.
    """
    points = draw(np.random.default_rng(0), 128, 64, heavy=heavy)
    shape = fit_plain_shape(points)
    assert shape is not None
    distances = compute_mahalanobis(points, shape)
    assert np.sqrt((distances**2).mean()) == pytest.approx(expect_fitted(64, 128), abs=1e-9)
    assert expect_fitted(64, 128) == pytest.approx(7.97, abs=0.005)
    if not heavy:
        assert distances.mean() == pytest.approx(7.95, abs=0.01)


def test_the_papers_protocol_puts_unshifted_images_at_eleven_point_four() -> None:
    """New images of the very same distribution, which did not help to fit."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(20):
        shape = fit_plain_shape(draw(rng, 128, 64))
        assert shape is not None
        found.append(compute_mahalanobis(draw(rng, 500, 64), shape))
    assert np.mean(found) == pytest.approx(11.4, abs=0.1)
    assert np.sqrt(np.mean(np.square(found))) == pytest.approx(expect_unshifted(64, 128), rel=0.01)


def test_held_out_distances_are_those_of_a_plain_loop() -> None:
    """Each point against a fit without it."""
    points = draw(np.random.default_rng(2), 14, 4)
    shape = fit_plain_shape(points)
    assert shape is not None
    expected = []
    for number in range(len(points)):
        others = fit_plain_shape(np.delete(points, number, 0))
        assert others is not None
        expected.append(compute_mahalanobis(points[number : number + 1], others)[0])
    found = compute_held_out(points, shape)
    assert found is not None
    np.testing.assert_allclose(found, expected)


def test_too_few_images_have_no_plain_covariance() -> None:
    """64 images span 63 dimensions."""
    rng = np.random.default_rng(3)
    assert fit_plain_shape(draw(rng, 64, 64)) is None
    exact = draw(rng, 65, 64)
    shape = fit_plain_shape(exact)
    assert shape is None or compute_held_out(exact, shape) is None


def test_spread_is_half_the_mean_squared_distance_of_two_images() -> None:
    """Against all pairs."""
    points = draw(np.random.default_rng(4), 9, 5)
    pairs = [np.square(a - b).sum() for i, a in enumerate(points) for b in points[i + 1 :]]
    assert compute_spread(points) == pytest.approx(np.mean(pairs) / 2)
    assert compute_spread(points[:1]) is None


def make_classes(rng: np.random.Generator, count: int, *, shift: float = 0.0) -> list[tuple[Array, Array]]:
    """Twelve classes of one spread: `count` images of the split and as many of the reference each."""
    centres = rng.normal(size=(12, 40)) * 2
    scale = np.linspace(2.0, 0.2, 40)
    return [
        (c + shift + rng.normal(size=(count, 40)) * scale, c + rng.normal(size=(count, 40)) * scale)
        for c in centres
    ]


def compute_plain_ratio(pairs: list[tuple[Array, Array]], size: int) -> float:
    """What the two columns of the report give: a fit of all N, against folds with a projection of all."""
    pca = fit_pca(np.concatenate([known for _, known in pairs]), size)
    assert pca is not None
    split, reference = [], []
    for new, known in pairs:
        shape, own = fit_shape(pca.project(known)), compute_own_mahalanobis(pca.project(known))
        assert shape is not None
        assert own is not None
        split.append(compute_mahalanobis(pca.project(new), shape).mean())
        reference.append(own.mean())
    return float(np.mean(split) / np.mean(reference))


@pytest.mark.parametrize("count", [10, 100])
def test_unshifted_images_have_a_ratio_of_one_at_every_number(count: int) -> None:
    """The mean of five worlds; each interval is about as wide as it has to be."""
    found = [
        compute_equal_sizes(make_classes(np.random.default_rng(seed), count), num_components=24)
        for seed in range(5)
    ]
    ratios = [one.ratio for one in found if one is not None]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)
    assert all(one is not None and one.num_images == count // 2 for one in found)
    assert sum(one.low <= 1 <= one.high for one in found if one and one.low and one.high) >= 4


def test_the_plain_ratio_of_unshifted_images_is_not_one_where_there_are_few() -> None:
    """So the report gives the ratio at equal sizes beside both columns."""
    plain = [compute_plain_ratio(make_classes(np.random.default_rng(seed), 10), 24) for seed in range(5)]
    assert abs(np.mean(plain) - 1) > 0.03


def test_shifted_images_have_a_ratio_above_one() -> None:
    """With the whole interval."""
    found = compute_equal_sizes(make_classes(np.random.default_rng(6), 40, shift=0.6), num_components=24)
    assert found is not None
    assert found.low is not None
    assert found.low > 1


def test_equal_sizes_are_drawn_by_a_seed() -> None:
    """The same images, the same figures."""
    pairs = make_classes(np.random.default_rng(7), 20)
    one, again = (compute_equal_sizes(pairs, num_components=8) for _ in range(2))
    assert one == again
    assert compute_equal_sizes(pairs, num_components=8, seed=1) != one


def test_classes_with_too_few_images_are_left_out_of_equal_sizes() -> None:
    """Four on each side are needed, so eight of the reference."""
    pairs = make_classes(np.random.default_rng(8), 10)
    short = [*pairs, (pairs[0][0][:3], pairs[0][1])]
    found = compute_equal_sizes(short, num_components=8)
    assert found is not None
    assert (found.num_classes, found.num_images) == (12, 5)
    assert compute_equal_sizes([(one[:3], two) for one, two in pairs], num_components=8) is None


CLIP = ClipRecord(
    requested="open_clip:local-dir:/home/me/clip", spec="open_clip:local-dir:clip", weights_sha256="0" * 64,
    revision=None, num_parameters=1, num_dimensions=8, preprocessing=make_model_record().preprocessing,
)  # fmt: skip


def measure(spread: float, protocol: Protocol) -> DistanceReport:
    """A report on two classes of 40 images; the split's differ by so much of what reference images do."""
    rng = np.random.default_rng(9)
    labels = np.repeat([3, 7], 40)
    centres = np.repeat(rng.normal(size=(2, 8)) * 3, 40, axis=0)
    known, new = (
        EmbeddedImages(normalize_rows(centres + scale * rng.normal(size=(80, 8))), labels)
        for scale in (1.0, spread)
    )
    distances = measure_clip(
        CLIP, new, known, run=make_run_record(), num_components=4, independent=True, protocol=protocol,
        assumptions=("its files do not say with which activation it was trained.",),
    )  # fmt: skip
    side = MeasuredImages(
        split=make_split_record(), n=80, per_class_limit=None, unreadable=(), missing_wnids=()
    )
    return DistanceReport(
        split=side, reference=side, clip_uses=(), measures=(distances,), agreements=(),
        warnings=list_warnings(side, side, (), (distances,), num_shared=0), num_resamples=1, seed=0,
        environment=make_environment(),
    )  # fmt: skip


def print_report(report: DistanceReport, capsys: pytest.CaptureFixture[str]) -> str:
    """The page in one line."""
    print_shown(make_report(report, num_shown=0))
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("spread", "warned"), [(0.2, True), (1.0, False)])
def test_a_collapsed_generator_does_not_look_near(spread: float, warned: bool) -> None:
    """Its images lie nearer to the mean of their class than reference images do."""
    report = measure(spread, "ours")
    measured = report.measures[0]
    assert measured.mahalanobis_split is not None
    assert measured.mahalanobis_reference is not None
    assert (measured.mahalanobis_split.value < 0.8 * measured.mahalanobis_reference.value) == warned
    assert any("differ from each other by" in text for text in report.warnings) == warned


def test_the_page_says_why_the_papers_figures_differ(capsys: pytest.CaptureFixture[str]) -> None:
    """40 images in 4 dimensions: 1.97 by arithmetic, 2.17 for unshifted images."""
    text = print_report(measure(1.0, "paper"), capsys)
    assert "about 1.97 (the paper prints 7.90 for 128 in 64) whatever the images are" in text
    assert "unshifted new images lie at about 2.17" in text
    assert "--protocol paper" in print_report(measure(1.0, "ours"), capsys)


def test_what_a_local_clip_leaves_open_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """As evaluate prints it, and kept in the report."""
    report = measure(1.0, "ours")
    assert "its files do not say with which activation" in print_report(report, capsys)
    assert report.measures[0].assumptions == ("its files do not say with which activation it was trained.",)
