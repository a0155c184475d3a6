"""What the filter does to accuracies and ranks."""

from __future__ import annotations

from collections.abc import Iterator

from imagenet_g.benchmark.critiques.critique import Critique
from imagenet_g.benchmark.critiques.wording import UNKNOWN, count_things, make_sentence
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.filter_effects.figure import make_caption, name_view, render_filter_effects
from imagenet_g.benchmark.filter_effects.records import FilterSection, FilterView, RankAgreement
from imagenet_g.benchmark.reports.numbers import format_percent, format_points
from imagenet_g.generation.critique.pages.blocks import Block, PagePlot, PageTable, Paragraph, SectionPage
from imagenet_g.generation.critique.pages.thumbnails import Thumbnails


def make_section(critique: Critique, pictures: Thumbnails) -> SectionPage | None:
    """The same models on every view, and the curve by threshold; None where not measured."""
    if critique.filter_effects is None:
        return None
    return SectionPage("What the filter does", list(_list_blocks(critique.filter_effects)))


def _list_blocks(section: FilterSection) -> Iterator[Block]:
    by = "no stored score" if section.column is None else f"the stored score {section.column}"
    yield Paragraph(
        f"{count_things(len(section.models), 'model')} on views of the same images, by {by} of "
        f"{section.scorer or 'an unknown model'}. {_explain_ranks(section)}"
    )
    if len(section.models) > 1:
        head = ("view", "images", "τ", "blind filters, 95 %", "favours its kin by, points")
        yield PageTable(head, tuple(_format_view(view) for view in section.views), frozenset({1, 2, 4}))
    yield _list_models(section)
    if (plot := _draw(section)) is not None:
        yield plot
    if section.curve:
        yield _list_curve(section)
    for reason in section.missing:
        yield Paragraph(make_sentence(reason))


def _draw(section: FilterSection) -> PagePlot | None:
    """All views and the curve as one figure; None where there is one view, or no matplotlib."""
    try:
        return PagePlot("filter-effects", render_filter_effects(section), make_caption(section))
    # Without matplotlib the tables below hold the main numbers, and critique.json all of them.
    except InputError:
        return None


def _explain_ranks(section: FilterSection) -> str:
    if len(section.models) < 2:
        return "Ranks need two models or more: name them with --judge or --results."
    return (
        "τ is Kendall's between the accuracies on a view and on all images; blind filters keep as many "
        "images of each class at random, so τ below theirs means that the filter itself reorders "
        "models."
    )


def _format_view(view: FilterView) -> tuple[str, ...]:
    favour = "–" if view.favour is None else format_points(view.favour, 1)
    return (
        name_view(view),
        f"{view.num_images:,}",
        _format_tau(view.agreement.tau),
        _format_blind(view.agreement),
        favour,
    )


def _format_tau(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _format_blind(found: RankAgreement) -> str:
    if found.blind_low is None or found.blind_high is None:
        return "–"
    return f"{found.blind_low:.2f} to {found.blind_high:.2f}"


def _list_models(section: FilterSection) -> PageTable:
    head = ("accuracy, % (rank)", "to the filter", *(name_view(view) for view in section.views))
    rows = tuple(
        (
            model.spec,
            model.kinship.relation + (", judge" if model.is_judge else ""),
            *(
                f"{format_percent(view.models[number].accuracy.value, 1)} ({view.models[number].rank:g})"
                for view in section.views
            ),
        )
        for number, model in enumerate(section.models)
    )
    return PageTable(head, rows, frozenset(range(2, len(head))))


def _list_curve(section: FilterSection) -> PageTable:
    head = ("threshold", "images", "classes", "τ", "blind filters, 95 %", "mean gap, points")
    rows = []
    for point in section.curve:
        gaps = [gap for gap in point.gaps if gap is not None]
        rows.append(
            (
                "all images" if point.threshold is None else f"{point.threshold:.3f}",
                f"{point.num_images:,}",
                f"{point.num_classes:,}",
                _format_tau(point.agreement.tau),
                _format_blind(point.agreement),
                format_points(sum(gaps) / len(gaps), 1) if gaps else UNKNOWN,
            )
        )
    return PageTable(head, tuple(rows), frozenset({1, 2, 3, 5}))
