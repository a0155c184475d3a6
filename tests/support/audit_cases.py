"""Small audits: a sample drawn from made-up ids, and what raters answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.audits.drawing import Population, draw_sample
from imagenet_g.benchmark.audits.files import (
    LoadedSample,
    RaterAnswers,
    append_ratings,
    load_sample,
    make_ratings_path,
    start_ratings,
    write_sample,
)
from imagenet_g.benchmark.audits.records import Answer, AuditSample, Rating, RatingsHeader
from imagenet_g.benchmark.records import SplitRecord

SHA = "0" * 64


def make_record(ref: str = "x/sd", content: str = "1") -> SplitRecord:
    """A split of a version, or a real set."""
    version, _, name = ref.rpartition("/")
    return SplitRecord(
        ref=ref, version=version or None, name=name, view=None, manifest_sha256=SHA,
        content_sha256=content * 64, revision=None, num_classes=1, notice=None,
    )  # fmt: skip


def make_population(
    sizes: Mapping[int, int], *, ref: str = "x/sd", content: str = "1", also: Mapping[int, int] | None = None
) -> Population:
    """So many images of each class index; `also` names a second label of a class."""
    own = [index for index, size in sizes.items() for _ in range(size)]
    labels = np.array([[index, (also or {}).get(index, -1)] for index in own], dtype=np.int16)
    return Population(make_record(ref, content), tuple(f"{content}-{row}" for row in range(len(own))), labels)


def make_sample(num_images: int = 12, num_controls: int = 3, *, seed: int = 0) -> AuditSample:
    """Generated images of three classes, and so many controls of either kind."""
    split = make_population(dict.fromkeys((3, 7, 9), 20))
    reference = make_population(dict.fromkeys((3, 7, 9), 20), ref="imagenet-val", content="2")
    share = num_controls / num_images
    return draw_sample(split, reference, num_images=num_images, control_share=share, seed=seed)


def write_audit(folder: Path, sample: AuditSample | None = None) -> LoadedSample:
    """A sample on the disk, read again."""
    write_sample(folder, sample or make_sample())
    return load_sample(folder)


def rate(
    sample: LoadedSample,
    answers: Sequence[Answer],
    *,
    rater: str = "willow-482",
    quality: int | None = 4,
    folder: Path | None = None,
) -> RaterAnswers:
    """The answers of a rater to the first items, also as a file where a folder is given."""
    header = RatingsHeader(sample_sha256=sample.sha256, rater=rater, simulated=rater.startswith("simulated-"))
    items = sample.sample.items[: len(answers)]
    ratings = [
        Rating(item=item.item, answer=answer, quality=quality, time=None)
        for item, answer in zip(items, answers, strict=True)
    ]
    if folder is not None:
        append_ratings(start_ratings(folder, header), ratings)
        assert make_ratings_path(folder, rater).is_file()
    return RaterAnswers(header, {rating.item: rating for rating in ratings}, SHA, torn=False)
