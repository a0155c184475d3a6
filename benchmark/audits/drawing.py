"""Drawing the images of an audit: stratified by class, seeded, with blind controls among them.

Every image of the split has the same chance n/N. The images are put in an order, class by class in random
order and at random within each class, and every N/n-th is taken from a random start (systematic sampling,
Cochran 1977, chapter 8): a class gets its share of n, rounded down or up. So it also is where n is smaller
than the number of classes, and each image drawn stands for N/n of the split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.audits.records import MAX_ITEMS, AuditItem, AuditSample, AuditStratum, Role
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.records import SplitRecord
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.splits.views import apply_view

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Population:
    """Images that can be drawn.

    Attributes:
        record: The split or reference, with its view.
        image_ids: N identities.
        labels: `(N, L)` int16 acceptable class indices, padded with -1; the first is the image's own.
    """

    record: SplitRecord
    image_ids: tuple[str, ...]
    labels: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.image_ids)

    @property
    def own(self) -> npt.NDArray[np.int16]:
        """`(N,)` the images' own classes."""
        return np.asarray(self.labels[:, 0])


def make_population(split: Split, view: str | None) -> Population:
    """The images of a split, or of one of its views.

    Raises:
        UnknownNameError: There is no such view.
        InputError: The view has no image.
    """
    if view is None:
        return Population(split.record, split.rows.image_ids, split.rows.labels)
    rows, _, record = apply_view(split, view)
    return Population(record, tuple(split.rows.image_ids[row] for row in rows), split.rows.labels[rows])


def draw_sample(
    split: Population, reference: Population | None, *, num_images: int, control_share: float, seed: int
) -> AuditSample:
    """Draw the generated images and, beside them, as many controls of either kind as `control_share` says.

    A right control is a real image with the class that it shows; a wrong control is a real image with
    another class of the split, any other with the same chance, which none of its labels is. Real images are
    drawn class by class as the generated ones are, each at most once.

    Args:
        split: What is audited.
        reference: Real images for the controls; None for a sample without controls.
        num_images: Generated images, from 1 to all.
        control_share: Controls of either kind as a share of `num_images`, in [0, 1]; 0 for none.
        seed: The same seed draws the same images in the same order.

    Raises:
        InputError: So many images, or controls, cannot be drawn.
    """
    _validate_numbers(split, num_images, control_share)
    rng = np.random.default_rng(seed)
    drawn = draw_systematic(split.own, num_images, rng)
    items = [_make_item(split, row, seed, "generated", weight=len(split) / num_images) for row in drawn]
    # At least one, or a small sample for which controls were asked would have none without a word.
    num_controls = max(1, round(num_images * control_share)) if control_share > 0 else 0
    if num_controls:
        items += _draw_controls(split, reference, num_controls, seed, rng)
    # Mixed, so that the place of an image does not show that it is a control.
    order = rng.permutation(len(items))
    return AuditSample(
        split=split.record,
        reference=reference.record if num_controls and reference is not None else None,
        seed=seed,
        strata=_count_strata(split, drawn),
        items=tuple(items[place] for place in order),
    )


def draw_systematic(classes: npt.NDArray[np.int16], num: int, rng: np.random.Generator) -> Rows:
    """Rows of a systematic sample over classes; every row has the same chance `num / N`.

    Args:
        classes: `(N,)` class of each row.
        num: How many rows, 0 <= num <= N.
        rng: Source of randomness.

    Example:
        >>> classes = np.repeat(np.arange(3, dtype=np.int16), 10)
        >>> rows = draw_systematic(classes, 6, np.random.default_rng(0))
        >>> np.bincount(classes[rows]).tolist()
        [2, 2, 2]
    """
    shuffled = rng.permutation(len(classes))
    # Classes in random order, or those at the end of the order would always be rounded alike.
    rank = rng.permutation(int(classes.max(initial=0)) + 1)
    ordered = shuffled[np.argsort(rank[classes[shuffled]], kind="stable")]
    # Every row: rounding could carry two places to one row.
    if num == len(classes):
        return np.asarray(ordered)
    places = np.floor((np.arange(num) + rng.random()) * len(classes) / max(num, 1)).astype(np.intp)
    return np.asarray(ordered[np.minimum(places, len(classes) - 1)])


def _validate_numbers(split: Population, num_images: int, control_share: float) -> None:
    ref = split.record.ref
    if not 1 <= num_images <= len(split):
        raise InputError(
            f"-n {num_images}: '{ref}' has {len(split)} images, so that 1 to {len(split)} can be drawn."
        )
    if not 0 <= control_share <= 1:
        raise InputError(f"--controls {control_share:g} is no share; give a number from 0 to 1, such as 0.1.")
    if num_images * (1 + 2 * control_share) > MAX_ITEMS:
        raise InputError(f"-n {num_images} is more than raters can see; {MAX_ITEMS} images at most.")


def _draw_controls(
    split: Population, reference: Population | None, num: int, seed: int, rng: np.random.Generator
) -> list[AuditItem]:
    if reference is None:
        raise InputError("Controls are real images: name them with --reference, or ask for --controls 0.")
    # As right controls, images of the split would count the generator's errors as those of raters.
    if reference.record.content_sha256 == split.record.content_sha256:
        raise InputError(
            f"--reference {reference.record.ref} has the images of the split itself; name real images."
        )
    wanted = sorted(set(split.own.tolist()))
    if len(wanted) < 2:
        raise InputError(
            f"'{split.record.ref}' has one class, so that no real image can be of another of its classes; "
            "use --controls 0."
        )
    # A class that the split lacks would show a rater that the image is a control.
    pool = np.flatnonzero(np.isin(reference.own, wanted))
    if 2 * num > len(pool):
        raise InputError(
            f"{2 * num} controls are wanted and '{reference.record.ref}' has {len(pool)} images of the "
            "split's classes; lower --controls, or name a larger --reference."
        )
    # Drawn together and then divided, so that no image is a control of both kinds.
    chosen = rng.permutation(pool[draw_systematic(reference.own[pool], 2 * num, rng)])
    right = [_make_item(reference, row, seed, "right control") for row in chosen[:num]]
    wrong = [
        _make_item(
            reference, row, seed, "wrong control", asked=_draw_other(reference.labels[row], wanted, rng)
        )
        for row in chosen[num:]
    ]
    return right + wrong


def _draw_other(labels: npt.NDArray[np.int16], wanted: Sequence[int], rng: np.random.Generator) -> int:
    # None of its labels, not only its own class: a real image may rightly be called several classes.
    others = np.setdiff1d(np.asarray(wanted), labels)
    if not len(others):
        raise InputError("A real image may be called every class of the split, so that none is wrong for it.")
    return int(rng.choice(others))


def _make_item(
    images: Population,
    row: int,
    seed: int,
    role: Role,
    *,
    asked: int | None = None,
    weight: float | None = None,
) -> AuditItem:
    own = int(images.own[row])
    classes = load_classes()
    wnid, image_id = classes[own if asked is None else asked].wnid, images.image_ids[row]
    content = images.record.content_sha256
    return AuditItem(
        # Ids of the split and of the reference look different, which would show the role.
        item=hash_bytes(f"audit/{seed}/{content}/{image_id}/{wnid}".encode())[:12],
        image_id=image_id,
        wnid=wnid,
        own_wnid=classes[own].wnid,
        role=role,
        weight=weight,
    )


def _count_strata(split: Population, drawn: Rows) -> dict[str, AuditStratum]:
    classes = load_classes()
    present, chosen = Counter(split.own.tolist()), Counter(split.own[drawn].tolist())
    return {
        classes[index].wnid: AuditStratum(population=present[index], drawn=chosen[index])
        for index in sorted(present)
    }
