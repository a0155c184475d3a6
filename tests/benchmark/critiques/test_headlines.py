"""The answer and the figures follow from the numbers."""

from __future__ import annotations

import pytest
from critique_cases import RECORD, make_critique, make_features
from judged_cases import make_case
from pydantic import ValidationError

from imagenet_g.benchmark.critiques.card_section import format_card_section
from imagenet_g.benchmark.critiques.figures import list_figures
from imagenet_g.benchmark.critiques.headlines import list_answers
from imagenet_g.benchmark.critiques.image_checks import NearDuplicatesSection
from imagenet_g.benchmark.critiques.wording import format_number, format_searched
from imagenet_g.benchmark.quality.distance_sections import measure_distances
from imagenet_g.benchmark.quality.records import DistanceSection, NeighbourShares
from imagenet_g.benchmark.recognition.measuring import measure_recognition


def test_without_ratings_and_judges_validity_is_unknown() -> None:
    """In the first sentence, out loud."""
    first = list_answers(make_critique())[0]
    assert "unknown" in first
    assert "nobody has rated" in first


def test_the_recognised_share_is_never_called_validity() -> None:
    """It stands with its level under shuffled labels and says what it is not."""
    models, _, _ = make_case(num_images=100)
    section = measure_recognition(models[1:], num_permutations=10)
    critique = make_critique(recognition=section)
    first = list_answers(critique)[0]
    assert "obody has rated" in first
    assert "labels shuffled" in first
    assert "neither validity nor a bound" in first
    row = next(row for row in list_figures(critique) if row.measure.startswith("machine-recognised"))
    assert "no bound of validity" in row.measure
    assert row.value == f"{100 * section.share.value:.1f} %"


def test_a_moved_split_is_farther_than_the_floor() -> None:
    """By the excess over two halves of the reference."""
    critique = make_critique(shift=3.0)
    assert critique.distances is not None
    assert critique.distances[0].means is not None
    excess = critique.distances[0].means.frechet_excess
    assert f"{format_number(excess.value)} farther than real images" in list_answers(critique)[1]


def test_a_split_of_the_reference_s_own_kind_is_not_measurably_farther() -> None:
    """The interval of the excess holds 0."""
    assert "not measurably farther" in list_answers(make_critique(shift=0.0))[1]


def test_a_shift_that_the_kernel_distance_alone_shows_is_not_passed_over() -> None:
    """Few images of a class hide it from the Fréchet distance, whose bias is larger."""
    critique = make_critique(shift=0.0)
    assert critique.distances is not None
    (section,) = critique.distances
    assert section.means is not None
    kernel = section.means.kernel.model_copy(update={"value": 0.2, "low": 0.1, "high": 0.3})
    means = section.means.model_copy(update={"kernel": kernel})
    moved = critique.model_copy(update={"distances": (section.model_copy(update={"means": means}),)})
    found = list_answers(moved)[1]
    assert "one by the kernel distance (0.200, 0.100 to 0.300, where 0 is expected)" in found
    assert "not measurably farther" not in found


def test_without_distances_likeness_is_unknown() -> None:
    """And no number is shown."""
    critique = make_critique(distances=None, diversity=None)
    assert "unknown" in list_answers(critique)[1]
    assert list_figures(critique) == ()


@pytest.mark.parametrize("name", ["Fréchet distance", "kernel distance"])
def test_each_distance_stands_beside_its_floor(name: str) -> None:
    """By class and whole."""
    rows = [row for row in list_figures(make_critique()) if row.measure.startswith(name)]
    assert len(rows) == 2
    assert all(row.beside.startswith("floor") for row in rows)


def test_no_number_without_inception_is_called_fid() -> None:
    """Nor KID."""
    words = " ".join(
        (*list_answers(make_critique()), *(" ".join(row) for row in list_figures(make_critique())))
    )
    assert "FID" not in words
    assert "KID" not in words


def test_images_that_cannot_be_compared_are_not_counted_as_searched() -> None:
    """A split of grey images has no "0 of 36 look like another one": all of them do."""
    near = NearDuplicatesSection(
        max_distance=4, features=None, min_cosine=None, min_cosine_rule=None, num_images=36, num_unreadable=6,
        num_flat=30, searches=(), memory=(), memory_reason="None was given.", sheet=None,
    )  # fmt: skip
    assert format_searched(near) == "0 images (6 unreadable and 30 nearly of one colour, not searched)"


def test_a_set_of_a_critique_from_elsewhere_is_code_on_the_card() -> None:
    """Its name is no markup and begins no line."""
    section = format_card_section(make_critique(ref="v9/`<script>\n# x"))
    assert "``v9/`<script>\\n# x``" in section


@pytest.mark.parametrize("field", ["precision", "recall", "coverage"])
def test_a_share_beyond_1_is_refused(field: str) -> None:
    """A critique from elsewhere cannot put it on a card."""
    value = {"value": 1e30, "low": None, "high": None, "method": "none"}
    fields = dict.fromkeys(("precision", "recall", "density", "coverage"), value | {"value": 0.5})
    NeighbourShares.model_validate(fields)
    with pytest.raises(ValidationError, match="no share from 0 to 1"):
        NeighbourShares.model_validate(fields | {field: value})


def test_a_negative_distance_is_refused() -> None:
    """A Fréchet distance is none."""
    section = measure_distances(make_features(seed=1), make_features(seed=2), RECORD).model_dump()
    section["means"]["frechet"] |= {"value": -1.0, "low": None, "high": None}
    with pytest.raises(ValidationError, match="-1 is negative"):
        DistanceSection.model_validate(section)
