"""Class map files in every form: the classes that were meant, or one clear message."""

from __future__ import annotations

import codecs
import csv
import io
import json

import torch
from doors import RULE, damage, doors, open_place
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.models.class_maps import (
    IGNORED,
    ClassMap,
    MappedOutputs,
    load_class_map,
    validate_class_map,
)

DOOR = "class maps"
WNIDS = tuple(info.wnid for info in load_classes())
LONG = "LONG"
"""Stands for a word of 200,000 characters, which hypothesis would print whole."""
ENTRIES = st.one_of(st.sampled_from(WNIDS), st.sampled_from([IGNORED, "", *WNIDS[:3]]))
STRANGE = st.one_of(
    st.sampled_from(["7", "N01440764", "n0144076", "n00000000", "tench", "--", "n01440764 tench", "[/data]"]),
    st.text(max_size=12),
    st.just(LONG),
)
NAMES = st.sampled_from(["tench, Tinca tinca", "a\u2028b", 'say "hi"', "x\x85y", "", "line\nbreak", "\u00e9"])
LINE_ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def written(draw: st.DrawFn, entries: list[str]) -> tuple[str, str]:
    """Suffix and text of a file that lists the entries as its format allows."""
    suffix = draw(st.sampled_from([".txt", ".json", ".csv", "", ".TXT", ".CSV", ".lst"]))
    end = draw(LINE_ENDS)
    match suffix.lower():
        case ".json":
            nulls = draw(st.booleans())
            listed = [None if nulls and entry in ("", IGNORED) else entry for entry in entries]
            return suffix, json.dumps(listed, indent=draw(st.sampled_from([None, 1])))
        case ".csv":
            return suffix, write_csv(entries, draw(st.lists(NAMES, min_size=1, max_size=4)), end)
        case _:
            pad = draw(st.sampled_from(["", " ", "\t"]))
            comment = draw(st.sampled_from(["", "# a head" + end]))
            return suffix, comment + "".join(f"{entry}{pad}{end}" for entry in entries)


def write_csv(entries: list[str], names: list[str], end: str) -> str:
    """A table with the columns name, output and wnid, as a spreadsheet writes it."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=end)
    writer.writerow(["name", "output", "wnid"])
    writer.writerows([names[k % len(names)], k, entry] for k, entry in enumerate(entries))
    return buffer.getvalue()


@doors(60)
@given(data=st.data(), entries=st.lists(ENTRIES, min_size=1, max_size=30), mark=st.booleans())
def test_a_class_map_that_is_well_written_gives_its_classes(
    data: st.DataObject, entries: list[str], mark: bool
) -> None:
    """And puts each output in the place of its class, against a plain loop."""
    suffix, text = data.draw(written(entries))
    with open_place() as place:
        path = place / f"map{suffix}"
        path.write_bytes((codecs.BOM_UTF8 if mark else b"") + text.encode())
        found = RULE.enter(DOOR, lambda: load_class_map(path), names=[path])
    meant = tuple(entry or IGNORED for entry in entries)
    if found is None:
        assert set(meant) == {IGNORED}, "a map with a class was refused"
        return
    assert found.wnids == meant
    compare_with_loop(found)


def compare_with_loop(class_map: ClassMap) -> None:
    """Check the mapped outputs of two images."""
    logits = torch.randn(2, len(class_map.wnids), generator=torch.Generator().manual_seed(3))
    expected = torch.full((2, len(WNIDS)), -torch.inf)
    for output, wnid in enumerate(class_map.wnids):
        if wnid != IGNORED:
            place = expected[:, load_index_by_wnid()[wnid]]
            place.copy_(torch.maximum(place, logits[:, output]))
    assert torch.equal(MappedOutputs(torch.nn.Identity(), class_map)(logits), expected)


@doors(80)
@given(data=st.data(), entries=st.lists(st.one_of(ENTRIES, STRANGE), max_size=12))
def test_a_damaged_class_map_gives_valid_classes_or_one_message(
    data: st.DataObject, entries: list[str]
) -> None:
    """Strange entries, damaged bytes, any encoding."""
    suffix, text = data.draw(written(entries))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-16", "latin-1"]))
    content = data.draw(damage(text.encode(encoding, errors="replace"))).replace(
        LONG.encode(), b"n" * 200_000
    )
    outputs = data.draw(st.integers(0, 12))
    with open_place() as place:
        path = place / f"map{suffix}"
        path.write_bytes(content)
        found = RULE.enter(DOOR, lambda: load_class_map(path), names=[path])
        if found is None:
            return
        RULE.enter(
            DOOR, lambda: validate_class_map(found, num_outputs=outputs, source=str(path)), names=[path]
        )
    assert set(found.wnids) <= {*WNIDS, IGNORED}
    assert set(found.wnids) != {IGNORED}


JSON_VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.sampled_from(WNIDS)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
HARD_TEXTS = {
    "deep": "[" * 100_000,
    "deep tables": '{"a":' * 50_000,
    "long number": "[" + "9" * 5000 + "]",
    "half a character": '["\\ud800"]',
    "no end": '["n01440764"',
    "nothing": "",
}


@doors(40)
@given(text=st.one_of(JSON_VALUES.map(json.dumps), st.sampled_from(sorted(HARD_TEXTS))))
def test_any_json_gives_a_class_map_or_one_message(text: str) -> None:
    """Numbers of any length and lists of any depth too."""
    with open_place() as place:
        path = place / "map.json"
        path.write_text(HARD_TEXTS.get(text, text), encoding="utf-8")
        RULE.enter(DOOR, lambda: load_class_map(path), names=[path])


@doors(40)
@given(
    header=st.lists(st.sampled_from(["wnid", "output", "name", " wnid", "", "WNID"]), max_size=4),
    rows=st.lists(
        st.lists(st.one_of(ENTRIES, st.sampled_from(["0", "1", "2", LONG])), max_size=5), max_size=5
    ),
    mark=st.sampled_from([",", ";", "\t"]),
)
def test_any_csv_gives_a_class_map_or_one_message(
    header: list[str], rows: list[list[str]], mark: str
) -> None:
    """Short rows, long rows, missing and doubled columns."""
    with open_place() as place:
        path = place / "map.csv"
        text = "\n".join(mark.join(row) for row in [header, *rows])
        path.write_text(text.replace(LONG, "n" * 200_000), encoding="utf-8")
        found = RULE.enter(DOOR, lambda: load_class_map(path), names=[path])
    assert found is None or header.count("wnid") == 1, "which of two columns counts must not be guessed"
