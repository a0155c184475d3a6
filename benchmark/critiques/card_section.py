"""The section of a version's card: the answer of a critique, its figures and the known traps, as Markdown."""

from __future__ import annotations

from pathlib import Path

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.figures import list_figures
from imagenet_g.benchmark.critiques.headlines import list_answers
from imagenet_g.benchmark.critiques.shipped import load_critiques
from imagenet_g.benchmark.terminal.markdown import escape_cell, escape_heading, format_code

CARD_HEADING = "How good the images are"


def format_card_section(critique: Critique) -> str:
    """Markdown without a heading, for the card of a release or of its publication."""
    lines = [
        f"Measured by `imagenet-g critique` on {format_code(critique.split.ref)} against "
        f"{format_code(critique.reference.ref)}, class by class. 95 % intervals; what stands beside a value "
        "says what the same measure gives elsewhere.",
        "",
        *(f"- {escape_heading(sentence)}" for sentence in list_answers(critique)),
        "",
        "| measure | value | 95 % interval | beside it | of |",
        "| --- | ---: | --- | --- | --- |",
        *(f"| {' | '.join(escape_cell(cell) for cell in row)} |" for row in list_figures(critique)),
        "",
        *_list_traps(critique),
    ]
    if critique.unmeasured:
        names = ", ".join(name.replace("_", " ") for name in critique.unmeasured)
        lines += [f"Not measured: {names}; the critique says why.", ""]
    return "\n".join(lines)


def list_card_sections(release: Path) -> list[str]:
    """A section for each critique of a release, with its heading.

    Raises:
        DataError: A critique was changed after it was stored.
    """
    return [
        f"## {CARD_HEADING}: {format_code(ref)}\n\n{format_card_section(critique)}"
        for ref, critique in load_critiques(release).items()
    ]


def _list_traps(critique: Critique) -> list[str]:
    if critique.traps is None:
        return []
    if not critique.traps.found:
        return [
            f"None of the {critique.traps.num_known} classes that papers report to mislead generators is in "
            "it.",
            "",
        ]
    named = "; ".join(
        f"{escape_heading(one.name)} ({one.trap.kind}: {escape_heading(one.trap.other)}; {one.trap.source})"
        for one in critique.traps.found
    )
    return [f"Classes that papers report to mislead generators: {named}.", ""]
