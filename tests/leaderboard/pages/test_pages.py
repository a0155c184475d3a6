"""Tables, queries, figures and pages, without a browser."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from submission_cases import ROOT, STEM, set_at, write_case

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.spreadsheets import neutralise
from imagenet_g.leaderboard.app.image_reports import write_image_report
from imagenet_g.leaderboard.app.state import Order, click_table
from imagenet_g.leaderboard.board.board import Board
from imagenet_g.leaderboard.board.ranks import NO_ANSWERS, RULE
from imagenet_g.leaderboard.exporting.page import format_page
from imagenet_g.leaderboard.pages.about import format_about
from imagenet_g.leaderboard.pages.axes import MAX_TICKS, choose_ticks
from imagenet_g.leaderboard.pages.cells import escape, format_csv
from imagenet_g.leaderboard.pages.image_cards import ImageFilter, choose_images
from imagenet_g.leaderboard.pages.model_links import strip_links
from imagenet_g.leaderboard.pages.pages import (
    MAX_OFFERED,
    offer_models,
    show_images,
    show_pair,
    show_profiles,
    show_scatter,
)
from imagenet_g.leaderboard.pages.pairs import compute_pair
from imagenet_g.leaderboard.pages.queries import (
    PAGE_WORD,
    BoardQuery,
    compare_places,
    find_scores,
    format_query,
    parse_query,
    select_rows,
    settle_query,
)
from imagenet_g.leaderboard.pages.table_html import format_table
from imagenet_g.leaderboard.pages.table_view import show_table
from imagenet_g.leaderboard.pages.tables import DEFAULT_COLUMNS
from imagenet_g.leaderboard.uploads.checking import check_upload

REAL = BoardQuery(version="real-sets", split="imagenet-r")
LITE0, LITE1 = STEM, "imagenet-g__efficientnet-lite1"


def test_search_joins_alternatives(board: Board) -> None:
    """Words of one alternative must all be there."""
    rows = select_rows(board, settle_query(board, replace(REAL, search="resnet50 timm; openai")))
    names = (rows["model"] + " " + rows["organisation"]).str.lower()
    assert len(rows) > 5
    assert (names.str.contains("resnet50") & names.str.contains("timm") | names.str.contains("openai")).all()


def test_search_takes_letters_for_letters(board: Board) -> None:
    """No regular expression of a visitor is run."""
    assert len(select_rows(board, replace(REAL, search="(.*)+$"))) == 0


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"training": "imagenet-1k"}, "training_data", "imagenet-1k"),
        ({"supervision": "zero-shot"}, "supervision", "zero-shot"),
        ({"trust": "published"}, "trust", "published"),
        ({"family": "resnet"}, "family", "resnet"),
        ({"generated": "unknown"}, "generated", "unknown"),
    ],
)
def test_a_filter_leaves_what_it_names(board: Board, change: dict[str, str], column: str, value: str) -> None:
    """And nothing else."""
    rows = select_rows(board, replace(REAL, **change))  # type: ignore[arg-type]
    assert set(rows[column]) == {value}


def test_a_size_filter_leaves_out_the_unknown(board: Board) -> None:
    """Unknown is in no class of size."""
    rows = select_rows(board, replace(REAL, size="10 to 50 M"))
    assert rows["parameters"].between(10_000_000, 50_000_000).all()


def test_filters_move_nobody_up(board: Board) -> None:
    """A rank range is within the whole ranking."""
    query = settle_query(board, BoardQuery(version="mini-v2", split="mini-v2/sd-l"))
    whole = select_rows(board, query).set_index("model_id")
    some = select_rows(board, replace(query, search="clip")).set_index("model_id")
    assert len(some) == 1 < len(whole)
    for name in ("rank_best", "rank_worst"):
        assert some[name].tolist() == whole.loc[some.index, name].tolist()


def test_a_range_of_ranks_is_shown_and_its_rule(board: Board) -> None:
    """With the number of rows that have one."""
    query = settle_query(board, BoardQuery(version="mini-v2", split="mini-v2/sd-l"))
    page = show_table(board, query, ["rank"])
    assert RULE.split(";")[0] in html.unescape(page)
    assert "Here 3 of 3 rows have a rank." in page


def test_a_published_row_has_no_rank_and_says_why(board: Board) -> None:
    """On hover of the dash; where no row has one, "#" is the place by top-1 alone."""
    page = show_table(board, settle_query(board, REAL), ["rank", "model"])
    assert 'title="place by this value alone; not tested">1</span>' in page
    assert f"Here 0 of {len(select_rows(board, settle_query(board, REAL)))} rows have a rank." in page
    assert f'title="{NO_ANSWERS}">–' in show_table(board, replace(REAL, sort="model"), ["rank", "model"])


def test_a_link_changes_places(board: Board) -> None:
    """Which is why it can be switched."""
    here = settle_query(board, REAL)
    changes = compare_places(board, here, replace(here, link="linear"))
    assert sum(here != there for here, there in changes.values()) > 50


NAMES = sorted({field.name for field in fields(BoardQuery)} - {"page"} | {PAGE_WORD})
ADDRESSES = st.text(max_size=80) | st.dictionaries(
    st.sampled_from(NAMES), st.text(max_size=20) | st.integers().map(str)
).map(urlencode)


@given(ADDRESSES)
def test_any_address_opens_a_page_of_the_board(board: Board, text: str) -> None:
    """Old links and typed nonsense too: a version, a split and an order that the board has, and no error."""
    query = settle_query(board, parse_query(text))
    assert query.split in board.info.find_version(query.version).splits
    assert set(select_rows(board, query)["model_id"]) <= set(find_scores(board, query)["model_id"])
    assert "</table>" in show_table(board, query, DEFAULT_COLUMNS)


@given(ADDRESSES)
def test_the_address_of_a_query_gives_the_query_back(text: str) -> None:
    """Whatever the first address was, the page's own says the same."""
    query = parse_query(text)
    assert parse_query(format_query(query)) == query


def test_an_address_of_too_many_words_is_read_as_far_as_its_limit() -> None:
    """The words behind are left out, and the page opens."""
    assert parse_query("&".join(["sort=gap", *["x=1"] * 100, "link=linear"])) == BoardQuery(sort="gap")


def test_an_address_brings_the_same_page_back() -> None:
    """Every field."""
    query = BoardQuery(
        version="mini", split="mini/renditions:noto", search="a b;c", sort="gap", ascending=True, page=3
    )
    assert parse_query(format_query(query)) == query
    # Gradio's own word: an address with it would not open.
    assert "page=" not in format_query(query)


def test_an_unknown_version_becomes_the_first(board: Board) -> None:
    """With a split of its own."""
    settled = settle_query(board, BoardQuery(version="v99", split="nowhere", sort="__class__"))
    assert (settled.version, settled.split, settled.sort) == ("v1", "v1/sd-l", "top1")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def list_tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """Tags of a page as a browser reads them."""
    parser = _Tags()
    parser.feed(text)
    return parser.tags


HOSTILE = (
    '<img src=x onerror="alert(1)">',
    '=HYPERLINK("http://x")',
    "'\"><script>alert(1)</script>",
    "@SUM(1)",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_text_on_the_page_and_in_the_csv(board: Board, name: str) -> None:
    """Even if one got past validation."""
    rows = select_rows(board, settle_query(board, BoardQuery())).copy()
    rows["model"], rows["flags"], rows["organisation"], rows["url"] = name, name, name, "javascript:alert(1)"
    page = format_table(rows, DEFAULT_COLUMNS, sort="top1", ascending=False, caption=name)
    assert not {tag for tag, _ in list_tags(page)} & {"script", "img"}
    assert all(str(attrs["href"]).startswith("?") for tag, attrs in list_tags(page) if tag == "a")
    assert not [attrs for _, attrs in list_tags(page) if any(key.startswith("on") for key in attrs)]
    cells = next(csv.DictReader(io.StringIO(format_csv(rows))))
    assert not cells["model"].startswith(("=", "@", "+", "-"))


@given(st.text(max_size=40))
def test_escaped_text_has_no_markup(text: str) -> None:
    """For any text."""
    assert not set("<>\"'") & set(escape(text))


@given(st.text(max_size=40))
def test_a_neutral_cell_is_no_formula(text: str) -> None:
    """For any text."""
    assert not str(neutralise(text)).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_the_table_is_readable_by_machine(board: Board) -> None:
    """Caption, headings with a scope, the sorted one announced."""
    tags = list_tags(show_table(board, settle_query(board, BoardQuery()), DEFAULT_COLUMNS))
    assert sum(tag == "caption" for tag, _ in tags) == 1
    assert all("scope" in attrs for tag, attrs in tags if tag == "th")
    assert [attrs["aria-sort"] for _, attrs in tags if "aria-sort" in attrs] == ["descending"]


def test_a_click_on_the_sorted_heading_turns_it_round() -> None:
    """And goes back to the first page."""
    fifth = Order("top1", False, 4, "a")
    assert click_table(fifth, {"sort": "top1"}) == Order("top1", True, 0, "a")
    assert click_table(fifth, {"sort": "model"}) == Order("model", True, 0, "a")
    assert click_table(fifth, {"page": "2"}) == Order("top1", False, 2, "a")
    assert click_table(fifth, {"page": "x; drop"}) == Order("top1", False, 0, "a")


def test_the_scatter_has_every_model_with_a_clean_accuracy(board: Board) -> None:
    """And the line."""
    query = settle_query(board, replace(REAL, split="imagenet-v2"))
    figure = show_scatter(board, query, [])
    points = sum(len(trace.x) for trace in figure.data if trace.mode == "markers")
    assert points == len(select_rows(board, query))
    assert [trace for trace in figure.data if trace.mode == "lines" and "testbed" in trace.name]


@pytest.mark.parametrize("split", ["mini/renditions", "imagenet-r"])
def test_every_axis_has_ticks(board: Board, split: str) -> None:
    """Even where all models lie within three points."""
    version = "mini" if split.startswith("mini") else "real-sets"
    layout = show_scatter(board, settle_query(board, BoardQuery(version=version, split=split)), []).layout
    for axis in (layout.xaxis, layout.yaxis):
        assert len(axis.tickvals) >= 3
        assert all(axis.range[0] <= tick <= axis.range[1] for tick in axis.tickvals)


def test_few_models_are_all_named(board: Board) -> None:
    """Three points without names would say nothing."""
    figure = show_scatter(board, settle_query(board, BoardQuery(version="mini")), [])
    assert {trace.name for trace in figure.data} == {f"EfficientNet-Lite{n}" for n in range(3)}


def test_hover_text_is_escaped(board: Board) -> None:
    """Plotly renders markup in it."""
    query = settle_query(board, BoardQuery())
    hostile = replace(board, scores=board.scores.assign(model="<script>x</script>"))
    assert "<script>" not in show_scatter(hostile, query, []).to_json().replace("\\u003c", "<")


def test_a_picker_offers_few_of_many_models(board: Board) -> None:
    """The page copies the list with every click."""
    assert len(board.models["real-sets"]) > 1000
    assert offer_models(board, "real-sets") == board.models["real-sets"][:MAX_OFFERED]


def test_a_picker_finds_any_model_by_its_name(board: Board) -> None:
    """The last as well as the first, in any case of letters."""
    model = board.models["real-sets"][-1]
    assert offer_models(board, "real-sets", model[0].upper()) == [model]


def test_a_picker_keeps_offering_what_is_chosen(board: Board) -> None:
    """Else its name would go with the next key."""
    model = board.models["real-sets"][-1]
    assert offer_models(board, "real-sets", "no such name", [model[1]]) == [model]


def test_marks_of_an_axis_keep_their_distance() -> None:
    """Else a phone would write them over each other."""
    for low, high in ((-5.0, 4.0), (0.0, 1.0), (-0.5, 0.1)):
        ticks = np.array(choose_ticks(low, high, "logit"))
        assert len(ticks) >= 3
        assert np.diff(np.log(ticks / (1 - ticks))).min() >= (high - low) / MAX_TICKS - 1e-9


def test_every_model_of_a_version_can_be_found_under_a_name_of_its_own(board: Board) -> None:
    """Where two share a name, by whose it is."""
    for models in board.models.values():
        assert len({name for name, _ in models}) == len({model_id for _, model_id in models}) == len(models)


def test_profiles_of_effective_robustness_are_the_tables(board: Board) -> None:
    """Each point is the figure of its split's row."""
    query = settle_query(board, REAL)
    chosen = [model_id for _, model_id in board.models["real-sets"][:3]]
    figure = show_profiles(board, query, chosen, "er")
    assert figure.data
    for trace in figure.data:
        for split, value in zip(trace.x, trace.y, strict=True):
            rows = select_rows(board, replace(query, split=split)).set_index("model_id")
            assert value in [
                pytest.approx(100 * float(rows["er"][one])) for one in chosen if one in rows.index
            ]


def test_profiles_draw_one_line_a_model(board: Board) -> None:
    """Over the nine splits of mini."""
    figure = show_profiles(board, settle_query(board, BoardQuery(version="mini")), [LITE0, LITE1], "gap")
    assert [len(trace.x) for trace in figure.data] == [9, 9]


def test_a_pair_is_tested_exactly_however_many_images_differ() -> None:
    """Against statsmodels, where the asymptotic test would do."""
    first, second = [0] * 700 + [1] * 800, [1] * 700 + [0] * 800
    columns = {"image_id": range(1500), "labels": [[0]] * 1500, "answer:a": first, "answer:b": second}
    theirs = mcnemar([[0, 700], [800, 0]], exact=True)
    assert compute_pair(pd.DataFrame(columns), "a", "b").mcnemar.p_value == pytest.approx(
        theirs.pvalue, rel=1e-9
    )


def test_a_pair_is_compared_with_its_images(board: Board) -> None:
    """Words, and both sheets."""
    words, sheets = show_pair(board, "mini/renditions:noto", LITE0, LITE1)
    assert "McNemar" in words
    assert "nothing is corrected for the other pairs" in words
    assert sum(tag == "img" for tag, _ in list_tags(sheets)) == 24


def test_two_models_of_one_name_are_compared(board: Board) -> None:
    """Two organisations may submit under one name; each keeps its own answers and heading."""
    scores = board.scores.copy()
    scores.loc[scores["model_id"] == LITE1, "organisation"] = "Other Lab"
    scores.loc[scores["model_id"].isin([LITE0, LITE1]), "model"] = "Twin"
    words, sheets = show_pair(replace(board, scores=scores), "mini/renditions", LITE0, LITE1)
    assert "McNemar" in words
    assert {"Only Twin (imagenet-g) is right", "Only Twin (Other Lab) is right"} == {
        heading.partition(":")[0] for heading in re.findall("<h3>(.*?)</h3>", strip_links(sheets))
    }
    assert sheets.count("<b>Twin (imagenet-g)</b>") == sheets.count("<b>Twin (Other Lab)</b>") == 24


def test_a_model_is_not_compared_with_itself(board: Board) -> None:
    """It says what to do."""
    assert "Choose two models" in show_pair(board, "mini/renditions", LITE0, LITE0)[0]


def test_images_are_chosen_by_class_and_hand() -> None:
    """Both at once."""
    rows = choose_images("mini/renditions", ImageFilter(wnid="n02391049", facet="noto"))
    assert len(rows) == 1


def test_every_image_has_words_for_those_who_do_not_see_it(board: Board) -> None:
    """Its label, and what the models said."""
    html, count = show_images(board, "mini/renditions", ImageFilter())
    assert all(attrs["alt"] for tag, attrs in list_tags(html) if tag == "img")
    assert "EfficientNet-Lite2" in html
    assert count.startswith("1244 images")


def test_a_split_without_images_says_so(board: Board) -> None:
    """Not an empty page."""
    assert "cannot be shown" in show_images(board, "imagenet-r", ImageFilter())[0]


def test_a_report_on_an_image_is_a_file(tmp_path: Path) -> None:
    """With the reader's words."""
    row = choose_images("mini/renditions", ImageFilter())[0]
    assert row == 0
    path = write_image_report(
        tmp_path, split="mini/renditions", image_id="a9bd622b8ff34d8d", reason="wrong label", note="a hen"
    )
    assert json.loads(path.read_text())["note"] == "a hen"


@pytest.mark.parametrize("image_id", ["../../etc/passwd", "", "x" * 300])
def test_a_report_is_about_an_image_there_is(tmp_path: Path, image_id: str) -> None:
    """Whatever a visitor types, nothing is written elsewhere."""
    with pytest.raises(InputError, match=f"mini/renditions has no image '{image_id}'"):
        write_image_report(
            tmp_path / "r", split="mini/renditions", image_id=image_id, reason="other", note=""
        )
    assert not (tmp_path / "r").exists()


def test_a_good_upload_is_recomputed(tmp_path: Path) -> None:
    """In a process of its own, whatever the files are called."""
    path = write_case(tmp_path, set_at("statement.organisation", "imagenet-g"))
    report = check_upload([path, path.parent / STEM / "mini-renditions.parquet"], tmp_path / "none")
    assert report.trust == "recomputed"


def test_predictions_are_known_by_their_hash_under_any_name(tmp_path: Path) -> None:
    """As a browser renames a second download; what fits no hash and no name is refused by its name."""
    path = write_case(tmp_path)
    renamed = tmp_path / "mini-renditions (1).parquet"
    (path.parent / STEM / "mini-renditions.parquet").rename(renamed)
    assert check_upload([path, renamed], tmp_path / "none").trust == "recomputed"
    renamed.write_bytes(renamed.read_bytes() + b" ")
    report = check_upload([path, renamed], tmp_path / "none")
    assert "is none of the predictions that the submission names" in report.problems[0].message


def test_a_bad_upload_is_refused_with_its_reason(tmp_path: Path) -> None:
    """The same report as on the command line."""
    path = write_case(tmp_path, set_at("result.entries.0.scores.0.top1.low", 0.188))
    report = check_upload([path, path.parent / STEM / "mini-renditions.parquet"], tmp_path / "none")
    assert "not-reproduced" in {problem.code for problem in report.errors}


def test_other_kinds_of_file_are_not_taken(tmp_path: Path) -> None:
    """A pickle is not even opened."""
    file = tmp_path / "model.pkl"
    file.write_bytes(b"cos\nsystem\n")
    assert not check_upload([file], tmp_path).accepted


def test_a_result_is_told_from_a_submission(tmp_path: Path) -> None:
    """With the command that makes one of the other."""
    content = json.loads((ROOT / "mini" / f"{STEM}.json").read_text())
    file = tmp_path / "result.json"
    file.write_text(json.dumps(content["result"]))
    assert "imagenet-g submit" in check_upload([file], tmp_path).problems[0].message


@pytest.fixture(scope="module")
def exported(board: Board) -> str:
    """The export of the whole board, which takes seconds to draw."""
    return format_page(board)


def test_the_exported_page_has_less_than_3_mb(exported: str, board: Board) -> None:
    """With a plot of every model of the real sets, over 1,700 of them."""
    assert board.info.find_version("real-sets").num_models > 1700
    assert len(exported.encode()) < 3e6


def test_the_exported_page_needs_no_network(exported: str) -> None:
    """No address is loaded: pictures are in the file."""
    body = exported[exported.index("</head>") :]
    loaded = [attrs for tag, attrs in list_tags(body) if tag in ("script", "link", "img", "iframe")]
    sources = [attrs.get("src") or attrs.get("href") or "" for attrs in loaded]
    assert [source[:60] for source in sources if not source.startswith("data:image/")] == []
    assert "EfficientNet-Lite2" in body


def test_the_exported_page_begins_with_the_finding(exported: str) -> None:
    """Before any table of a split; without links, which lead to other states of the page."""
    opening = exported[exported.index('<div class="opening">') : exported.index("<details")]
    assert "the median model loses" in opening
    assert "<a " not in opening


def test_the_about_page_names_every_version(board: Board) -> None:
    """And the command to a number."""
    words = format_about(board)
    assert all(version.name in words for version in board.info.versions)
    assert "imagenet-g evaluate" in words
