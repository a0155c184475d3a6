"""Prompts: the shipped ones, and those of the user's own."""

from pathlib import Path

import open_clip
import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.texts.own_texts import MAX_BYTES, TEMPLATE_SETS
from imagenet_g.benchmark.texts.prompts import load_class_names, load_prompts, load_templates


def test_the_80_templates_fill_in_as_open_clips_own() -> None:
    """Strings here, functions there."""
    templates = load_templates("openai-80")
    assert len(set(templates)) == 80
    for template, own in zip(templates, open_clip.OPENAI_IMAGENET_TEMPLATES, strict=True):
        assert template.format("tench") == own("tench")


def test_single_is_the_papers_one_prompt() -> None:
    """Radford et al. 2021, section 3.1.4."""
    assert load_templates("single") == ("a photo of a {}.",)


def test_an_unknown_template_set_gets_did_you_mean() -> None:
    """With the two there are."""
    with pytest.raises(UnknownNameError, match="openai-80"):
        load_templates("openai80")


def test_class_names_are_those_the_class_table_shows() -> None:
    """One wording in prompts and on pages, in index order."""
    assert load_class_names() == tuple(info.name for info in load_classes())


def test_no_class_name_or_template_breaks_formatting() -> None:
    """Exactly one slot a template, no braces in a name."""
    assert all(template.count("{}") == 1 for name in TEMPLATE_SETS for template in load_templates(name))
    assert not any("{" in name or "}" in name for name in load_class_names())


def test_the_record_tells_template_sets_apart() -> None:
    """The hashes are of the texts."""
    first, second = (load_prompts(name).describe() for name in TEMPLATE_SETS)
    assert (first.num_templates, second.num_templates) == (80, 1)
    assert first.templates_sha256 != second.templates_sha256
    assert first.class_names_sha256 == second.class_names_sha256


def write_lines(path: Path, *lines: str) -> Path:
    """A text file."""
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_templates_of_ones_own_are_named_by_their_content(tmp_path: Path) -> None:
    """The same lines under another name, with a mark and line ends of Windows, are the same set."""
    first = write_lines(tmp_path / "a.txt", "a {} in ink", "{}")
    (tmp_path / "b.txt").write_bytes("\ufeffa {} in ink\r\n{}".encode())
    found = [load_prompts(str(path)) for path in (first, tmp_path / "b.txt")]
    assert found[0].templates == ("a {} in ink", "{}")
    assert found[0] == found[1]
    assert found[0].name.startswith("own-")


def test_a_file_with_the_shipped_texts_is_the_shipped_set(tmp_path: Path) -> None:
    """Its answers are kept already."""
    templates = write_lines(tmp_path / "t.txt", *load_templates("openai-80"))
    names = write_lines(tmp_path / "n.txt", *load_class_names())
    assert load_prompts(str(templates), names) == load_prompts("openai-80")


def test_other_class_names_are_recorded_by_their_content(tmp_path: Path) -> None:
    """Two classes may have one name."""
    names = write_lines(tmp_path / "n.txt", *["thing"] * 2, *load_class_names()[2:])
    record = load_prompts("single", names).describe()
    assert record.class_names is not None
    assert record.class_names.startswith("own-")
    assert record.class_names_sha256 != load_prompts("single").describe().class_names_sha256


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Line 1 .* has '{}' 0 times"),
        (b"a {}\n\nb {}\n", "Line 2 .* has '{}' 0 times"),
        (b"a {} {}\n", "2 times"),
        (b"a {c}\n", "0 times"),
        (b"{{}}\n", "a brace beside"),
        (b"{} {0}\n", "a brace beside"),
        (b"a {}\x1b[2J\n", r"control character U\+001B"),
        (b"a {}\x0ca\n", r"control character U\+000C"),
        ("a {}\u2028b\n".encode(), r"control character U\+2028"),
        (b"a {}\n" * 1001, "1001 lines; at most 1000"),
        (b"\xff{}\n", "not UTF-8"),
        (b"{}" + b"a" * MAX_BYTES, "larger than 1 MiB"),
    ],
)
def test_a_file_that_holds_no_templates_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    """With the line."""
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_templates(str(path))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["cat"] * 999, "has 999 lines; 1000 are needed"),
        (["cat"] * 1001, "has 1001 lines"),
        (["cat"] * 999 + [" "], "Line 1000 .* is empty"),
        (["a\tb"] + ["cat"] * 999, r"control character U\+0009"),
    ],
)
def test_a_file_that_holds_no_class_names_is_refused(lines: list[str], message: str, tmp_path: Path) -> None:
    """A thousand, in index order."""
    with pytest.raises(InputError, match=message):
        load_prompts("single", write_lines(tmp_path / "n.txt", *lines))


def test_what_is_no_file_is_said_to_be(tmp_path: Path) -> None:
    """A folder, a path that does not exist, and a name too long for any."""
    with pytest.raises(InputError, match="is no file"):
        load_templates(str(tmp_path))
    with pytest.raises(InputError, match="There is no"):
        load_prompts("single", tmp_path / "absent.txt")
    with pytest.raises(UnknownNameError, match=r"one template with \{\} a line"):
        load_templates("x" * 5000)
