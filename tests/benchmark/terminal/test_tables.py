"""Tables, notes and progress show strings as they are given."""

from __future__ import annotations

import pytest
from rich.text import Text

from imagenet_g.benchmark.terminal.progress import ProgressListener, SpeedColumn
from imagenet_g.benchmark.terminal.tables import NameTable, make_notes, make_text, print_shown, stack

HOSTILE = ("[red]x[/]", ":fire:", "a[/b]", "m[ema]", "[link=x]y", "\\[b]", "$x$", "{0}", "%s", "`t`|", "@[")
"""Shown as they are typed."""
CONTROLS = {"a\x1b[31mb": r"a\x1b[31mb", "a\nb": r"a\nb", "a\u202eb": r"a\u202eb", "a\u200bb": r"a\u200bb"}
"""Shown as their escapes."""
SHOWN = {**{name: name for name in HOSTILE}, **CONTROLS}


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("place", ["cell", "heading", "title", "note", "text"])
def test_a_name_is_shown_as_it_is(place: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever a table or what stands around it can hold one."""
    table = NameTable([name if place == "heading" else "h"], title=name if place == "title" else "")
    table.add_row(name if place == "cell" else "c")
    notes = make_notes([name] if place == "note" else [])
    print_shown(stack(table, *notes, make_text(name if place == "text" else "t")))
    printed = capsys.readouterr().out
    assert SHOWN[name] in printed
    assert printed.replace("\n", "").isprintable()


def test_two_names_that_differ_in_brackets_are_two_rows(capsys: pytest.CaptureFixture[str]) -> None:
    """As markup both would be `m`."""
    table = NameTable(["model"], framed=False)
    for name in ("m[ema]", "m[raw]"):
        table.add_row(name)
    print_shown(table)
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["model", "m[ema]", "m[raw]"]


def test_a_text_of_our_own_keeps_its_style() -> None:
    """Styles are objects, never markup."""
    table = NameTable(["h"])
    table.add_row(Text("c", style="bold"))
    assert [cell.style for cell in table.columns[0].cells if isinstance(cell, Text)] == ["bold"]


@pytest.mark.parametrize("name", SHOWN)
def test_progress_shows_names_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The description of a bar and the lines above it."""
    with ProgressListener() as listener:
        listener.say(f"note on {name}")
        listener.start_split(name, "s")
        listener.advance(1, 2)
    printed = capsys.readouterr().err
    assert f"note on {SHOWN[name]}".replace(r"\n", "\n  ") in printed
    assert f"{SHOWN[name]} on s" in printed


def test_the_speed_of_prompts_is_not_one_of_images(capsys: pytest.CaptureFixture[str]) -> None:
    """A bar says what it counts."""
    with ProgressListener() as listener:
        listener.start_prompts("open_clip:a/b")
        listener.advance(0, 2)
        listener.advance(2, 2)
    printed = capsys.readouterr().err
    assert "open_clip:a/b: its prompts" in printed
    assert "images/s" not in printed


def test_the_speed_of_classes_is_not_one_of_images() -> None:
    """Distances and diversity of a critique go class by class."""
    listener = ProgressListener()
    listener.start_split("distances", "s", "classes")
    listener.advance(0, 2)
    (task,) = listener._progress.tasks
    task.finished_speed = 3.0
    assert SpeedColumn().render(task).plain == "3 classes/s"
