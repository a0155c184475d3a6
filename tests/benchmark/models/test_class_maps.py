"""Heads that are not the usual 1000 are put in their ImageNet places."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.models.class_maps import (
    ClassMap,
    MappedOutputs,
    load_class_map,
    make_class_map,
    validate_class_map,
)

WNIDS = tuple(info.wnid for info in load_classes())
ENTRIES = (WNIDS[5], "-", WNIDS[0], "-")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.txt", f"# my head\n{WNIDS[5]}\n-\n{WNIDS[0]}\n\n"),
        ("map.json", json.dumps([WNIDS[5], None, WNIDS[0], "-"])),
        ("map.csv", f"output,wnid,name\n0,{WNIDS[5]},x\n1,,y\n2,{WNIDS[0]},z\n3,-,w\n"),
        ("map.csv", f"\ufeffwnid\n{WNIDS[5]}\n-\n{WNIDS[0]}\n-\n"),
    ],
)
def test_text_json_and_csv_say_the_same(name: str, text: str, tmp_path: Path) -> None:
    """Blank, null and '-' all leave an output out."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert load_class_map(tmp_path / name).wnids == ENTRIES


@given(
    st.lists(st.sampled_from(("-", *WNIDS[:8])), min_size=1, max_size=12).filter(lambda e: set(e) != {"-"})
)
def test_mapped_logits_are_the_largest_of_a_classs_outputs(entries: list[str]) -> None:
    """Against a plain loop; classes without an output are -inf."""
    logits = torch.randn(3, len(entries), generator=torch.Generator().manual_seed(1))
    mapped = MappedOutputs(torch.nn.Identity(), make_class_map(entries, source="t"))(logits)
    for row in range(3):
        for index, wnid in enumerate(WNIDS):
            mine = [float(logits[row, k]) for k, entry in enumerate(entries) if entry == wnid]
            assert float(mapped[row, index]) == (max(mine) if mine else -float("inf"))


def test_the_full_list_is_the_identity() -> None:
    """1000 outputs in sorted order need no map, and one changes nothing."""
    logits = torch.randn(2, 1000)
    assert torch.equal(MappedOutputs(torch.nn.Identity(), ClassMap(WNIDS))(logits), logits)


def test_half_precision_outputs_are_mapped(tmp_path: Path) -> None:
    """The wrapper follows the model's dtype."""
    mapped = MappedOutputs(torch.nn.Identity(), ClassMap(ENTRIES))(torch.ones(1, 4, dtype=torch.bfloat16))
    assert mapped.dtype == torch.bfloat16


def test_an_unknown_wnid_is_named_with_its_output() -> None:
    """And the nearest known one is offered."""
    with pytest.raises(UnknownNameError, match="Output 1 of class map 'f'") as caught:
        make_class_map([WNIDS[0], WNIDS[1] + "0"], source="f")
    assert WNIDS[1] in caught.value.suggestions


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("m.json", "{", "not valid JSON"),
        ("m.json", '{"a": 1}', "JSON list"),
        ("m.json", "[1]", "JSON list"),
        ("m.csv", "class\nx\n", "'wnid'"),
        ("m.csv", f"output,wnid\n1,{WNIDS[0]}\n", "count 0, 1, 2"),
        ("m.json", "[" * 100_000, "not valid JSON"),
        ("m.json", "[" + "9" * 5000 + "]", "not valid JSON"),
        ("m.csv", "wnid\n" + "n" * 200_000, "not valid CSV"),
        ("m.csv", f"wnid,wnid\n{WNIDS[0]},{WNIDS[1]}\n", "one called 'wnid'"),
        ("m.txt", "-\n-\n", "names no class"),
        ("m.txt", "", "names no class"),
    ],
)
def test_malformed_maps_are_refused(name: str, text: str, message: str, tmp_path: Path) -> None:
    """Each with its reason."""
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        load_class_map(tmp_path / name)


def test_a_line_mark_inside_a_name_does_not_shift_the_outputs(tmp_path: Path) -> None:
    """U+2028 ends no row of a table."""
    (tmp_path / "m.csv").write_text(f"name,wnid\na\u2028b,{WNIDS[5]}\nc,{WNIDS[0]}\n", encoding="utf-8")
    assert load_class_map(tmp_path / "m.csv").wnids == (WNIDS[5], WNIDS[0])


def test_a_whole_file_in_one_word_is_refused_at_once() -> None:
    """The search for similar names would take minutes, and the message would be as long as the file."""
    with pytest.raises(UnknownNameError, match=r"nnn\.\.\. \(200000 characters\)") as caught:
        make_class_map(["n" * 200_000], source="f")
    assert len(str(caught.value)) < 500


def test_a_missing_map_is_said_to_be(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(InputError, match="cannot be read"):
        load_class_map(tmp_path / "none.txt")


def test_a_map_of_the_wrong_length_is_refused() -> None:
    """Both lengths are said."""
    with pytest.raises(InputError, match="has 4 entries, and the model has 10 outputs"):
        validate_class_map(ClassMap(ENTRIES), num_outputs=10, source="f")


def test_the_description_tells_maps_apart() -> None:
    """It goes into results and cache keys."""
    assert ClassMap(ENTRIES).description.startswith("4 outputs to 2 classes, sha256 ")
    assert ClassMap(ENTRIES).description != ClassMap(ENTRIES[::-1]).description
