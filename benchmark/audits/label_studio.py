"""Audits in Label Studio: tasks out, annotations in, in its documented JSON format.

A task's `data` holds the image, the question and the item's id; it shows neither the role of an image nor its
label. People's answers are `annotations`. Simulated ones are `predictions`, which Label Studio shows as a
model's: they are read again only where that is asked for, and stay simulated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imagenet_g.benchmark.audits.files import LoadedSample, RaterAnswers
from imagenet_g.benchmark.audits.records import ANSWERS, SIMULATED, Answer, Quality, Rating, RatingsHeader
from imagenet_g.benchmark.classes import ClassInfo, load_classes, load_index_by_wnid
from imagenet_g.benchmark.errors import InputError, UntrustedFileError, format_problems

ANSWER, QUALITY, IMAGE = "answer", "quality", "image"
PREFIX = "label-studio-"
MAX_EXPORT_BYTES = 512 << 20
CONFIG = """<View>
  <Header value="$question"/>
  <Text name="definition" value="$definition"/>
  <Image name="image" value="$image"/>
  <Choices name="answer" toName="image" choice="single-radio" required="true">
    <Choice value="yes" hotkey="y"/>
    <Choice value="no" hotkey="n"/>
    <Choice value="cannot say" hotkey="c"/>
  </Choices>
  <Header value="How good is the picture? 1 is worst, 5 is best."/>
  <Rating name="quality" toName="image" maxRating="5"/>
</View>
"""
"""The labelling interface, to be pasted into the project's settings."""
Json = dict[str, object]


class _Loose(BaseModel):
    """A part of an export; what else stands in it is Label Studio's own."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class StudioValue(_Loose):
    """The value of one control."""

    choices: tuple[str, ...] = ()
    rating: int | None = None


class StudioResult(_Loose):
    """The answer in one control."""

    from_name: str = ""
    value: StudioValue = Field(default_factory=StudioValue)


class StudioUser(_Loose):
    """Who annotated; name and address, where an export has them, are not read."""

    id: int


class StudioAnnotation(_Loose):
    """All answers of one person, or one model, to one task."""

    result: tuple[StudioResult, ...] = ()
    completed_by: int | StudioUser | None = None
    model_version: str | None = None
    was_cancelled: bool = False
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None

    @property
    def time(self) -> AwareDatetime | None:
        """When it was changed last."""
        return self.updated_at or self.created_at

    @property
    def user(self) -> int | None:
        """Number of the person."""
        return self.completed_by.id if isinstance(self.completed_by, StudioUser) else self.completed_by


class StudioData(_Loose):
    """What `make_tasks` wrote of an item."""

    item: str
    sample_sha256: str


class StudioTask(_Loose):
    """One image of an export."""

    data: StudioData
    annotations: tuple[StudioAnnotation, ...] = ()
    predictions: tuple[StudioAnnotation, ...] = ()


def make_tasks(
    sample: LoadedSample, images: Mapping[str, str], raters: Sequence[RaterAnswers] = ()
) -> list[Json]:
    """One task an item, in the sample's order.

    Args:
        sample: What was drawn.
        images: Address of each item's picture for Label Studio, by the item's id.
        raters: Answers to send along.
    """
    classes = load_classes()
    users = _number_users(raters)
    tasks: list[Json] = []
    for item in sample.sample.items:
        info = classes[load_index_by_wnid()[item.wnid]]
        data: Json = {
            "image": images[item.item],
            "item": item.item,
            "sample_sha256": sample.sha256,
            "question": ask(info),
            "definition": info.definition,
        }
        given = [(rater, rater.answers[item.item]) for rater in raters if item.item in rater.answers]
        people = [
            {**_format_rating(rating), "completed_by": users[rater.header.rater], "was_cancelled": False}
            for rater, rating in given
            if not rater.header.simulated
        ]
        models = [
            {**_format_rating(rating), "model_version": rater.header.rater}
            for rater, rating in given
            if rater.header.simulated
        ]
        tasks.append({"data": data, "annotations": people, "predictions": models})
    return tasks


def ask(info: ClassInfo) -> str:
    """The question about one class.

    Example:
        >>> ask(load_classes()[0])
        'Does the image show this: tench?'
    """
    return f"Does the image show this: {info.name}?"


def read_export(
    data: bytes, sample: LoadedSample, *, name: object = "the export", predictions: bool = False
) -> dict[str, tuple[RatingsHeader, list[Rating]]]:
    """Ratings by rater code from an export of Label Studio ("JSON", not "JSON-MIN").

    A person's code is `label-studio-` and their number there; of two annotations of one person on one image
    the later counts. Cancelled annotations and those without an answer are left out.

    Args:
        data: Bytes of the file.
        sample: What was drawn.
        name: What a message calls the file.
        predictions: Read the predictions of simulated raters and not the annotations of people.

    Raises:
        UntrustedFileError: It is no such export, or has an answer that is not offered.
        InputError: It is of another sample.
    """
    try:
        tasks = TypeAdapter(list[StudioTask]).validate_json(data)
    except ValidationError as error:
        raise UntrustedFileError(
            f"'{name}' is no export of Label Studio's format 'JSON':\n{format_problems(error)}"
        ) from error
    found: dict[str, tuple[RatingsHeader, list[Rating]]] = {}
    try:
        for task in tasks:
            _validate_task(task, sample)
            for code, rating in _list_ratings(task, predictions=predictions):
                if code not in found:
                    found[code] = (_make_header(code, sample), [])
                found[code][1].append(rating)
    except InputError as error:
        raise type(error)(f"'{name}' {error}") from error
    return found


def _number_users(raters: Sequence[RaterAnswers]) -> dict[str, int]:
    """A number for each rater: that which they had in Label Studio, else a free one."""
    codes = [rater.header.rater for rater in raters]
    known = {code: int(found[1]) for code in codes if (found := re.fullmatch(rf"{PREFIX}(\d{{1,9}})", code))}
    start = max(known.values(), default=0) + 1
    others = (code for code in codes if code not in known)
    return known | {code: number for number, code in enumerate(others, start=start)}


def _format_rating(rating: Rating) -> Json:
    result = [_format_result(rating, ANSWER, "choices", {"choices": [rating.answer]})]
    if rating.quality is not None:
        result.append(_format_result(rating, QUALITY, "rating", {"rating": rating.quality}))
    times = {} if rating.time is None else {"updated_at": rating.time.isoformat()}
    return {"result": result, **times}


def _format_result(rating: Rating, name: str, kind: str, value: Json) -> Json:
    return {
        "id": f"{rating.item}-{name}",
        "from_name": name,
        "to_name": IMAGE,
        "type": kind,
        "value": value,
    }


def _validate_task(task: StudioTask, sample: LoadedSample) -> None:
    if task.data.sample_sha256 != sample.sha256:
        raise InputError(
            f"is of another sample (hash {task.data.sample_sha256[:8]!r}..., and "
            f"{sample.sha256[:8]!r}... here); import it into the folder of its own sample."
        )
    if task.data.item not in sample.items:
        raise UntrustedFileError(f"has a task for item {task.data.item[:40]!r}, which was not drawn.")


def _list_ratings(task: StudioTask, *, predictions: bool) -> Iterator[tuple[str, Rating]]:
    given = task.predictions if predictions else task.annotations
    # A later annotation replaces an earlier one of the same person, whichever stands first.
    for one in sorted(given, key=lambda each: 0.0 if each.time is None else each.time.timestamp()):
        # The number alone: names and addresses of people must not get into file names and reports.
        code = one.model_version if predictions else f"{PREFIX}{one.user}"
        if one.was_cancelled or code is None or (not predictions and one.user is None):
            continue
        # Predictions of a real model, loaded to help the raters, are no simulated panel.
        if predictions and not code.startswith(f"{SIMULATED}-"):
            continue
        answer = _find_answer(one)
        if answer is not None:
            yield code, Rating(item=task.data.item, answer=answer, quality=_find_quality(one), time=one.time)


def _find_answer(annotation: StudioAnnotation) -> Answer | None:
    chosen = [result.value.choices for result in annotation.result if result.from_name == ANSWER]
    if not chosen or not chosen[-1]:
        return None
    for answer in ANSWERS:
        if chosen[-1] == (answer,):
            return answer
    raise UntrustedFileError(
        f"has the answer {str(chosen[-1])[:60]!r}; known: {', '.join(ANSWERS)}, one a task."
    )


def _find_quality(annotation: StudioAnnotation) -> Quality | None:
    rated = [result.value.rating for result in annotation.result if result.from_name == QUALITY]
    if not rated or rated[-1] in (None, 0):
        return None
    if rated[-1] not in range(1, 6):
        raise UntrustedFileError(f"has the quality {rated[-1]}; 1 to 5 can be given.")
    return rated[-1]


def _make_header(code: str, sample: LoadedSample) -> RatingsHeader:
    try:
        return RatingsHeader(
            sample_sha256=sample.sha256, rater=code, simulated=code.startswith(f"{SIMULATED}-")
        )
    except ValidationError as error:
        raise UntrustedFileError(
            f"has the rater {code[:60]!r}, which is no rater code:\n{format_problems(error)}"
        ) from error
