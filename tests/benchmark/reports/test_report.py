"""The page that ends a run: one table that fits the terminal, one sentence a split, each note once."""

from __future__ import annotations

import io

import pytest
from result_cases import make_result
from rich.console import Console

from imagenet_g.benchmark.reports.notes import list_notes
from imagenet_g.benchmark.reports.report import choose_score, make_report
from imagenet_g.benchmark.results import Entry, Result

NOTICE = "mini-v2 is for tests."


def make_page(refs: tuple[str, ...] = ("mini-v2/sd-l", "mini-v2/sd-i", "mini-v2/sd-li")) -> Result:
    """A result on splits that carry the notice of their version, behind their clean set."""
    result = make_result(split=refs[0], top1=0.5, clean=0.7, reference_set="mini/real")
    first = result.entries[0]
    gap = first.gaps[0].model_copy(update={"low": -0.25, "high": -0.15})
    entries = []
    for ref in refs:
        split = first.split.model_copy(update={"ref": ref, "version": "mini-v2", "notice": NOTICE})
        entries.append(first.model_copy(update={"split": split, "gaps": (gap,), "warnings": (NOTICE,)}))
    clean = first.split.model_copy(update={"ref": "mini/real", "version": "mini"})
    whole = first.scores[0].model_copy(update={"outputs": "all", "num_outputs": 1000})
    reference = first.model_copy(
        update={"split": clean, "gaps": (), "scores": (whole, first.scores[0]), "n": 10_000}
    )
    return result.model_copy(update={"entries": (reference, *entries)})


def print_page(result: Result, width: int) -> str:
    """The page in a terminal of that width."""
    console = Console(file=io.StringIO(), width=width, markup=False, emoji=False, highlight=False)
    console.print(make_report([result]))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_page_fits_the_terminal_and_cuts_no_number(width: int) -> None:
    """Narrow ones get the intervals below the values."""
    page = print_page(make_page(), width)
    assert max(len(line.rstrip()) for line in page.splitlines()) <= width
    for number in ("−20.00", "−25.0 to −15.0", "mini-v2/sd-li", "70.00", "mini/real"):
        assert number in page


def test_a_wide_terminal_has_each_split_in_one_line() -> None:
    """Value and interval beside each other."""
    assert "−20.00 (−25.0 to −15.0)" in print_page(make_page(), 200)
    assert "−20.00 (−25.0 to −15.0)" not in print_page(make_page(), 100)


def test_each_split_has_its_sentence() -> None:
    """And the clean set is called so."""
    page = print_page(make_page(), 200)
    assert page.count("falls 20.0 points on mini-v2/sd-") == 3
    assert "of mini/real right, the clean set." in page


def test_a_notice_stands_once_a_version() -> None:
    """Its text names the version already."""
    assert [note for note in list_notes([make_page()]) if "tests" in note] == [NOTICE]


def test_a_notice_without_the_versions_name_gets_it() -> None:
    """Or nobody could tell whose it is."""
    entries = [add_notice(entry, "For tests.") for entry in make_page().entries[1:]]
    result = make_page().model_copy(update={"entries": tuple(entries)})
    assert "mini-v2: For tests." in list_notes([result])


def test_a_superseded_split_has_a_note_of_its_own() -> None:
    """Apart from the notice of its version."""
    page = make_page()
    old = add_notice(page.entries[1], f"{NOTICE} mini-v2/sd-l is superseded by v2/sd-l.")
    notes = list_notes([page.model_copy(update={"entries": (old, *page.entries[2:])})])
    assert notes[:2] == [NOTICE, "mini-v2/sd-l: mini-v2/sd-l is superseded by v2/sd-l."]


def test_a_warning_of_several_splits_names_them_all_once() -> None:
    """In the order of the table."""
    page = make_page()
    entries = [entry.model_copy(update={"warnings": (*entry.warnings, "Partial.")}) for entry in page.entries]
    notes = list_notes([page.model_copy(update={"entries": tuple(entries)})])
    assert "mini/real, mini-v2/sd-l, mini-v2/sd-i, mini-v2/sd-li: Partial." in notes


def test_the_clean_set_is_shown_over_the_outputs_it_is_compared_on() -> None:
    """Not over all 1000 beside gaps over 200: what stands next to each other may be subtracted."""
    entries = make_page().entries
    assert choose_score(entries[0], entries).outputs == "split-classes"
    # Alone it is shown as the board shows it: a release is about its own classes.
    assert choose_score(entries[0], entries[:1]).outputs == "split-classes"
    folder = entries[0].split.model_copy(update={"version": None})
    alone = entries[0].model_copy(update={"split": folder})
    assert choose_score(alone, [alone]).outputs == "all"


def add_notice(entry: Entry, notice: str) -> Entry:
    """The entry of a split with this notice."""
    split = entry.split.model_copy(update={"notice": notice})
    return entry.model_copy(update={"split": split, "warnings": (notice,)})
