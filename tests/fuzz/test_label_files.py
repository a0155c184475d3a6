"""Label files: every image its own class, or one clear message that names the file."""

from __future__ import annotations

import csv
import io
import json

from doors import RULE, doors, open_place
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.generation.adopting.label_files import read_labels

DOOR = "label files"
NAMES = ("a/0.png", "a/1.png", "b c.png", "d.png")
ENDINGS = ("csv", "tsv", "jsonl", "json", "txt")
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), min_size=1, max_size=12).filter(
    lambda text: text.strip() == text and not text.isspace()
)


def write_lines(rows: list[tuple[str, str]], ending: str) -> str:
    """The text of a label file with these images and classes."""
    if ending in ("csv", "tsv"):
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter="," if ending == "csv" else "\t")
        writer.writerows([("file_name", "label"), *rows])
        return stream.getvalue()
    tables = [{"file_name": name, "label": token} for name, token in rows]
    if ending == "json":
        return json.dumps(tables)
    if ending == "jsonl":
        return "\n".join(map(json.dumps, tables))
    return "\n".join(f"{name} {token}" for name, token in rows)


@doors(60)
@given(
    tokens=st.tuples(*[TOKENS] * len(NAMES)),
    order=st.permutations(range(len(NAMES))),
    change=st.sampled_from(["none", "twice", "one more", "one less"]),
    ending=st.sampled_from(ENDINGS),
)
def test_a_label_file_gives_each_image_its_class_or_is_refused(
    tokens: tuple[str, ...], order: list[int], change: str, ending: str
) -> None:
    """In any order of lines; a line too many or too few is never passed over."""
    rows = [(NAMES[row], tokens[row]) for row in order]
    rows += {"twice": [rows[0]], "one more": [("e.png", tokens[0])]}.get(change, [])
    rows = rows[1:] if change == "one less" else rows
    with open_place() as place:
        path = place / f"labels.{ending}"
        path.write_text(write_lines(rows, ending), encoding="utf-8", newline="")
        found = RULE.enter(DOOR, lambda: read_labels(path, NAMES), names=[path])
    assert found == (tokens if change == "none" else None)


@doors(60)
@given(
    content=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
    ending=st.sampled_from(ENDINGS),
)
def test_any_bytes_are_a_label_file_or_give_one_message(content: bytes, ending: str) -> None:
    """Nothing but text that names every image once can be one."""
    with open_place() as place:
        path = place / f"labels.{ending}"
        path.write_bytes(content)
        found = RULE.enter(DOOR, lambda: read_labels(path, NAMES), names=[path])
    assert found is None or len(found) == len(NAMES)
