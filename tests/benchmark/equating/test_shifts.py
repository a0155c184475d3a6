"""The shift between two versions is recovered, and a score is equated by it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from equating_cases import World, draw_panel
from line_cases import make_line
from scipy.special import expit, logit
from scipy.stats import binomtest

from imagenet_g.benchmark.equating.panels import build_panel
from imagenet_g.benchmark.equating.shifts import Panel, compute_shift, equate_score, leave_out
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.lines.version_lines import list_version_lines
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.statistics.accuracy import FloatArray

OTHER = JudgedModel(spec="timm:a_net_of_ours")


def draw(seed: int = 0, world: World | None = None) -> tuple[Panel, FloatArray]:
    """A panel and the right answers of one more model."""
    panel, right, _ = draw_panel(world or World(), np.random.default_rng(seed))
    return panel, right


def test_the_shift_is_the_mean_of_logit_differences() -> None:
    """By scipy's logit, from the accuracies alone."""
    panel, _ = draw()
    before, after = (side.right.sum(axis=1) / side.total.sum() for side in (panel.before, panel.after))
    assert compute_shift(panel).value == pytest.approx(float((logit(after) - logit(before)).mean()))


def test_a_score_on_a_harder_version_is_equated_upwards() -> None:
    """logit^-1(logit a - delta), with a negative delta."""
    panel, right = draw()
    found = equate_score(panel, OTHER, right, panel.after.total)
    measured = right.sum() / panel.after.total.sum()
    assert found.shift.value < 0
    assert found.value == pytest.approx(float(expit(logit(measured) - found.shift.value)))
    assert found.value > found.measured
    assert 0 <= found.low < found.value < found.high <= 1


@pytest.mark.parametrize(
    "world",
    [
        World(),
        World(families=(2, 2, 1, 1, 1, 1), num_classes=104, shift=0.8),
        World(families=(4, 1, 1, 1, 1), num_classes=100),
    ],
    ids=["harder", "easier", "one large family"],
)
def test_a_simulated_shift_is_recovered_in_93_to_98_percent(world: World) -> None:
    """And so is the score that a model would have on the old version; 500 worlds, standard error 1 %."""
    rng = np.random.default_rng(11)
    hits = np.zeros(2)
    for _ in range(500):
        panel, right, truth = draw_panel(world, rng)
        found = equate_score(panel, OTHER, right, panel.after.total)
        hits += (found.shift.low <= world.shift <= found.shift.high, found.low <= truth <= found.high)
    assert (hits / 500 >= 0.93).all(), hits / 500
    assert (hits / 500 <= 0.98).all(), hits / 500


def test_a_model_of_the_panel_is_equated_without_itself_and_its_family() -> None:
    """Its own gain would be a part of the shift that is taken off."""
    panel, _ = draw(world=World(families=(2, 2, 1, 1, 1, 1)))
    others, left_out = leave_out(panel, JudgedModel(spec="model-0"))
    assert left_out == ("model-0", "model-1")
    assert len(others.models) == 6


def test_four_models_are_no_panel() -> None:
    """Also where the fifth is the scored one."""
    panel, right = draw(world=World(families=(1,) * 5))
    with pytest.raises(InputError, match="The panel has 4 models of 4 families"):
        equate_score(panel, JudgedModel(spec="model-2"), right, panel.after.total)


def test_a_score_on_other_images_is_not_equated() -> None:
    """A part of the new version may be easier than the whole."""
    panel, right = draw()
    with pytest.raises(InputError, match="was scored on other images than the panel"):
        equate_score(panel, OTHER, right / 2, panel.after.total / 2)


def test_a_model_that_made_images_is_left_out_of_the_panel() -> None:
    """The filter of a version finds it easy."""
    panel = build_panel(make_line("v8/sd-l"), make_line("v9/sd-l", good=1), kin=[f"{2:064x}"])
    assert panel.models == ("model-0", "model-1", "model-3", "model-4", "model-5")


def test_models_are_paired_by_their_weights() -> None:
    """A name may have got other weights between two measurements."""
    after = make_line("v9/sd-l")
    moved = after.records[0].model_copy(update={"weights_sha256": "f" * 64})
    after = after.model_copy(update={"records": (moved, *after.records[1:])})
    assert "model-0" not in build_panel(make_line("v8/sd-l"), after).models


def test_a_model_under_several_names_is_one_model_of_the_panel() -> None:
    """Six copies of a model would pass for six families that agree."""
    line = make_line("v8/sd-l")
    again = [line.records[0].model_copy(update={"model": f"alias-{i}", "family": f"f-{i}"}) for i in (1, 2)]
    before = line.model_copy(update={"records": (*line.records, *again)})
    assert build_panel(before, make_line("v9/sd-l")).models == tuple(f"model-{i}" for i in range(6))


def test_models_without_weights_are_no_part_of_a_panel() -> None:
    """All share one hash, by which each would be paired with the last of them."""
    before, after = make_line("v8/sd-l"), make_line("v9/sd-l")
    bare = [one.model_copy(update={"weights_sha256": hash_bytes(b"")}) for one in before.records[:2]]
    lines = [one.model_copy(update={"records": (*bare, *one.records[2:])}) for one in (before, after)]
    assert build_panel(*lines).models == ("model-2", "model-3", "model-4", "model-5")


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_a_score_of_all_or_nothing_is_equated_with_the_doubt_of_its_images(right: float) -> None:
    """No class varies then; by scipy's Wilson interval, moved by the shift."""
    panel, _ = draw()
    total = panel.after.total
    found = equate_score(panel, OTHER, right * total, total)
    n = int(total.sum())
    wilson = binomtest(round(right * n), n).proportion_ci(method="wilson")
    inner = wilson.high if right == 0 else wilson.low
    moved = float(expit(logit(inner) - found.shift.value))
    assert found.low <= moved + 1e-9 and moved - 1e-9 <= found.high


def test_classes_of_one_version_alone_are_no_part_of_the_shift() -> None:
    """Easy classes that were added would look like an easier version."""
    after = make_line("v9/sd-l").model_copy(update={"class_indices": (3, 9)})
    panel = build_panel(make_line("v8/sd-l"), after)
    assert np.flatnonzero(panel.after.total).tolist() == [3]


@pytest.mark.parametrize("split", ["sd-l", "sd-i", "sd-li"])
def test_the_shipped_panel_finds_mini_v2_easier(split: str) -> None:
    """Eight classifiers that were run on both."""
    (old,) = [line for line in list_version_lines("mini") if line.target == f"mini/{split}"]
    (new,) = [line for line in list_version_lines("mini-v2") if line.target == f"mini-v2/{split}"]
    shift = compute_shift(build_panel(old, new))
    assert (shift.num_models, shift.num_families, shift.num_classes) == (8, 6, 104)
    assert shift.low > 0


def test_a_version_against_itself_has_no_shift_and_no_doubt_about_it() -> None:
    """Every class and model gains nothing."""
    panel, _ = draw()
    shift = compute_shift(replace(panel, after=panel.before))
    assert (shift.value, shift.low, shift.high) == (0, 0, 0)
