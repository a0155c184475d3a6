"""Models with known skill on a small release with stored scores, for tests of judges and of filters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from factories import make_model_record, make_run_record, make_split_record
from imagenet_g.benchmark.answers.top_five import TopFive
from imagenet_g.benchmark.classes import ClassSet, make_class_set, name_class_set
from imagenet_g.benchmark.predictions.answered_sets import AnsweredSets
from imagenet_g.benchmark.predictions.evidence import Evidence
from imagenet_g.benchmark.predictions.predictions import Predictions
from imagenet_g.benchmark.records import ModelRecord, OriginModel, SplitOrigin, SplitRecord
from imagenet_g.benchmark.results import PredictionsRecord
from imagenet_g.benchmark.splits.manifests import ScorerRecord, ThresholdView
from imagenet_g.benchmark.splits.splits import Split, SplitRows, make_labels, make_split_class_set

FILTER_SPEC = "open_clip:own/filter"
FILTER_SHA = "f" * 64
COLUMN = "clip_score.own"
SCORER = ScorerRecord(model=FILTER_SPEC, weights_sha256=FILTER_SHA, text="a photo of a {c}")


class ColumnReader:
    """The stored columns of a split without images."""

    def __init__(self, **columns: Sequence[float | None]) -> None:
        self._columns = columns

    def read_column(self, name: str) -> list[Any]:
        """A column in the split's order."""
        return list(self._columns[name.partition(".")[0]])

    def read_image(self, row: int) -> bytes:
        """There is no image."""
        raise AssertionError(row)


def make_origin() -> SplitOrigin:
    """A split with a view filtered by a CLIP."""
    part = OriginModel(
        role="filter",
        spec=FILTER_SPEC,
        weights_sha256=FILTER_SHA,
        view="clip-filtered",
        detail="at least 0.5",
    )
    return SplitOrigin(generators=(), models=(part,), sources=None, released=None)


def make_record(ref: str, content: str) -> SplitRecord:
    """The record of a split of that release."""
    record = make_split_record(ref, 20)
    return record.model_copy(update={"content_sha256": content * 64, "origin": make_origin()})


def make_split(record: SplitRecord, labels: npt.NDArray[np.int64], scores: Sequence[float | None]) -> Split:
    """The split with its scores."""
    rows = make_labels([[int(label)] for label in labels])
    ids = tuple(f"{record.name}-{number}" for number in range(len(labels)))
    return Split(
        record=record,
        rows=SplitRows(ids, rows, (None,) * len(labels)),
        reader=ColumnReader(clip_score=scores),
        class_set=make_split_class_set(rows),
        outputs="all",
        views={"clip-filtered": ThresholdView(column=COLUMN, minimum=0.5)},
        scorers={"own": SCORER},
    )


def make_answers(
    split: Split, model: ModelRecord, right: npt.NDArray[np.bool_], *, seed: int = 0
) -> Evidence:
    """A model that is right where it is said to be; all other answers are of other classes of the split."""
    inside = np.array(split.class_set.indices)
    labels = split.rows.labels[:, 0].astype(np.int64)
    rng = np.random.default_rng(seed)
    ranked = inside[np.argsort(rng.random((len(labels), len(inside))), axis=1)]
    others = np.array(
        [[one for one in row if one != label][:5] for row, label in zip(ranked, labels, strict=True)]
    )
    indices = np.where(right[:, None], np.column_stack([labels, others[:, :4]]), others).astype(np.int16)
    probabilities = np.tile(np.array([0.5, 0.2, 0.1, 0.05, 0.01], dtype=np.float32), (len(labels), 1))
    top5 = TopFive(indices, probabilities)
    predictions = Predictions(
        image_ids=split.rows.image_ids,
        labels=split.rows.labels,
        source_image_ids=split.rows.source_image_ids,
        top5=top5,
        errors=(None,) * len(labels),
        restricted={name_class_set(split.class_set): top5},
    )
    return wrap(predictions, model, split.record, split.class_set)


def wrap(predictions: Predictions, model: ModelRecord, record: SplitRecord, class_set: ClassSet) -> Evidence:
    """Evidence on a whole split."""
    return Evidence(
        model=model,
        record=record,
        predictions=predictions,
        class_set=make_class_set("split-classes", class_set.indices),
        output_set=class_set,
        outputs="all",
        source=PredictionsRecord(file="predictions/x.parquet", sha256="0" * 64, run=make_run_record()),
        limit=None,
    )


def make_model(name: str, weights: str) -> ModelRecord:
    """A classifier, or the filter itself."""
    blank = {"training_data": None, "generated_training_data": None}
    return make_model_record(name, weights).model_copy(update=blank)


def make_case(
    *, num_images: int = 400, skills: Sequence[float] = (0.8, 0.7, 0.6, 0.5), seed: int = 0
) -> tuple[list[AnsweredSets], Split, Split]:
    """Models of rising and falling skill, the last of which is the filter: it is right where it scores high.

    Returns:
        The models, the split and the reference; scores are even in [0, 1].
    """
    rng = np.random.default_rng(seed)
    sets = []
    for ref, content in (("own/sd-l", "1"), ("own/real", "2")):
        labels = np.arange(num_images) % 20
        sets.append(make_split(make_record(ref, content), labels, rng.random(num_images).tolist()))
    models = []
    for number, skill in enumerate(skills):
        record = make_model(f"timm:own/m{number}", f"{number + 1:064x}")
        sides = [make_answers(one, record, rng.random(num_images) < skill, seed=number) for one in sets]
        models.append(AnsweredSets(sides[0], sides[1]))
    record = make_model(FILTER_SPEC, FILTER_SHA)
    scored = [np.array(read_scores(one)) for one in sets]
    sides = [
        make_answers(one, record, rng.random(num_images) < 0.2 + 0.7 * scores)
        for one, scores in zip(sets, scored, strict=True)
    ]
    models.append(AnsweredSets(sides[0], sides[1]))
    return models, sets[0], sets[1]


def read_scores(split: Split) -> list[float]:
    """The stored scores in the split's order."""
    return [float(str(score)) for score in split.reader.read_column(COLUMN)]


def drop_clean(model: AnsweredSets) -> AnsweredSets:
    """The same model, not run on the reference."""
    return replace(model, clean=None)
