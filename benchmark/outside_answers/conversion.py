"""Answers from elsewhere as stored predictions, so that everything behind predictions works on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagenet_g.benchmark.answers.top_five import TOP_K, TopFive
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.catalogue.roles import require_test_split
from imagenet_g.benchmark.classes import NUM_CLASSES, ClassSet, name_class_set
from imagenet_g.benchmark.environment import format_now, list_versions
from imagenet_g.benchmark.errors import DataError, InputError, shorten
from imagenet_g.benchmark.evaluation.run_facts import make_meta
from imagenet_g.benchmark.formats.runs import ANSWERS, RunRecord
from imagenet_g.benchmark.identity import hash_file, hash_json, make_slug
from imagenet_g.benchmark.outside_answers.answers import Answer, AnswerRules, list_unknown, load_answers
from imagenet_g.benchmark.outside_answers.questions import count_options, load_questions
from imagenet_g.benchmark.predictions.predictions import Predictions, PredictionsMeta, write_predictions
from imagenet_g.benchmark.records import OUTSIDE, ModelRecord, Preprocessing
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.splits import Split
from imagenet_g.benchmark.statistics.accuracy import NO_CLASS

_UNKNOWN = "unknown"
_MISSING = Answer((), (), "not answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSource:
    """Answers to score.

    Attributes:
        path: CSV, TSV or JSON lines, see `answers`.
        split: Reference of the whole split that they are about.
        name: What the system is called.
        questions: The file of questions whose letters they are; None where they are classes.
        unmatched_is_wrong: Whether an answer that names no class is no answer, and not refused.
    """

    path: Path
    split: str
    name: str
    questions: Path | None = None
    unmatched_is_wrong: bool = False


def convert_answers(
    answers: AnswerSource, folder: Path, *, data: Mapping[str, Path], cache: Path | None
) -> Path:
    """Write answers as predictions, and return their file.

    Args:
        answers: The answers.
        folder: Of the result; predictions go into `predictions/` below it.
        data: Local copies of splits by name.
        cache: Where hashes of files are remembered; None for nowhere.

    Raises:
        InputError: The reference has a view, or is unknown, not available or a training set.
        DataError: The answers are malformed, or about other images.
        StorageError: The folder cannot be written.
    """
    ref = parse_split_ref(answers.split)
    if ref.view is not None:
        raise InputError(
            f"Answers are stored for whole splits: name '{ref.base}', and score the view with --view "
            f"{ref.view}."
        )
    require_test_split(ref, data, cache=cache)
    questions, numbers = ({}, {}) if answers.questions is None else load_questions(answers.questions)
    rules = AnswerRules(questions, numbers, answers.unmatched_is_wrong)
    found = load_answers(answers.path, rules)
    split = load_split(ref, data=data, cache=cache)
    predictions = make_predictions(split, found, source=str(answers.path))
    meta = describe_answers(answers, split, num_options=count_options(questions) or NUM_CLASSES)
    path = folder / "predictions" / f"{make_slug(ref.base)}.parquet"
    write_predictions(path, predictions, meta)
    return path


def make_predictions(split: Split, answers: Mapping[str, Answer], *, source: str) -> Predictions:
    """Answers in the order of a split's images; an image without one has no prediction.

    Raises:
        DataError: An answer is about an image that the split has not got.
    """
    rows = split.rows
    unknown = next(list_unknown(answers, dict.fromkeys(rows.image_ids)), None)
    if unknown is not None:
        raise DataError(
            f"'{source}' answers image '{shorten(unknown)}', which '{split.record.ref}' has not got. Its ids "
            f"look like '{rows.image_ids[0]}'."
        )
    ordered = [answers.get(image_id, _MISSING) for image_id in rows.image_ids]
    top5 = stack_answers(ordered)
    return Predictions(
        image_ids=rows.image_ids,
        labels=rows.labels,
        source_image_ids=rows.source_image_ids,
        top5=top5,
        errors=tuple(answer.reason or None for answer in ordered),
        restricted={name: restrict_answers(top5, one) for name, one in list_restricted(split).items()},
        strengths=rows.strengths,
    )


def stack_answers(answers: Sequence[Answer]) -> TopFive:
    """Answers as rows of five places; a probability that is not given is 0, which no best answer has.

    Example:
        >>> stack_answers([Answer((3, 7), (0.5, 0.25)), Answer((4,), ())]).probabilities[:, 0].tolist()
        [0.5, 0.0]
    """
    indices = np.full((len(answers), TOP_K), NO_CLASS, dtype=np.int16)
    probabilities = np.zeros((len(answers), TOP_K), dtype=np.float32)
    for number, answer in enumerate(answers):
        indices[number, : len(answer.classes)] = answer.classes
        probabilities[number, : len(answer.probabilities)] = answer.probabilities
    return TopFive(indices, probabilities)


def restrict_answers(top5: TopFive, class_set: ClassSet) -> TopFive:
    """Answers among some classes: the others are left out, and the next best moves up.

    What a system would have answered in the place of another class is unknown, so nothing is put there.

    Example:
        >>> from imagenet_g.benchmark.classes import make_class_set
        >>> one = TopFive(np.array([[7, 3, -1, -1, -1]], np.int16), np.zeros((1, 5), np.float32))
        >>> restrict_answers(one, make_class_set("a", [3, 4])).indices.tolist()
        [[3, -1, -1, -1, -1]]
    """
    inside = np.isin(top5.indices, class_set.indices)
    # Stable: the classes inside keep their ranks.
    order = np.argsort(~inside, axis=1, kind="stable")
    kept = np.take_along_axis(inside, order, axis=1)
    indices = np.where(kept, np.take_along_axis(top5.indices, order, axis=1), NO_CLASS)
    probabilities = np.where(kept, np.take_along_axis(top5.probabilities, order, axis=1), 0)
    return TopFive(indices.astype(np.int16), probabilities.astype(np.float32))


def describe_answers(answers: AnswerSource, split: Split, *, num_options: int) -> PredictionsMeta:
    """What the answers are predictions of, and all that is not known about them."""
    return make_meta(
        describe_system(answers.name, num_options=num_options),
        split,
        _describe_run(),
        class_sets=list_restricted(split),
        limit=None,
        key=hash_json(["answers", hash_file(answers.path), split.record.content_sha256]),
    )


def list_restricted(split: Split) -> dict[str, ClassSet]:
    """The class set among which answers are stored as well, by its stored name; none for all classes."""
    return {} if split.class_set.covers_all else {name_class_set(split.class_set): split.class_set}


def describe_system(name: str, *, num_options: int) -> ModelRecord:
    """The record of a system of which only its answers are known.

    Args:
        name: What it is called.
        num_options: Among how many classes it chose.
    """
    spec = f"{OUTSIDE}{name}"
    notes = ["The answers came from outside as a file: which weights gave them is not known."]
    if num_options < NUM_CLASSES:
        # Another task, so another system: the two must not be subtracted from one another.
        spec += f"/{num_options}-options"
        notes.append(
            f"They are choices among {num_options} options, where chance alone is right in "
            f"{100 / num_options:.0f} % of the cases: no number here compares with one over {NUM_CLASSES} "
            "classes."
        )
    return ModelRecord(
        requested=spec,
        spec=spec,
        # Of the name, in the place of weights that nobody has: equal for all files of one system.
        weights_sha256=hash_json(["answers", spec]),
        revision=None,
        num_parameters=0,
        num_outputs=num_options,
        class_map=None,
        preprocessing=Preprocessing(
            input_size_px=(0, 0),
            interpolation=_UNKNOWN,
            crop_fraction=None,
            crop_mode=None,
            mean=None,
            std=None,
            description=_UNKNOWN,
        ),
        zero_shot=None,
        training_data=None,
        generated_training_data=None,
        assumptions=tuple(notes),
    )


def _describe_run() -> RunRecord:
    return RunRecord(
        device=_UNKNOWN,
        device_name=_UNKNOWN,
        dtype=_UNKNOWN,
        backend=ANSWERS,
        batch_size=0,
        seconds=0.0,
        images_per_second=0.0,
        started_utc=format_now(),
        versions=list_versions(("imagenet-g",)),
    )
