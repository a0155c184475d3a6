"""Whether a generator copies, and whether it follows the words of a prompt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.neighbors import NearestNeighbors
from tiny_training import build_composites

from imagenet_g.benchmark.cli import main
from imagenet_g.generation.training.cards import put_section
from imagenet_g.generation.training.fidelity import draw_pairs, find_nearest, probe_styles


def _pictures(count: int, seed: int) -> torch.Tensor:
    numbers = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, 8, 8), generator=numbers, dtype=torch.uint8)


def test_a_copy_is_found_at_distance_zero() -> None:
    """In its row."""
    training = _pictures(50, 0)
    nearest = find_nearest(training[[7, 31]], training)
    assert nearest.rows.tolist() == [7, 31]
    assert nearest.distances == pytest.approx([0, 0], abs=1e-3)


def test_a_mirror_image_is_a_copy() -> None:
    """Turning a picture round hides nothing."""
    training = _pictures(20, 0)
    assert find_nearest(training[[4]].flip(-1), training).distances == pytest.approx([0], abs=1e-3)


def test_nearest_rows_and_distances_are_those_of_scikit_learn() -> None:
    """Over training pictures and their mirror images."""
    pictures, training = _pictures(15, 1), _pictures(40, 2)
    both = torch.cat([training, training.flip(-1)]).flatten(1).numpy() / 255
    distances, rows = NearestNeighbors(n_neighbors=1).fit(both).kneighbors(pictures.flatten(1).numpy() / 255)
    nearest = find_nearest(pictures, training)
    assert nearest.rows.tolist() == (rows[:, 0] % 40).tolist()
    assert nearest.distances == pytest.approx(distances[:, 0] / (3 * 8 * 8) ** 0.5, rel=1e-3)


def test_the_summary_gives_the_lower_end() -> None:
    """Where copies would be."""
    training = _pictures(30, 0)
    summary = find_nearest(torch.cat([training[:1], _pictures(9, 5)]), training).summarize()
    assert summary.num_images == 10
    assert summary.quantiles["0"] == pytest.approx(0, abs=1e-3)
    assert summary.quantiles["0.5"] > 0.2


def test_pairs_are_drawn_nearest_first() -> None:
    """The copy and its original are the first column."""
    training = _pictures(30, 0)
    pictures = torch.cat([_pictures(3, 5), training[[9]]])
    sheet = draw_pairs(pictures, training, find_nearest(pictures, training), 2)
    assert sheet.shape == (3, 16, 16)
    assert torch.equal(sheet[:, :8, :8], training[9])
    assert torch.equal(sheet[:, 8:, :8], training[9])


def _embeddings(seed: int, count: int) -> tuple[np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    styles = rng.choice(["blurry", "dark", "plain"], count, p=[0.2, 0.2, 0.6])
    centers = {"blurry": [2.0, 0, 0], "dark": [0, 2.0, 0], "plain": [0, 0, 2.0]}
    points = np.array([centers[style] for style in styles]) + rng.normal(0, 0.5, (count, 3))
    return points.astype(np.float32), styles.tolist()


def test_the_probe_names_styles_that_embeddings_tell_apart() -> None:
    """Far better than chance, each style counted alike."""
    training, other = _embeddings(0, 600), _embeddings(1, 300)
    summary = probe_styles(*training, *other)
    assert summary.chance == pytest.approx(1 / 3)
    assert summary.balanced_accuracy > 0.95
    assert set(summary.by_style) == {"blurry", "dark", "plain"}


def test_the_probe_is_at_chance_where_embeddings_say_nothing() -> None:
    """So that a high number means something."""
    (_, styles), (_, others) = _embeddings(0, 3000), _embeddings(1, 1500)
    rng = np.random.default_rng(2)
    noise = [rng.normal(size=(count, 3)).astype(np.float32) for count in (3000, 1500)]
    assert probe_styles(noise[0], styles, noise[1], others).balanced_accuracy == pytest.approx(
        1 / 3, abs=0.06
    )


def test_the_probe_is_scikit_learns_ridge() -> None:
    """Weighted so that styles count alike, the penalty on the intercept too small to matter."""
    (inputs, styles), (points, others) = _embeddings(0, 400), _embeddings(1, 200)
    names = sorted(set(styles))
    targets = np.array([names.index(style) for style in styles])
    weights = 1 / np.bincount(targets)[targets]
    model = Ridge(alpha=1e-3).fit(inputs, np.eye(3)[targets], sample_weight=weights)
    right = model.predict(points).argmax(axis=1) == np.array([names.index(style) for style in others])
    expected = np.mean([right[np.array(others) == name].mean() for name in names])
    assert probe_styles(inputs, styles, points, others).balanced_accuracy == pytest.approx(expected, abs=0.01)


def test_the_command_finds_copies_and_says_so_in_the_card_of_the_generator(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A set beside itself is nothing but copies; run again, the section is replaced."""
    release, model = build_composites(tmp_path / "release"), tmp_path / "model"
    model.mkdir()
    (model / "README.md").write_text("# a-model\n\nWhat it is.\n")
    words = [
        "lab",
        "fidelity",
        str(release),
        "--split",
        "real",
        "--unseen",
        "tiny/real",
        "--train",
        "tiny/real",
    ]
    words += ["--clip", "open_clip:packaged:mini-clip", "--out", str(tmp_path), "--card", str(model)]
    assert main(words) == main(words) == 0
    card = (model / "README.md").read_text()
    assert card.startswith("# a-model\n\nWhat it is.\n\n## Fidelity of tiny/real, beside tiny/real\n\n")
    assert card.count("| generated | 24 | 0.000 | 0.000 | 0.000 | 0.000 |") == 1
    assert "closest / 1 % / 5 % / median: 0.000 / 0.000 / 0.000 / 0.000" in capsys.readouterr().out


def test_a_folder_without_a_card_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its name."""
    release = build_composites(tmp_path / "release")
    words = ["lab", "fidelity", str(release), "--split", "real", "--train", "tiny/real"]
    words += ["--clip", "open_clip:packaged:mini-clip"]
    assert main([*words, "--out", str(tmp_path / "out"), "--card", str(tmp_path / "gone")]) == 2
    assert "gone' has no card" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_section_is_put_at_the_end_and_replaces_its_namesake() -> None:
    """Others stay as they are."""
    card = put_section(put_section("# m\n\nText.\n", "A", "one"), "B", "two")
    assert card == "# m\n\nText.\n\n## A\n\none\n\n## B\n\ntwo\n"
    assert put_section(card, "A", "three") == "# m\n\nText.\n\n## B\n\ntwo\n\n## A\n\nthree\n"
