"""How often the corrected interval holds the true share of valid images, in worlds where that is known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imagenet_g.benchmark.audits.drawing import draw_systematic
from imagenet_g.benchmark.audits.records import Treatment
from imagenet_g.benchmark.audits.simulation import PanelSpec, count_panel, draw_answers, draw_class_validity
from imagenet_g.benchmark.audits.validity import ControlCounts, compute_share, estimate_corrected
from imagenet_g.benchmark.audits.verdicts import BoolArray, decide
from imagenet_g.benchmark.statistics.intervals import compute_wilson_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditWorld:
    """A split whose validity is known, its sample, and its raters.

    Attributes:
        num_images: Generated images that are drawn.
        num_classes: Classes of the split, with equally many images each.
        num_controls: Controls of either kind.
        validity: Expected share of valid images.
        spread: How far classes differ, see `draw_class_validity`.
        panel: The raters.
        treatment: How "cannot say" counts.
    """

    num_images: int
    num_classes: int
    num_controls: int
    validity: float
    spread: float = 0.2
    panel: PanelSpec = field(default_factory=PanelSpec)
    treatment: Treatment = "cannot say counts as not valid"


@dataclass(frozen=True, slots=True)
class AuditCoverage:
    """What became of the intervals in one world.

    Attributes:
        covered: Share of runs whose corrected interval holds the true share.
        raw_covered: The same of the interval of the raw share, which ignores the raters' errors.
        width: Mean width of the corrected interval.
        bias: Mean of corrected less true share.
        num_without: Runs without an interval.
    """

    covered: float
    raw_covered: float
    width: float
    bias: float
    num_without: int


# The ends of what a correction does: nothing where raters do not err, much where they often do.
_PERFECT = PanelSpec(sensitivity=1.0, specificity=1.0, cannot_say=0.0, hardness=0.0)
_POOR = PanelSpec(sensitivity=0.75, specificity=0.85, cannot_say=0.1)
WORLDS = {
    "2000 images of 1000 classes, validity 0.54": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.54
    ),
    "the same, cannot say left out": AuditWorld(
        num_images=2000,
        num_classes=1000,
        num_controls=200,
        validity=0.54,
        treatment="cannot say is left out",
    ),
    "2000 of 1000, validity 0.85": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.85
    ),
    "2000 of 1000, validity 0.97": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.97
    ),
    "2000 of 1000, poor raters": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.54, panel=_POOR
    ),
    "2000 of 1000, classes wholly valid or not": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.54, spread=0.9
    ),
    "500 of 1000 classes": AuditWorld(num_images=500, num_classes=1000, num_controls=50, validity=0.54),
    "300 of 104 classes, 30 controls": AuditWorld(
        num_images=300, num_classes=104, num_controls=30, validity=0.6
    ),
    "2000 of 1000, raters without error": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.54, panel=_PERFECT
    ),
    "2000 of 1000, one rater": AuditWorld(
        num_images=2000, num_classes=1000, num_controls=200, validity=0.54, panel=PanelSpec(num_raters=1)
    ),
}


def simulate_coverage(world: AuditWorld, *, num_runs: int, seed: int) -> AuditCoverage:
    """Audit a world again and again, with new classes, images, raters and controls each time.

    Args:
        world: What is simulated.
        num_runs: How often, at least 1.
        seed: The same seed gives the same figures.
    """
    rng = np.random.default_rng(seed)
    rows = [_run(world, rng) for _ in range(num_runs)]
    # Runs without an interval are counted apart: as held or missed, they would move the share either way.
    found = np.array([row for row in rows if row is not None], dtype=np.float64).reshape(-1, 4)
    covered, raw_covered, width, error = found.mean(axis=0) if len(found) else np.full(4, np.nan)
    return AuditCoverage(
        covered=float(covered),
        raw_covered=float(raw_covered),
        width=float(width),
        bias=float(error),
        num_without=num_runs - len(found),
    )


def _run(world: AuditWorld, rng: np.random.Generator) -> tuple[float, float, float, float] | None:
    shares = draw_class_validity(world.num_classes, world.validity, world.spread, rng)
    # Enough images a class that a systematic sample never takes one twice.
    size = -(-world.num_images // world.num_classes)
    classes = np.repeat(np.arange(world.num_classes, dtype=np.int16), size)
    drawn = classes[draw_systematic(classes, world.num_images, rng)]
    truth = rng.random(len(drawn)) < shares[drawn]
    decided = decide(count_panel(draw_answers(truth, world.panel, rng)), world.treatment)
    rows = decided.has_verdict
    share = compute_share(decided.valid[rows], drawn[rows], np.ones(int(rows.sum())))
    controls = (_judge_controls(world, kind, rng) for kind in (True, False))
    corrected, _ = estimate_corrected(share, *controls)
    if corrected is None or corrected.low is None or corrected.high is None:
        return None
    true = float(shares.mean())
    raw_low, raw_high = compute_wilson_interval(share.value * share.size, share.size)
    return (
        float(corrected.low <= true <= corrected.high),
        float(raw_low <= true <= raw_high),
        corrected.high - corrected.low,
        corrected.value - true,
    )


def _judge_controls(world: AuditWorld, kind: bool, rng: np.random.Generator) -> ControlCounts:
    truth: BoolArray = np.full(world.num_controls, kind)
    decided = decide(count_panel(draw_answers(truth, world.panel, rng)), world.treatment)
    right = decided.has_verdict & (decided.valid == kind)
    return ControlCounts(int(right.sum()), int(decided.has_verdict.sum()))
