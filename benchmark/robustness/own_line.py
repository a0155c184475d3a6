"""The line that judges a model without that model: which points are left out, and what the rest can bear.

A least-squares line is drawn towards each of its points, the more so the further a point's clean accuracy
lies from the others. A model held against a line through its own point is in part held against itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.robustness.fits import LineFit, make_design
from imagenet_g.benchmark.robustness.links import apply_fit_link
from imagenet_g.benchmark.robustness.points import MIN_MODELS, BaselinePoints
from imagenet_g.benchmark.statistics.accuracy import FloatArray

NO_WEIGHTS = hash_bytes(b"")
"""Hash of a state dict without tensors: all models without weights share it, so that it names none."""
TORCHVISION_ENDINGS = ("/IMAGENET1K_V1", ".tv_in1k")
"""How torchvision and timm name the first torchvision weights, which tables list by the bare name."""
MAX_HOLE = 1 / 3
"""Share of the line's range between two neighbours above which a model between them stands in a hole.

Five models at equal distances leave a quarter between any two, so the shortest line has no hole by itself.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedModel:
    """The model that is held against a line.

    Attributes:
        spec: Its resolved spec, or its name in a table.
        weights_sha256: Hash of its weights; None where only figures are known.
    """

    spec: str
    weights_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgingLine:
    """Points of a line, without the judged model.

    Attributes:
        points: What the line is fitted through.
        left_out: The judged model, under the baseline's names for it; empty where it is not in the baseline.
        kin_left_out: The other models of its family, where they were left out too.
    """

    points: BaselinePoints
    left_out: tuple[str, ...] = ()
    kin_left_out: tuple[str, ...] = ()

    @property
    def reason(self) -> str | None:
        """Why there is no line; None where there is one."""
        count = len(self.points.models)
        if count >= MIN_MODELS:
            return None
        without = " without the judged model" if self.left_out else ""
        return f"{count} models are left{without}, and a line needs at least {MIN_MODELS}."


def leave_out(points: BaselinePoints, judged: JudgedModel) -> JudgingLine:
    """The points that may judge a model: not its own, and not its family's where five others remain.

    Example:
        >>> top1 = np.linspace(0.2, 0.8, 7)
        >>> points = BaselinePoints(baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",),
        ...                         models=tuple("tuvwxyz"), families=("f", "f", *"abcde"),
        ...                         reference=top1[:, None], shifted=top1, reference_n=(100,), shifted_n=100)
        >>> line = leave_out(points, JudgedModel(spec="timm:t"))
        >>> line.points.models, line.left_out, line.kin_left_out
        (('v', 'w', 'x', 'y', 'z'), ('t',), ('u',))
        >>> leave_out(points, JudgedModel(spec="timm:z")).kin_left_out  # alone in its family
        ()
        >>> short = leave_out(points.take(np.arange(5)), JudgedModel(spec="timm:x"))
        >>> short.reason
        '4 models are left without the judged model, and a line needs at least 5.'
    """
    own = find_own(points.models, points.weights, judged)
    if not own.any():
        return JudgingLine(points=points)
    families = {points.families[row] for row in np.flatnonzero(own)}
    kin = np.array([family in families for family in points.families])
    # A smaller line that knows nothing of the family is the better judge, as long as it is a line.
    gone = kin if (~kin).sum() >= MIN_MODELS else own
    return JudgingLine(
        points=points.take(np.flatnonzero(~gone)),
        left_out=_name(points, own),
        kin_left_out=_name(points, gone & ~own),
    )


def find_own(models: Sequence[str], weights: Sequence[str], judged: JudgedModel) -> npt.NDArray[np.bool_]:
    """Which of M models are the judged one, by its weights or its name: `(M,)`.

    Args:
        models: M names.
        weights: M hashes of weights; empty where unknown.
        judged: The model.
    """
    names = list_names(judged.spec)
    hashes = tuple(weights) or (None,) * len(models)
    known = judged.weights_sha256 not in (None, NO_WEIGHTS)
    return np.array(
        [
            model in names or (known and sha256 == judged.weights_sha256)
            for model, sha256 in zip(models, hashes, strict=True)
        ],
        dtype=np.bool_,
    )


def _name(points: BaselinePoints, rows: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(points.models[row] for row in np.flatnonzero(rows))


def list_names(spec: str) -> frozenset[str]:
    """The names under which a baseline may list a model.

    Example:
        >>> sorted(list_names("timm:packaged:mini-vit-s"))
        ['packaged:mini-vit-s', 'timm:packaged:mini-vit-s']
        >>> "resnet50" in list_names("torchvision:resnet50/IMAGENET1K_V1")
        True
        >>> "resnet50" in list_names("timm:resnet50.a1_in1k")  # other weights of that architecture
        False
        >>> "resnet50.a1_in1k" in list_names("timm:hf-hub:timm/resnet50.a1_in1k")
        True
    """
    bare = spec.partition(":")[2] or spec
    names = {spec, bare}
    if bare.startswith("hf-hub:"):
        names.add(bare.rpartition("/")[2])
    for ending in TORCHVISION_ENDINGS:
        if bare.endswith(ending):
            stem = bare.removesuffix(ending)
            names |= {stem, *(stem + other for other in TORCHVISION_ENDINGS)}
    return frozenset(names)


def compute_leverage(fit: LineFit, reference: FloatArray) -> float:
    """Leverage that a model's point would have in the line with it: h0 / (1 + h0), h0 = x (X'X)^-1 x'.

    It is the model's diagonal entry of the hat matrix of the line with its point, by the formula of Sherman
    and Morrison: 0 for a point that the line ignores, 1 for one that the line must pass through.

    Args:
        fit: The line without the model.
        reference: `(K,)` its clean accuracies.

    Returns:
        A number in [0, 1).

    Example:
        >>> from imagenet_g.benchmark.robustness.fits import fit_line
        >>> top1 = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
        >>> points = BaselinePoints(baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",),
        ...                         models=tuple("vwxyz"), families=tuple("vwxyz"), reference=top1[:, None],
        ...                         shifted=top1, reference_n=(100,), shifted_n=100)
        >>> near, far = (compute_leverage(fit_line(points, "linear"), np.array([x])) for x in (0.3, 0.99))
        >>> round(near, 2), round(far, 2)
        (0.18, 0.54)
    """
    row = make_design(apply_fit_link(reference[None], fit.reference_n, fit.link))[0]
    own = float(row @ np.array(fit.unscaled_covariance) @ row)
    return own / (1 + own)


def compute_leverage_limit(num_models: int, num_coefficients: int = 2) -> float:
    """2 p / M, above which a point's leverage is high (Hoaglin and Welsch 1978); 4 / M for a straight line.

    Args:
        num_models: M, the models of the line and the judged one.
        num_coefficients: p, the line's coefficients.

    Example:
        >>> compute_leverage_limit(8)
        0.5
    """
    return min(1.0, 2 * num_coefficients / num_models)


def find_hole(points: BaselinePoints, reference: float, link: str) -> tuple[float, float] | None:
    """The clean accuracies beside a model that are far apart; None where there is no hole.

    A hole is more than a third of the line's range on the link's scale without a baseline model. A model
    outside the range is in no hole: that has another flag.

    Args:
        points: The baseline, of one clean axis.
        reference: The model's clean accuracy.
        link: Name of the link.

    Example:
        >>> top1 = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
        >>> points = BaselinePoints(baseline="b", baseline_sha256="0" * 64, target="t", axes=("clean",),
        ...                         models=tuple("vwxyz"), families=tuple("vwxyz"), reference=top1[:, None],
        ...                         shifted=top1, reference_n=(100,), shifted_n=100)
        >>> [find_hole(points, clean, "linear") for clean in (0.7, 0.35, 0.95)]
        [(0.4, 0.9), None, None]
    """
    clean = np.sort(points.reference[:, 0])
    below, above = clean[clean <= reference], clean[clean >= reference]
    if points.reference.shape[1] != 1 or not len(below) or not len(above):
        return None
    pair = float(below[-1]), float(above[0])
    ends = apply_fit_link([clean[0], *pair, clean[-1]], points.reference_n[0], link)
    return pair if ends[2] - ends[1] > MAX_HOLE * (ends[3] - ends[0]) else None
