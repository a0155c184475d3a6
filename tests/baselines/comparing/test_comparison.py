"""Models compared on the same images, and the command that does it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from noisy_models import run_command
from PIL import Image

from factories import make_meta, make_predictions
from imagenet_g.baselines.comparing.comparison import Answers, ModelComparison, compare_models
from imagenet_g.baselines.comparing.contact_sheet import build_sheet, choose_tiles
from imagenet_g.baselines.comparing.stored_runs import StoredRun, align_answers
from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.predictions.predictions import write_predictions


def make_answers(
    accuracies: list[float], *, num_classes: int = 50, per_class: int = 40, seed: int = 0
) -> Answers:
    """Models that are right at random, all on the same images."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_classes, dtype=np.int16), per_class)
    correct = np.stack([rng.random(len(labels)) < accuracy for accuracy in accuracies])
    return Answers(
        models=tuple(f"model-{number}" for number in range(len(accuracies))),
        image_ids=tuple(f"image-{number}" for number in range(len(labels))),
        labels=labels[:, None],
        predicted=np.where(correct, labels, (labels + 1) % 1000).astype(np.int16),
        correct=correct,
        outputs="all",
        groups={},
    )


def compare(accuracies: list[float], seed: int = 0) -> ModelComparison:
    """Compare models of these accuracies."""
    return compare_models(make_answers(accuracies, seed=seed))


def test_a_clear_difference_is_found_and_a_small_one_is_a_tie() -> None:
    """60 against 50 % of 2000 images is settled; 60 against 59.9 % is not."""
    comparison = compare([0.6, 0.5, 0.599])
    tied = {(pair.first, pair.second): pair.tied for pair in comparison.pairs}
    assert tied[comparison.standings[0].model, "model-1"] is False
    assert [pair.tied for pair in comparison.pairs if "model-1" not in (pair.first, pair.second)] == [True]


def test_tied_models_share_their_ranks() -> None:
    """The two best can each be first or second; the third is third."""
    ranks = {one.model: (one.best_rank, one.worst_rank) for one in compare([0.6, 0.5, 0.599]).standings}
    assert ranks == {"model-0": (1, 2), "model-2": (1, 2), "model-1": (3, 3)}


def test_a_model_ties_with_itself() -> None:
    """The same answers: difference 0, p 1, kappa 1."""
    answers = make_answers([0.6, 0.6])
    same = Answers(
        **{
            **{name: getattr(answers, name) for name in answers.__slots__},
            "correct": answers.correct[[0, 0]],
            "predicted": answers.predicted[[0, 0]],
        }
    )
    pair = compare_models(same).pairs[0]
    assert (pair.difference.value, pair.mcnemar.p_value, pair.kappa, pair.same_answer) == (0.0, 1.0, 1.0, 1.0)
    assert pair.tied


def test_false_differences_among_equal_models_are_rare() -> None:
    """In 60 comparisons of three equally good models about 5 %, and never a tenth, find a difference."""
    found = sum(any(not pair.tied for pair in compare([0.6] * 3, seed=seed).pairs) for seed in range(60))
    assert found <= 6


def test_the_interval_of_a_difference_covers_it() -> None:
    """Over 200 pairs the 95 % interval holds the true difference about 95 % of the time."""
    hits = 0
    for seed in range(200):
        answers = make_answers([0.6, 0.55], num_classes=25, per_class=10, seed=seed)
        pair = compare_models(answers).pairs[0]
        low, high = pair.difference.low, pair.difference.high
        assert low is not None
        assert high is not None
        sign = 1 if pair.first == "model-0" else -1
        hits += low <= sign * 0.05 <= high
    assert 182 <= hits <= 198


def make_run(name: str, predicted: list[int], labels: list[int], prefix: str = "image") -> StoredRun:
    """Stored predictions of one model."""
    predictions = make_predictions(predicted, labels, prefix)
    return StoredRun(name=name, predictions=predictions, meta=make_meta(predictions))


def test_models_are_lined_up_by_image_not_by_row() -> None:
    """A file in another order compares the same."""
    one = make_run("a", [1, 2, 3], [1, 2, 9])
    other = make_run("b", [9, 9, 1], [1, 2, 9])
    turned = StoredRun(name="b", predictions=other.predictions.take(np.array([2, 0, 1])), meta=other.meta)
    answers, again = align_answers([one, other], outputs="all"), align_answers([one, turned], outputs="all")
    assert answers.image_ids == again.image_ids
    np.testing.assert_array_equal(answers.correct, again.correct)


def test_an_image_a_model_could_not_score_is_wrong_for_it() -> None:
    """As in a score, so that no model gains by failing."""
    answers = align_answers([make_run("a", [1, -1], [1, 2]), make_run("b", [1, 2], [1, 2])], outputs="all")
    assert answers.correct.tolist() == [[True, False], [True, True]]


def test_models_without_a_common_image_are_refused() -> None:
    """There is nothing to compare."""
    with pytest.raises(InputError, match="share no image"):
        align_answers([make_run("a", [1], [1], "x"), make_run("b", [1], [1], "y")], outputs="all")


def test_labels_that_differ_are_refused() -> None:
    """The same image with another truth is another split."""
    with pytest.raises(DataError, match="has other labels than 'a'"):
        align_answers([make_run("a", [1], [1]), make_run("b", [1], [2])], outputs="all")


def test_several_images_of_a_source_are_compared_by_source() -> None:
    """Where images share a source, the comparison is also by source."""
    from dataclasses import replace

    run = make_run("a", [1, 1, 2, 2], [1, 1, 2, 2])
    predictions = replace(run.predictions, source_image_ids=("p", "p", "q", "q"))
    answers = align_answers(
        [replace(run, predictions=predictions), make_run("b", [1, 3, 2, 3], [1, 1, 2, 2])], outputs="all"
    )
    assert answers.groups["source"].tolist() == ["p", "p", "q", "q"]


def test_a_contact_sheet_shows_what_only_one_gets_right() -> None:
    """Every tile is an image the named model gets right and the other does not."""
    answers = make_answers([0.6, 0.5])
    tiles = choose_tiles(answers, 0, 1, limit=7)
    right = dict(zip(answers.image_ids, answers.correct.T, strict=True))
    assert len(tiles) == 14
    for tile in tiles:
        assert right[tile.image_id].tolist() == [tile.right == "model-0", tile.right == "model-1"]
    sheet = build_sheet(tiles, lambda _: Image.new("RGB", (300, 200), "red"))
    colours = {colour for _, colour in sheet.getcolors(1_000_000) or []}
    assert (255, 0, 0) in colours


def test_a_sheet_of_equal_models_is_refused() -> None:
    """There is nothing to show."""
    answers = make_answers([1.0, 1.0])
    with pytest.raises(InputError, match="right on exactly the same images"):
        choose_tiles(answers, 0, 1, limit=3)


def write_run(folder: Path, name: str, predicted: list[int], labels: list[int]) -> str:
    """A predictions file of a model of this name."""
    predictions = make_predictions(predicted, labels)
    meta = make_meta(predictions)
    meta = meta.model_copy(update={"model": meta.model.model_copy(update={"spec": name})})
    path = folder / f"{name.replace(':', '-')}.parquet"
    write_predictions(path, predictions, meta)
    return str(path)


def test_the_command_prints_standings_and_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three files: each model once, each pair once, ties called ties."""
    rng = np.random.default_rng(1)
    labels = [number % 20 for number in range(400)]
    files = [
        write_run(
            tmp_path, f"timm:m{number}", [label if rng.random() < rate else 500 for label in labels], labels
        )
        for number, rate in enumerate((0.8, 0.8, 0.4))
    ]
    assert run_command("compare", *files) == 0
    printed = capsys.readouterr().out
    assert printed.count(" less ") == 3
    assert printed.count(": tied") == 1
    assert printed.count("is better") == 2
    assert "rank 1 to 2" in printed
    assert "error consistency" in printed


def test_one_model_alone_is_refused(tmp_path: Path) -> None:
    """The message shows how the command is used."""
    with pytest.raises(InputError, match="needs at least two models"):
        run_command("compare", write_run(tmp_path, "timm:a", [1, 2], [1, 2]))


def test_the_same_run_twice_is_refused(tmp_path: Path) -> None:
    """A model compared with itself says nothing."""
    path = write_run(tmp_path, "timm:a", [1, 2], [1, 2])
    with pytest.raises(InputError, match="twice"):
        run_command("compare", path, path)
