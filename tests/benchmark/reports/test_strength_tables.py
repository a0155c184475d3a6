"""Strengths as a reader sees them: table, sentence and figure."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context

from factories import make_evidence, make_model_record, make_predictions
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.environment import make_environment
from imagenet_g.benchmark.formats.strengths import FailurePoint
from imagenet_g.benchmark.predictions.entries import make_entry
from imagenet_g.benchmark.predictions.result_files import write_result
from imagenet_g.benchmark.reports.strength_figure import make_caption
from imagenet_g.benchmark.reports.strength_tables import format_failure
from imagenet_g.benchmark.results import STATISTICS_VERSION, Result
from imagenet_g.benchmark.strengths.axis import Strengths

GRID = np.array([0.0, 0.5, 1.0, 1.5])


def make_result(
    fails_at: list[int | None],
    *,
    spec: str = "timm:x",
    ref: str = "v9/sd-l",
    named: bool = True,
    grid: int = 4,
) -> Result:
    """Series of ten classes that fail at places of the grid, None for never."""
    labels = [1 + number % 10 for number in range(len(fails_at)) for _ in range(grid)]
    right = [fails is None or place < fails for fails in fails_at for place in range(grid)]
    predicted = [label if hit else 50 for label, hit in zip(labels, right, strict=True)]
    series = tuple(f"s{number}" for number in range(len(fails_at)) for _ in range(grid)) if named else None
    predictions = make_predictions(predicted, labels)
    ladder = Strengths(np.tile(GRID[:grid], len(fails_at)), series)
    object.__setattr__(predictions, "strengths", ladder)
    entry = make_entry(make_evidence(predictions, ref=ref), reference=None, published=())
    return Result(
        statistics=STATISTICS_VERSION,
        model=make_model_record(spec),
        environment=make_environment(),
        entries=(entry,),
    )


def find_failure(fails_at: list[int | None]) -> FailurePoint:
    """The failure point of such series."""
    strength = make_result(fails_at).entries[0].scores[0].strength
    assert strength is not None
    assert strength.failure is not None
    return strength.failure


def read_texts(path: Path) -> list[str]:
    """All texts of an SVG."""
    found = re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text(encoding="utf-8"))
    return [html.unescape(text).strip() for text in found]


def test_show_has_a_row_a_strength_and_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the same numbers as the file."""
    write_result(tmp_path, make_result([0, 1, 2, 2, 3, None] * 4))
    assert main(["show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    assert "top-1 in percent by strength" in shown
    assert re.search(r"│\s+0\.5 │\s+24 │\s+66\.67 \(46\.7 to 82\.0\) │\s+20 │\s+4 │\s+80\.00", shown)
    assert "v9/sd-l: of 20 series half are wrong by strength 1 (" in words
    assert (
        "20.0 % (8.1 to 41.6) are never wrong; apart from these 4 are wrong at strength 0 already." in words
    )


def test_without_series_the_table_has_no_columns_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And a sentence says why."""
    write_result(tmp_path, make_result([1, 2, None], named=False))
    assert main(["show", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "turned wrong" not in shown
    assert "no failure point: it does not say which images are of one series" in " ".join(shown.split())


def test_a_split_without_strengths_is_shown_as_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither table nor sentence."""
    entry = make_entry(make_evidence(make_predictions([1, 2], [1, 2])), reference=None, published=())
    write_result(tmp_path, make_result([1]).model_copy(update={"entries": (entry,)}))
    assert main(["show", str(tmp_path)]) == 0
    assert "strength" not in capsys.readouterr().out


def test_a_median_that_is_not_reached_is_said_so() -> None:
    """No number stands for infinity."""
    text = format_failure(find_failure([None] * 18 + [1, 2]))
    assert text.startswith(
        "of 20 series fewer than half are wrong by the greatest strength (the interval too)"
    )
    text = format_failure(find_failure([None] * 6 + [1, 2, 3, 3]))
    assert "by the greatest strength (the interval from " in text


def test_plot_draws_models_on_one_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two panels, the models named once, the split above."""
    cases: list[tuple[str, list[int | None]]] = [("timm:$x$", [0, 1, 2, 3]), ("timm:b", [1, 2, None, None])]
    for name, fails in cases:
        write_result(tmp_path / name[5:], make_result(fails * 5, spec=name))
    out = tmp_path / "figure.svg"
    with rc_context({"svg.fonttype": "none"}):
        assert main(["plot", str(tmp_path / "$x$"), str(tmp_path / "b"), "--out", str(out)]) == 0
    texts = read_texts(out)
    assert {"timm:$x$", "timm:b", "v9/sd-l", "top-1 in %", "series never wrong so far, in %"} <= set(texts)
    assert "wrote" in capsys.readouterr().out


def test_the_caption_says_which_series_the_shares_are_of() -> None:
    """Those that are right at strength 0, or all where no image has strength 0."""
    begun = find_failure([0, 1, 2])
    later = begun.model_copy(update={"begins_at_zero": False})
    assert "of those that are right at strength 0 (Kaplan" in make_caption([begun])
    assert "of all series, as no image has strength 0 (Kaplan" in make_caption([later])
    assert "right at strength 0, or of all series where no image" in make_caption([begun, later])


def test_plot_without_series_has_one_panel(tmp_path: Path) -> None:
    """A second one would be empty."""
    write_result(tmp_path, make_result([1, 2], named=False))
    with rc_context({"svg.fonttype": "none"}):
        assert main(["plot", str(tmp_path), "--out", str(tmp_path / "f.svg")]) == 0
    assert not any("series" in text or "Kaplan" in text for text in read_texts(tmp_path / "f.svg"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--split", "v9/other"], "'v9/other' is not in these results"),
        (["--out", "figure.gif"], "png, pdf, svg"),
    ],
)
def test_plot_refuses_with_one_message(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asked for is not there, or cannot be written."""
    write_result(tmp_path, make_result([1, 2]))
    assert main(["plot", str(tmp_path), *words]) == 2
    assert message in capsys.readouterr().err


def test_plot_refuses_results_without_strengths_and_too_many_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty figure, and one that nobody can read."""
    entry = make_entry(make_evidence(make_predictions([1], [1])), reference=None, published=())
    write_result(tmp_path / "plain", make_result([1]).model_copy(update={"entries": (entry,)}))
    assert main(["plot", str(tmp_path / "plain")]) == 2
    assert "No split of these results says how strongly" in capsys.readouterr().err
    write_result(tmp_path / "one", make_result([1, 2]))
    assert main(["plot", *[str(tmp_path / "one")] * 6]) == 2
    assert "6 lines are too many" in capsys.readouterr().err
