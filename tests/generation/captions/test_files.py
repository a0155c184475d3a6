"""Frozen caption files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagenet_g.benchmark.errors import DataError, InputError, StorageError
from imagenet_g.generation.captions.files import CaptionSet, load_captions, make_caption_set, write_captions
from imagenet_g.generation.captions.records import CaptionRecord

TENCH, GOLDFISH = "n01440764", "n01443537"


def make_rows(captions: dict[str, list[str]]) -> list[CaptionRecord]:
    """Rows ranked as listed."""
    return [
        CaptionRecord(wnid=wnid, rank=rank, caption=text, reward=-0.1 * rank)
        for wnid, texts in captions.items()
        for rank, text in enumerate(texts)
    ]


def make_set(**changes: object) -> CaptionSet:
    """Three captions of two classes."""
    rows = make_rows({GOLDFISH: ["A goldfish on the moon."], TENCH: ["A tench in a taxi.", "A tench sings."]})
    return make_caption_set("toy", rows, card=None, license="CC0-1.0", **changes)  # type: ignore[arg-type]


def test_a_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Header and rows, in class order, best first."""
    write_captions(tmp_path / "toy-v1.jsonl", make_set())
    loaded = load_captions(tmp_path / "toy-v1.jsonl")
    assert loaded == make_set()
    assert loaded.wnids == (TENCH, GOLDFISH)
    assert loaded.captions_of(TENCH) == ("A tench in a taxi.", "A tench sings.")


@given(st.lists(st.text(min_size=1).filter(lambda t: t == t.strip()), min_size=1, unique=True))
def test_any_line_of_text_survives(texts: list[str]) -> None:
    """Whatever characters it has, unless it has a line break."""
    import tempfile

    texts = [text for text in texts if text and not set(text) & set("\n\r") and text.isprintable()]
    if not texts:
        return
    captions = make_caption_set("toy", make_rows({TENCH: texts}), card=None, license="unknown")
    with tempfile.TemporaryDirectory() as folder:
        write_captions(Path(folder) / "a.jsonl", captions)
        assert load_captions(Path(folder) / "a.jsonl").captions_of(TENCH) == tuple(texts)


def test_a_frozen_file_is_never_changed(tmp_path: Path) -> None:
    """The same again is fine; other captions need another file."""
    path = tmp_path / "toy.jsonl"
    write_captions(path, make_set())
    before = path.read_bytes()
    write_captions(path, make_set())
    with pytest.raises(InputError, match="is frozen and holds other captions"):
        write_captions(path, make_set(version=2))
    assert path.read_bytes() == before


def test_a_class_without_captions_is_named() -> None:
    """With what the file covers."""
    with pytest.raises(DataError, match=r"no caption for class n01484850 \(great white shark\)"):
        make_set().captions_of("n01484850")


@pytest.mark.parametrize(
    ("old", "new"),
    [("taxi", "cab"), ('"rank":1', '"rank":2'), ('{"wnid":"n01443537"', '{"wnid":"n01484850"')]
)  # fmt: skip
def test_a_changed_file_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """Text, rank or class."""
    path = tmp_path / "toy.jsonl"
    write_captions(path, make_set())
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DataError, match="changed or cut off"):
        load_captions(path)


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    """By whole lines or in the middle of one."""
    path = tmp_path / "toy.jsonl"
    write_captions(path, make_set())
    text = path.read_text()
    path.write_text("\n".join(text.split("\n")[:-2]))
    with pytest.raises(DataError, match="changed or cut off"):
        load_captions(path)
    path.write_text(text[:-10])
    with pytest.raises(DataError, match="is not a caption file"):
        load_captions(path)


@pytest.mark.parametrize(
    ("captions", "words"),
    [({}, "there is no caption"), ({"n99999999": ["A cat."]}, "no ImageNet class"),
     ({TENCH: ["A tench.", "A tench."]}, "twice")],
)  # fmt: skip
def test_what_contradicts_itself_is_not_frozen(captions: dict[str, list[str]], words: str) -> None:
    """Before a file is written."""
    with pytest.raises(InputError, match=words):
        make_caption_set("toy", make_rows(captions), card=None, license="CC0-1.0")


def test_a_gap_in_the_ranks_is_refused() -> None:
    """Ranks run from 0."""
    rows = [CaptionRecord(wnid=TENCH, rank=1, caption="A tench.", reward=None)]
    with pytest.raises(InputError, match="rank 1 where 0 is due"):
        make_caption_set("toy", rows, card=None, license="CC0-1.0")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Without a traceback's words."""
    with pytest.raises(DataError, match="There is no caption file"):
        load_captions(tmp_path / "none.jsonl")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Where the captions should go."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder is needed"):
        write_captions(tmp_path / "taken" / "toy.jsonl", make_set())
