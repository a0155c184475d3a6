"""The board's data: ranks, rows, files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep
from submission_cases import ROOT, STEM

from imagenet_g.baselines.lines.baselines import load_baseline
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.robustness.own_line import JudgedModel
from imagenet_g.benchmark.robustness.placements import place_model
from imagenet_g.benchmark.robustness.points import EvaluatedModel
from imagenet_g.benchmark.robustness.published_sets import build_points
from imagenet_g.benchmark.splits.registry import KnownVersion, parse_versions
from imagenet_g.benchmark.statistics.intervals import compute_difference_interval, compute_wilson_interval
from imagenet_g.benchmark.statistics.observations import Observation
from imagenet_g.leaderboard.board import build as building
from imagenet_g.leaderboard.board.answer_tables import compute_right, list_answering_models
from imagenet_g.leaderboard.board.board import Board, BoardVersion, load_board
from imagenet_g.leaderboard.board.build import load_reviewed
from imagenet_g.leaderboard.board.published_rows import VERSION
from imagenet_g.leaderboard.board.ranks import NO_ANSWERS
from imagenet_g.leaderboard.board.submission_rows import list_submission_scores
from imagenet_g.leaderboard.pages.cells import format_flags
from imagenet_g.leaderboard.pages.queries import BoardQuery, find_places, settle_query


def test_the_difference_interval_is_newcombes() -> None:
    """Method 10, as statsmodels has it."""
    first, second = (56, 70), (48, 80)
    ours = compute_difference_interval(*((k / n, *compute_wilson_interval(k, n)) for k, n in (first, second)))
    theirs = confint_proportions_2indep(*first, *second, method="newcomb", compare="diff")
    assert ours == pytest.approx(theirs, abs=1e-9)


def test_no_ranking_has_two_versions(board: Board) -> None:
    """A model that is first in one version stays first whatever another version holds."""
    mini = board.scores[board.scores["version"] == "mini"]
    assert set(mini["split"].str.split("/").str[0]) == {"mini"}
    ranges = mini.groupby("split")
    assert ranges["rank_best"].min().eq(1).all()
    assert (ranges["rank_worst"].max() == ranges["model_id"].nunique()).all()


def test_published_rows_have_an_interval_and_no_rank(board: Board) -> None:
    """Nothing is stored that a test could use; 1,722 models are no work either."""
    real = board.scores[board.scores["version"] == VERSION]
    assert real["rank_best"].isna().all() and real["rank_worst"].isna().all()
    assert set(real["unranked"]) == {NO_ANSWERS}
    assert real["top1_low"].notna().all()


def test_the_embedded_models_are_recomputed(board: Board) -> None:
    """Three on the drawings and every hand, three on what a generator made, raw and filtered."""
    mini = board.scores[board.scores["version"] == "mini"]
    assert set(mini["trust"]) == {"recomputed"}
    assert mini.groupby("model")["split"].nunique().tolist() == [9, 9, 9, 7, 7, 7]


def test_real_sets_are_published(board: Board) -> None:
    """With a source on every row."""
    real = board.scores[board.scores["version"] == VERSION]
    assert set(real["trust"]) == {"published"}
    assert real["source"].str.len().min() > 10


def test_a_gap_on_other_classes_has_no_place_among_the_rest(board: Board) -> None:
    """OpenCLIP publishes the full clean accuracy only."""
    rows = board.scores[(board.scores["split"] == "imagenet-r") & ~board.scores["same_classes"]]
    assert len(rows) > 100
    query = settle_query(board, BoardQuery(version=VERSION, split="imagenet-r"))
    assert not set(rows["model_id"]) & set(find_places(board, query, "gap").index)
    assert rows["flags"].str.contains("not the set's own").all()


def test_effective_robustness_is_the_baselines_own(board: Board) -> None:
    """The packed table against the fit, for one model."""
    rows = board.robustness
    row = rows[
        (rows["model_id"] == "open-clip-zero-shot/ViT-B-32-quickgelu/openai")
        & (rows["split"] == "imagenet-sketch")
        & (rows["baseline"] == "testbed")
        & (rows["link"] == "logit")
    ].iloc[0]
    scores = board.scores[
        (board.scores["model_id"] == row["model_id"]) & (board.scores["split"] == "imagenet-sketch")
    ].iloc[0]
    placed = place_model(
        build_points(load_baseline("testbed"), "imagenet-sketch"),
        EvaluatedModel(
            reference=(Observation(top1=scores["clean"], n=50_000),),
            shifted=Observation(top1=scores["top1"], n=50_889),
        ),
        "logit",
        judged=JudgedModel(spec="open_clip:ViT-B-32-quickgelu/openai"),
        num_resamples=10,
        seed=0,
    )
    assert row["er"] == pytest.approx(placed.value, abs=1e-6)


def test_the_board_reads_back_as_it_was_written(built: tuple[Path, Board], board: Board) -> None:
    """Scores survive the parquet."""
    assert board.scores.equals(built[1].scores)


@pytest.mark.parametrize("split", ["mini/renditions", "mini/sd-l", "mini-v2/sd-i"])
def test_answers_give_the_submitted_score(board: Board, split: str) -> None:
    """The compare view counts what the table shows: among all classes, or among the split's own."""
    answers = board.load_answers(split)
    assert answers is not None
    for model_id in list_answering_models(answers):
        row = board.scores[(board.scores["model_id"] == model_id) & (board.scores["split"] == split)]
        assert compute_right(answers, model_id).mean() == pytest.approx(row["top1"].item(), abs=1e-12)


def test_a_submission_without_review_is_left_out_and_named(tmp_path: Path) -> None:
    """With the reason."""
    shutil.copytree(ROOT, tmp_path / "submissions")
    (tmp_path / "submissions" / "mini" / f"{STEM}.review.json").unlink()
    reviewed, left_out = load_reviewed(tmp_path / "submissions")
    assert len(reviewed) == len(load_reviewed(ROOT)[0]) - 1
    assert left_out[0].file == f"{STEM}.json"
    assert "no review" in left_out[0].reason


def test_a_board_built_again_while_it_is_served_does_not_mix_with_the_one_in_memory(
    board: Board, board_folder: Path, tmp_path: Path
) -> None:
    """Tables and answers are of one build until the server is started again."""
    shutil.copytree(board_folder, tmp_path / "board")
    served = load_board(tmp_path / "board")
    shutil.rmtree(tmp_path / "board" / "answers")
    answers, before = served.load_answers("mini/sd-l"), board.load_answers("mini/sd-l")
    assert answers is not None and before is not None
    assert answers.equals(before)


def test_a_missing_board_says_how_to_build_one(tmp_path: Path) -> None:
    """Not a traceback."""
    with pytest.raises(DataError, match="leaderboard build"):
        load_board(tmp_path)


def make_registry(*words: str) -> dict[str, KnownVersion]:
    """Versions named in turn v1, v2, ..., oldest first; each with what is said of it."""
    rows = [
        f'[[version]]\nname = "v{n}"\ntitle = "T"\nembedded = false\nsplits = ["sd-l"]\n{more}\n'
        for n, more in enumerate(words, 1)
    ]
    return parse_versions("".join(rows))


def list_made_up(monkeypatch: pytest.MonkeyPatch, registry: dict[str, KnownVersion]) -> list[BoardVersion]:
    """Rankings of one model on the first split of each version, whole and filtered."""
    monkeypatch.setattr(building, "load_versions", lambda: registry)
    splits = [f"{name}/sd-l{view}" for name in registry for view in ("", ":clip-filtered")]
    frame = pd.DataFrame(
        {"version": [split.partition("/")[0] for split in splits], "split": splits, "model_id": "m"}
    )
    return list(building.list_versions(frame, {}))


def test_the_newest_version_stands_first_and_one_that_only_renews_splits_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However new that one is."""
    found = list_made_up(monkeypatch, make_registry("", "", 'renews = "v2"'))
    assert [version.name for version in found] == ["v2", "v1", "v3"]


def test_a_version_for_practice_stands_last_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """However new it is."""
    found = list_made_up(monkeypatch, make_registry("", "practice = true"))
    assert [(version.name, version.label) for version in found] == [("v1", "v1"), ("v2", "v2 (practice)")]


def test_a_superseded_split_says_so_in_every_view(monkeypatch: pytest.MonkeyPatch) -> None:
    """And on its page; the split that supersedes it says nothing."""
    registry = make_registry('superseded_splits = { sd-l = "v2/sd-l" }', "")
    newer, older = list_made_up(monkeypatch, registry)
    assert newer.split_notices == {}
    words = "v1/sd-l is superseded by v2/sd-l."
    assert older.split_notices == {"v1/sd-l": words, "v1/sd-l:clip-filtered": words}


def test_a_notice_of_one_split_is_not_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A submission on a superseded split carries both sentences."""
    reviewed = load_reviewed(ROOT / "mini")[0][:1]
    registry = parse_versions(
        '[[version]]\nname = "mini"\ntitle = "T"\nembedded = true\nsplits = ["renditions"]\n'
        'superseded_splits = { renditions = "v2/renditions" }'
    )
    monkeypatch.setattr(building, "load_versions", lambda: registry)
    (one,) = reviewed
    before = building.list_notices(reviewed)
    document = one.submission.model_dump()
    for entry in document["result"]["entries"]:
        entry["split"]["notice"] += " mini/renditions is superseded by v2/renditions."
    told = replace(one, submission=type(one.submission).model_validate(document))
    assert building.list_notices([told]) == before


@pytest.mark.parametrize(("version", "expected"), [("mini-v2", "drawn"), (VERSION, "testbed")])
def test_a_version_is_shown_against_a_baseline_it_was_held_against(
    board: Board, version: str, expected: str
) -> None:
    """A measured one, where published lines do not reach its splits."""
    assert settle_query(board, BoardQuery(version=version, baseline="testbed")).baseline == expected
    assert expected in board.list_baselines(version)


def test_a_model_that_filters_a_split_says_so_on_its_row(board: Board) -> None:
    """On the filtered view, in words beside the flags; the whole split has nothing of its choice."""
    rows = board.scores[board.scores["model_id"] == "imagenet-g__mini-clip"].set_index("split")
    assert "is the split's filter" in rows["doubts"]["mini-v2/sd-l:clip-filtered"]
    assert "is the split's filter" not in rows["doubts"]["mini-v2/sd-l"]
    row = {str(name): value for name, value in rows.loc["mini-v2/sd-l:clip-filtered"].items()}
    assert 'class="doubt">is the split&#x27;s filter' in format_flags(row)


def test_a_row_of_old_statistics_says_so() -> None:
    """And how they are renewed."""
    (one, *_) = load_reviewed(ROOT / "mini")[0]
    old = one.submission.result.model_copy(update={"statistics": 1})
    submission = one.submission.model_copy(update={"result": old})
    row = next(list_submission_scores(submission, one.review, has_answers=True))
    assert row.doubts.split("\n")[0] == "old statistics"
    assert "imagenet-g score --upgrade" in row.flags
