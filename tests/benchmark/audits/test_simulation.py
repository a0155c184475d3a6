"""A simulated panel errs as it is meant to, and the intervals hold the truth."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from audit_cases import make_sample, write_audit

from imagenet_g.benchmark.audits.coverage import WORLDS, AuditWorld, simulate_coverage
from imagenet_g.benchmark.audits.files import load_all_ratings, load_sample
from imagenet_g.benchmark.audits.measure import measure_audit
from imagenet_g.benchmark.audits.records import AuditSection
from imagenet_g.benchmark.audits.simulation import (
    PanelSpec,
    draw_answers,
    draw_class_validity,
    simulate_panel,
)
from imagenet_g.benchmark.audits.verdicts import CANNOT_SAY, YES
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.splits.references import parse_split_ref


@pytest.mark.parametrize("truth", [True, False])
def test_raters_err_as_often_as_they_are_meant_to(truth: bool) -> None:
    """On images of equal hardness."""
    spec = PanelSpec(sensitivity=0.8, specificity=0.9, cannot_say=0.1, hardness=0.0)
    answers = draw_answers(np.full(20_000, truth), spec, np.random.default_rng(0))
    said = answers[answers != CANNOT_SAY]
    assert (answers == CANNOT_SAY).mean() == pytest.approx(0.1, abs=0.01)
    assert (said == YES).mean() == pytest.approx(0.8 if truth else 0.1, abs=0.01)


def test_spread_is_the_correlation_of_two_images_of_a_class() -> None:
    """Variance of the classes' shares over that of a coin."""
    shares = draw_class_validity(50_000, 0.6, 0.3, np.random.default_rng(0))
    assert shares.mean() == pytest.approx(0.6, abs=0.01)
    assert shares.var() / (0.6 * 0.4) == pytest.approx(0.3, abs=0.01)


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    """And every file says that it is simulated."""
    sample = write_audit(tmp_path, make_sample())
    first, second = (
        list(simulate_panel(sample, PanelSpec(), validity=0.5, spread=0.2, seed=7)) for _ in range(2)
    )
    assert first == second
    assert all(header.simulated and header.rater.startswith("simulated-") for header, _ in first)


@pytest.mark.parametrize("change", [{"sensitivity": 1.2}, {"num_raters": 0}, {"hardness": -1.0}])
def test_an_impossible_panel_is_refused(change: dict[str, float]) -> None:
    """Before anything is written."""
    with pytest.raises(InputError):
        PanelSpec(**change)  # type: ignore[arg-type]


def test_the_shipped_example_is_simulated_in_name_header_and_report() -> None:
    """Its sample is of the embedded images, and its report is what its ratings give."""
    folder = Path(str(files("imagenet_g.benchmark.data"))) / "mini-v2-audits" / "sd-i-simulated"
    sample = load_sample(folder)
    raters = load_all_ratings(folder, sample)
    assert {rater.header.simulated for rater in raters} == {True}
    assert {path.name for path in (folder / "ratings").iterdir()} == {
        f"simulated-{number}.jsonl" for number in (1, 2, 3)
    }
    split = load_split(parse_split_ref("mini-v2/sd-i"), data={}, cache=None)
    assert sample.sample.split.content_sha256 == split.record.content_sha256
    stored = AuditSection.model_validate_json((folder / "audit-simulated.json").read_bytes())
    again = measure_audit(sample, raters)
    assert stored.simulated
    # Rounding may differ in the last digits between machines.
    found, expected = stored.not_valid.corrected, again.not_valid.corrected
    assert found is not None and expected is not None
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert stored.ratings == again.ratings


# Of 400 runs at 95 %, fewer than 91.5 % or more than 98 % come up once in a thousand.
@pytest.mark.parametrize("name", ["2000 images of 1000 classes, validity 0.54", "2000 of 1000, poor raters"])
def test_the_corrected_interval_holds_the_true_share(name: str) -> None:
    """`imagenet-g audit coverage` gives the full figures: 1000 runs of every world."""
    found = simulate_coverage(WORLDS[name], num_runs=400, seed=1)
    assert 0.915 <= found.covered <= 0.98
    assert abs(found.bias) < 0.005


def test_the_raw_share_of_poor_raters_misses_the_truth() -> None:
    """Or the test above would show nothing about the correction."""
    found = simulate_coverage(WORLDS["2000 of 1000, poor raters"], num_runs=50, seed=1)
    assert found.raw_covered < 0.5


def test_raters_who_guess_leave_runs_without_an_interval() -> None:
    """They are counted, not left out in silence."""
    world = AuditWorld(
        num_images=50, num_classes=10, num_controls=10, validity=0.5,
        panel=PanelSpec(sensitivity=0.5, specificity=0.5),
    )  # fmt: skip
    found = simulate_coverage(world, num_runs=50, seed=0)
    assert found.num_without > 10
