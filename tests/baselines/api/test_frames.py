"""Comparisons, lines and printed tables as frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import imagenet_g as ig
from imagenet_g.baselines.lines.baselines import list_baselines, load_baseline
from imagenet_g.benchmark.cli import main

SUBMISSIONS = Path(__file__).parents[3] / "submissions" / "mini"
SPLIT = "mini/sd-l"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ig.Results:
    """Two shipped models on the embedded edition, from their submissions."""
    folder = tmp_path_factory.mktemp("results")
    for name in ("imagenet-g__mini-resnet-s", "imagenet-g__mini-clip"):
        submission = json.loads((SUBMISSIONS / f"{name}.json").read_text())
        (folder / name).mkdir()
        (folder / name / "result.json").write_text(json.dumps(submission["result"]))
        (folder / name / name).symlink_to(SUBMISSIONS / name)
    return ig.Results.load(*sorted(folder.iterdir()))


def test_sets_and_their_models_are_listed() -> None:
    """With the figures that they have."""
    assert list(ig.baselines()["id"]) == list(list_baselines())
    assert len(ig.baselines("testbed")) == len(load_baseline("testbed").records)


def test_a_wrong_set_has_the_message_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`imagenet-g baselines show` says the same."""
    assert main(["baselines", "show", "testbet"]) == 2
    with pytest.raises(ig.ImagenetGError) as caught:
        ig.baselines("testbet")
    assert str(caught.value) in capsys.readouterr().err


def test_every_printed_table_has_its_cells() -> None:
    """As many as the list says."""
    listed = ig.published_tables()
    assert [len(ig.published_tables(table)) for table in listed["table"]] == list(listed["cells"])


def test_effective_robustness_of_a_table_is_that_of_the_command(tmp_path: Path) -> None:
    """`imagenet-g baselines table` writes the same numbers."""
    out = tmp_path / "table.csv"
    words = [
        "--baseline",
        "testbed",
        "--figures",
        "open-clip-zero-shot",
        "--link",
        "logit",
        "--out",
        str(out),
    ]
    assert main(["baselines", "table", *words]) == 0
    frame = ig.effective_robustness("open-clip-zero-shot", baseline="testbed")
    assert len(frame) == len(out.read_text().splitlines()) - 1


def test_models_are_compared_pair_by_pair(results: ig.Results) -> None:
    """The difference is that of their accuracies on the same images."""
    compared = ig.compare(results, split=SPLIT)
    top1 = compared.standings().set_index("model")["top1"]
    (row,) = compared.to_frame().to_dict("records")
    assert row["difference"] == pytest.approx(top1[row["first"]] - top1[row["second"]])
    assert row["difference_low"] < row["difference"] < row["difference_high"]


def test_a_comparison_is_printed_as_by_the_command(
    results: ig.Results, capsys: pytest.CaptureFixture[str]
) -> None:
    """`imagenet-g compare`; a notebook has the same numbers in a table."""
    assert main(["compare", *map(str, results.folders), "--split", SPLIT]) == 0
    compared = ig.compare(results, split=SPLIT)
    assert repr(compared) == capsys.readouterr().out.strip()
    html = compared._repr_html_()
    assert all(result.model.spec in html for result in results)


def test_a_comparison_by_class_has_a_row_for_each(results: ig.Results) -> None:
    """Whose differences add up to that of all images."""
    compared = ig.compare(results, split=SPLIT)
    frame = compared.by_group("class")
    total = (frame["difference"] * frame["n"]).sum() / frame["n"].sum()
    assert total == pytest.approx(compared.to_frame()["difference"][0])
    with pytest.raises(ig.ImagenetGError, match="Unknown grouping 'recipe'"):
        compared.by_group("recipe")


def test_effective_robustness_of_results_is_that_which_is_stored(results: ig.Results) -> None:
    """Against the line that ships, by the same rule."""
    line = SUBMISSIONS / "baselines" / "drawn-mini-sd-l.json"
    frame = ig.effective_robustness(results, baseline=str(line), splits=[SPLIT]).set_index("model")
    own = ig.effective_robustness(results, splits=SPLIT).set_index("model")
    # Without a name it is the line that comes with the version.
    assert frame["er"].to_dict() == pytest.approx(own["er"].to_dict())
    for result in results:
        entry = next(entry for entry in result.entries if entry.split.ref == SPLIT)
        stored = next(er for er in entry.effective_robustness if er.link == "logit")
        assert frame.loc[result.model.spec, "er"] == pytest.approx(stored.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"baseline": "drawn"}, "lists models and has no figures"),
        ({"splits": "mini/sd-k"}, "Unknown split 'mini/sd-k'"),
        ({"link": "cauchit"}, "Unknown link 'cauchit'"),
        ({"baseline": 3}, "baseline takes a name, not 3"),
    ],
)
def test_a_mistake_is_named(call: dict[str, Any], message: str, results: ig.Results) -> None:
    """No frame is empty, or NaN throughout, because of a name that nothing has."""
    with pytest.raises(ig.ImagenetGError, match=message):
        ig.effective_robustness(results, **call)
