"""The files of an audit: samples, ratings and exports of Label Studio, as they are or with one message."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path

from audit_cases import rate, write_audit
from door_documents import CHANGES, HARD_TEXTS, apply_changes
from doors import RULE, damage, doors, open_place
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.audits.files import (
    LoadedSample,
    load_ratings,
    load_sample,
    make_ratings_path,
    write_sample,
)
from imagenet_g.benchmark.audits.label_studio import make_tasks, read_export
from imagenet_g.benchmark.audits.records import Answer

FOLDER = tempfile.TemporaryDirectory(prefix="door-")
ANSWERS: list[Answer] = ["yes", "no", "cannot say", "yes", "no"]


@cache
def make_good() -> tuple[LoadedSample, bytes, object]:
    """A sample, a rating file of it, and an export of the same ratings."""
    folder = Path(FOLDER.name)
    sample = write_audit(folder)
    rater = rate(sample, ANSWERS, rater="label-studio-1", folder=folder)
    tasks = make_tasks(sample, dict.fromkeys(sample.items, "a.png"), [rater])
    return sample, make_ratings_path(folder, "label-studio-1").read_bytes(), json.loads(json.dumps(tasks))


def draw_bytes(data: st.DataObject, good: object) -> bytes:
    """A document with other values in it, damaged or not, or a text that is hard to read."""
    if data.draw(st.integers(0, 6)) == 0:
        return HARD_TEXTS[data.draw(st.sampled_from(sorted(HARD_TEXTS)))].encode()
    text = json.dumps(apply_changes(good, data.draw(CHANGES))).encode(errors="surrogatepass")
    return data.draw(damage(text)) if data.draw(st.booleans()) else text


@doors(60)
@given(data=st.data())
def test_a_sample_is_read_or_refused(data: st.DataObject) -> None:
    """With as many items as stand in the file."""
    with open_place() as place:
        path = write_sample(place, make_good()[0].sample)
        path.write_bytes(draw_bytes(data, json.loads(path.read_bytes())))
        found = RULE.enter("audit samples", lambda: load_sample(place), names=[path])
        if found is not None:
            assert len(found.items) == len(json.loads(path.read_bytes())["items"])


@doors(80)
@given(data=st.data())
def test_ratings_are_read_or_refused(data: st.DataObject) -> None:
    """Each answer is the last that stands in a whole line of the file."""
    sample, good, _ = make_good()
    with open_place() as place:
        path = make_ratings_path(place, "label-studio-1")
        path.parent.mkdir()
        path.write_bytes(data.draw(damage(good)))
        found = RULE.enter("ratings", lambda: load_ratings(path, sample), names=[path])
        if found is not None:
            whole = path.read_bytes().rpartition(b"\n")[0].splitlines()[1:]
            last = {row["item"]: row["answer"] for row in map(json.loads, whole)}
            assert {item: rating.answer for item, rating in found.answers.items()} == last


@doors(80)
@given(data=st.data())
def test_an_export_is_read_or_refused(data: st.DataObject) -> None:
    """Each answer that is read stands in the file."""
    sample, _, good = make_good()
    text = draw_bytes(data, good)
    found = RULE.enter("exports", lambda: read_export(text, sample, name="tasks.json"), names=["tasks.json"])
    for _, ratings in (found or {}).values():
        for rating in ratings:
            assert rating.item in sample.items
            assert f'"{rating.answer}"'.encode() in text
