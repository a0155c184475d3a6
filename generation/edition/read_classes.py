"""Which drawn classes judges read best, on art sets that a generator is not trained on.

    imagenet-g lab read-classes --judge wheel:efficientnet-lite0 --number 42 --out read-42.txt

A generator of drawings shows a classifier nothing where the classifier cannot read the drawings themselves.
The classes are chosen on other art sets than those the generator learns from, so that the choice has not seen
the drawings that are reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.classifiers import ModelRequest, load_classifier
from imagenet_g.benchmark.naming.specs import parse_model_spec
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.generation.composites.cutouts import CutoutStore
from imagenet_g.generation.composites.generator import FRAMINGS, compose
from imagenet_g.generation.composites.styles import find_style

if TYPE_CHECKING:
    from PIL import Image

    from imagenet_g.benchmark.models.classifiers import Classifier

DRAWINGS = "mini/renditions"
CHOOSING_ART_SETS = ("fluent-3d", "noto", "noto-v1")
"""Art sets that the classes are chosen on; the generator of the chosen classes learns from none of them."""
LEARNT_ART_SETS = ("emojione", "fxemoji", "twemoji")
"""Art sets that the generator learns from, and on which the choice is reported."""
_FRAMING = "plain"
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Views:
    """Composites of single drawings.

    Attributes:
        images: RGB, square.
        labels: `(N,)` class indices.
    """

    images: tuple[Image.Image, ...]
    labels: NDArray[np.int64]


def draw_views(art_sets: Sequence[str], labels: Sequence[int], *, views: int, size_px: int) -> Views:
    """Each drawing of some classes in plain composites, by seeds of its class and number.

    Args:
        art_sets: Names of art sets.
        labels: Classes; one that these sets do not draw has no views.
        views: Composites of each drawing.
        size_px: Their side.

    Raises:
        ImagenetGError: The drawings cannot be read.
    """
    store = CutoutStore(load_split(parse_split_ref(DRAWINGS), data={}, cache=None), art_sets)
    style = find_style("", "")
    made = [
        (
            compose(np.random.default_rng([label, number, view]), [art], style, size_px, FRAMINGS[_FRAMING]),
            label,
        )
        for label in labels
        for number, art in enumerate(store.find_cutouts(label))
        for view in range(views)
    ]
    return Views(tuple(image for image, _ in made), np.array([label for _, label in made], np.int64))


def load_judge(name: str) -> Classifier:
    """A classifier over the 1000 classes.

    Raises:
        ImagenetGError: As `load_classifier`.
    """
    return load_classifier(ModelRequest(requested=name, spec=parse_model_spec(name)))


@torch.inference_mode()
def judge_views(judge: Classifier, views: Views) -> NDArray[np.float64]:
    """`(N, 1000)` probabilities of a classifier, each row 1 in sum."""
    found = []
    for start in range(0, len(views.images), _BATCH):
        batch = torch.stack([judge.transform(image) for image in views.images[start : start + _BATCH]])
        found.append(judge.module(batch).double().softmax(dim=1))
    return torch.cat(found).numpy()


def rank_classes(probabilities: Sequence[NDArray[np.float64]], labels: NDArray[np.int64]) -> dict[int, float]:
    """Mean probability of its own class over a class's views and all judges, best class first.

    Args:
        probabilities: `(N, classes)` of each judge.
        labels: `(N,)` true classes.

    Raises:
        InputError: No judge, or no view.

    Example:
        >>> sure, unsure = [0.9, 0.1], [0.6, 0.4]
        >>> rank_classes([np.array([unsure, sure])], np.array([0, 1]))
        {0: 0.6, 1: 0.1}
    """
    if not probabilities or not len(labels):
        raise InputError("Classes are ranked by at least one judge on at least one drawing.")
    rows = np.arange(len(labels))
    # Probabilities and not hits: a class has a handful of drawings, and hits would leave most classes equal.
    own = np.mean([one[rows, labels] for one in probabilities], axis=0)
    means = {int(label): round(float(own[labels == label].mean()), 6) for label in np.unique(labels)}
    return dict(sorted(means.items(), key=lambda pair: (-pair[1], pair[0])))


def list_candidates() -> tuple[int, ...]:
    """Classes with a drawing of either kind of art set, sorted.

    Raises:
        ImagenetGError: The drawings cannot be read.
    """
    split = load_split(parse_split_ref(DRAWINGS), data={}, cache=None)
    choosing, learnt = (
        set(CutoutStore(split, one).list_labels()) for one in (CHOOSING_ART_SETS, LEARNT_ART_SETS)
    )
    return tuple(sorted(choosing & learnt))


def format_class_set(ranking: Mapping[int, float], number: int, *, note: str) -> str:
    """The text of a class set's file: the best classes of a ranking, sorted by wnid.

    Args:
        ranking: Best class first.
        number: How many to take.
        note: One line on where the ranking comes from.

    Raises:
        InputError: There are fewer.
    """
    if len(ranking) < number:
        raise InputError(
            f"{number} classes are asked for; {len(ranking)} are drawn by both kinds of art set."
        )
    classes = load_classes()
    wnids = sorted(classes[label].wnid for label in list(ranking)[:number])
    return "\n".join([f"# {note}", *wnids]) + "\n"
