"""Figures of distances: the two clouds of a class (the paper's Fig. 3), and every class's reduction (Fig. 4).

What is drawn is computed by pure functions; `draw_*` put it into a file with matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.distances.geometry import fit_pca
from imagenet_g.benchmark.distances.measures import EmbeddedImages
from imagenet_g.benchmark.distances.results import ClassDistance, ClipDistances
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.figures.canvas import open_figure
from imagenet_g.benchmark.statistics.accuracy import FloatArray
from imagenet_g.benchmark.terminal.plots import format_label

_REFERENCE, _SPLIT = ("o", "#4c6a92"), ("^", "#c1571a")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFigure:
    """Two sets of images of one class in the plane.

    Attributes:
        title: Class and CLIP.
        split: Name and `(N, 2)` points.
        reference: Name and `(M, 2)` points.
        explained: Share of the variance of both sets together along each axis.
    """

    title: str
    split: tuple[str, FloatArray]
    reference: tuple[str, FloatArray]
    explained: tuple[float, float]

    @property
    def caption(self) -> str:
        """How the axes were chosen."""
        return (
            "First two principal components of the CLIP embeddings of both sets together: axes that show a "
            "difference where there is one. They are not the space of the Mahalanobis distance."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReductionFigure:
    """The reduction of every class, largest first.

    Attributes:
        title: Split, reference and CLIP.
        names: C class names.
        reductions: `(C,)` fractions.
        mean: Over all classes.
    """

    title: str
    names: tuple[str, ...]
    reductions: FloatArray
    mean: float


def make_cloud_figure(
    wnid: str, split: EmbeddedImages, reference: EmbeddedImages, *, names: tuple[str, str], clip: str
) -> CloudFigure:
    """The images of one class on both sides, on the two main axes of both together.

    Raises:
        InputError: The class is not among them, or its images do not differ in two directions.
    """
    index = load_index_by_wnid()[wnid]
    new, known = split.of_class(index), reference.of_class(index)
    title = f"{load_classes()[index].name} ({wnid}) by {clip}"
    # Fitted on both sides: on the axes of one side alone a difference in another direction would not show.
    pca = fit_pca(np.concatenate([new, known]), 2)
    if not len(new) or not len(known) or pca is None or len(pca.directions) < 2:
        raise InputError(
            f"Class {title} cannot be drawn: {len(new)} and {len(known)} images span no plane. Choose "
            "another --plot-class."
        )
    return CloudFigure(
        title=title,
        split=(names[0], pca.project(new)),
        reference=(names[1], pca.project(known)),
        explained=(float(pca.explained[0]), float(pca.explained[1])),
    )


def make_reduction_figure(measure: ClipDistances, *, names: tuple[str, str]) -> ReductionFigure | None:
    """Every class's reduction, largest first; None where no class has one."""
    rows = list_by_reduction(measure)
    if not rows or measure.reduction is None:
        return None
    return ReductionFigure(
        title=f"{names[0]} from {names[1]} by {measure.clip.spec}",
        names=tuple(load_classes()[load_index_by_wnid()[row.wnid]].name for row in rows),
        reductions=np.array([row.reduction for row in rows], dtype=np.float64),
        mean=measure.reduction.value,
    )


def list_by_reduction(measure: ClipDistances) -> list[ClassDistance]:
    """Classes that have a reduction, farthest first."""
    known = [row for row in measure.classes if row.reduction is not None]
    return sorted(known, key=lambda row: (-(row.reduction or 0.0), row.wnid))


def choose_plot_classes(measure: ClipDistances) -> tuple[str, ...]:
    """The farthest, the middle and the nearest class."""
    rows = list_by_reduction(measure) or list(measure.classes)
    # With one or two classes the three places coincide.
    return tuple(dict.fromkeys(rows[place].wnid for place in (0, len(rows) // 2, -1)))


def draw_clouds(figure: CloudFigure, path: Path) -> None:
    """Write a scatter plot of both sets.

    Raises:
        InputError: matplotlib is not installed, or the ending is not one of `FORMATS`.
        StorageError: The place cannot be written.
    """
    with open_figure(path, figure.caption) as canvas:
        axes = canvas.add_axes((0.12, 0.2, 0.84, 0.72))
        for (name, points), (marker, colour) in ((figure.reference, _REFERENCE), (figure.split, _SPLIT)):
            x, y = points.T
            axes.scatter(x, y, s=18, marker=marker, color=colour, alpha=0.7, lw=0,
                         label=format_label(f"{name} ({len(points)})"))  # fmt: skip
            axes.scatter(x.mean(), y.mean(), s=90, marker=marker, color=colour, edgecolor="black", lw=1)
        axes.set_xlabel(f"first component ({100 * figure.explained[0]:.0f} % of the variance)")
        axes.set_ylabel(f"second component ({100 * figure.explained[1]:.0f} %)")
        axes.set_title(format_label(figure.title), fontsize=10)
        axes.legend(fontsize=8)


def draw_reductions(figure: ReductionFigure, path: Path) -> None:
    """Write a bar chart of every class's reduction, in percent.

    Raises:
        InputError: As `draw_clouds`.
        StorageError: As `draw_clouds`.
    """
    caption = (
        "By how many percent the mean cosine to the class mean is below that of reference images left out of "
        f"it. Dashed: the mean over {len(figure.names)} classes. Below 0 the split is nearer."
    )
    with open_figure(path, caption) as canvas:
        axes = canvas.add_axes((0.1, 0.3 if len(figure.names) <= 40 else 0.2, 0.87, 0.6))
        places = np.arange(len(figure.names))
        axes.bar(places, 100 * figure.reductions, width=1.0 if len(places) > 40 else 0.8, color=_SPLIT[1])
        axes.axhline(100 * figure.mean, color="#33475f", ls="--", lw=1)
        axes.axhline(0, color="black", lw=0.6)
        if len(places) <= 40:
            axes.set_xticks(places, labels=figure.names, rotation=60, ha="right", fontsize=7)
        else:
            axes.set_xlabel("classes, largest reduction first")
        axes.set_ylabel("reduction in %")
        axes.set_title(format_label(figure.title), fontsize=10)


def write_figures(
    folder: Path,
    measures: Sequence[tuple[ClipDistances, EmbeddedImages, EmbeddedImages]],
    *,
    names: tuple[str, str],
    wnids: Sequence[str] | None,
    kind: str,
) -> tuple[Path, ...]:
    """Both kinds of figure for every CLIP.

    Args:
        folder: Where they go.
        measures: For each CLIP its distances and the embeddings of split and reference.
        names: Of split and reference.
        wnids: Classes whose clouds are drawn; None for the farthest, the middle and the nearest.
        kind: One of `FORMATS`.

    Returns:
        Paths of the files, in the order they were written.
    """
    from imagenet_g.benchmark.identity import make_slug

    written = []
    for measure, split, reference in measures:
        slug = make_slug(measure.clip.spec)
        if (bars := make_reduction_figure(measure, names=names)) is not None:
            written.append(folder / f"reduction-{slug}.{kind}")
            draw_reductions(bars, written[-1])
        for wnid in wnids or choose_plot_classes(measure):
            clouds = make_cloud_figure(wnid, split, reference, names=names, clip=measure.clip.spec)
            written.append(folder / f"pca-{slug}-{wnid}.{kind}")
            draw_clouds(clouds, written[-1])
    return tuple(written)
