"""Audits of a few images for tests, with controls, made by hand."""

from __future__ import annotations

from pathlib import Path

from image_sets import encode, make_image

from imagenet_g.benchmark.audits.files import load_sample, write_sample
from imagenet_g.benchmark.audits.records import AuditItem, AuditSample, AuditStratum, Role
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.identity import hash_bytes
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.leaderboard.rating_page.desk import RatingDesk
from imagenet_g.leaderboard.rating_page.pictures import open_pictures

CLASSES = [info.wnid for info in load_classes()[:3]]


def write_folders(root: Path, kind: str, size: tuple[int, int], per_class: int) -> str:
    """A folder of class folders; every image of a colour of its own."""
    for number, wnid in enumerate(CLASSES):
        (root / wnid).mkdir(parents=True)
        for k in range(per_class):
            image = make_image((60 * number, 40 * k, len(kind)), size)
            (root / wnid / f"photo_{k}.{kind.lower()}").write_bytes(encode(image, kind))
    return f"folder:{root}"


def open_whole(ref: str) -> Split:
    """A split that is available without a network."""
    return load_split(parse_split_ref(ref), data={}, cache=None, kept=False)


def make_item(split: Split, row: int, role: Role, *, asked: str | None = None) -> AuditItem:
    """A row of a split in a role; `asked` is the class of the question where it is another one."""
    own = load_classes()[int(split.rows.labels[row, 0])].wnid
    image_id = split.rows.image_ids[row]
    return AuditItem(
        item=hash_bytes(f"{role}/{image_id}".encode())[:12],
        image_id=image_id, wnid=asked or own, own_wnid=own, role=role,
        weight=1.0 if role == "generated" else None,
    )  # fmt: skip


def make_sample(split: Split, reference: Split, *, classes: int = 3) -> AuditSample:
    """For each of the first classes: a generated image, a right control and a wrong one.

    The reference has at least two images of each class; the second one is the wrong control of the class
    before it.
    """
    indices = split.class_set.indices[:classes]
    wnids = [load_classes()[index].wnid for index in indices]
    rows = [find_rows(split, index)[0] for index in indices]
    real = [find_rows(reference, index)[:2] for index in indices]
    items = [
        *(make_item(split, row, "generated") for row in rows),
        *(make_item(reference, first, "right control") for first, _ in real),
        *(
            make_item(reference, second, "wrong control", asked=wnids[number - 1])
            for number, (_, second) in enumerate(real)
        ),
    ]
    strata = {wnid: AuditStratum(population=1, drawn=1) for wnid in wnids}
    return AuditSample(
        split=split.record, reference=reference.record, seed=0, strata=strata, items=tuple(items)
    )


def find_rows(split: Split, index: int) -> list[int]:
    """Rows of a class."""
    return [int(row) for row in (split.rows.labels[:, 0] == index).nonzero()[0]]


def write_audit(folder: Path, split: str, reference: str, *, classes: int = 3) -> Path:
    """An audit's folder with its sample."""
    write_sample(folder, make_sample(open_whole(split), open_whole(reference), classes=classes))
    return folder


def open_audit(folder: Path) -> RatingDesk:
    """The desk of an audit."""
    return RatingDesk(folder, open_pictures(load_sample(folder), data={}))
