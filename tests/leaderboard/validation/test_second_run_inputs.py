"""A second run of a model of which the submission has a part by its hash alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_sets import write_release

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.packaged import find_packaged_model
from imagenet_g.leaderboard.submissions.reviews import Review, load_review
from imagenet_g.leaderboard.validation.second_runs.running import HashedInputs, load_submission, make_command

NAME = "mini-resnet-xs"


def run(*words: object) -> int:
    """One command."""
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of six images, and the submission of a model with a class map of its authors' own."""
    folder = tmp_path_factory.mktemp("mapped")
    write_release(folder / "release", list(range(6)))
    shipped = (find_packaged_model(NAME, "timm") / "classes.txt").read_text().split()
    (folder / "map.txt").write_text("\n".join(reversed(shipped)))
    data = ("--data", f"v9={folder / 'release'}")
    places = ("--out", folder / "out", "--cache", folder / "cache", "--device", "cpu", "--workers", "1")
    options = ("--split", "v9/sd-l", "--class-map", folder / "map.txt", *data, *places)
    assert run("evaluate", "--model", f"timm:packaged:{NAME}", *options) == 0
    said = ("--organisation=Lab", "--name=Mapped", "--authors=A. Author", "--contact=a@example.org")
    result = next((folder / "out").glob("*/result.json"))
    assert run("submit", "--local", result, "--to", folder / "submissions", *data, *said) == 0
    return folder


def verify(made: Path, *words: object) -> int:
    """`verify-submission`, which runs the model."""
    path = made / "submissions" / "v9" / "lab__mapped.json"
    data = ("--data", f"v9={made / 'release'}", "--against", made / "nowhere")
    return run("verify-submission", path, "--by", "a maintainer", "--out", made / "again", *data, *words)


def test_a_class_map_of_the_authors_own_is_asked_for(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The model's usual one is another model; nothing is verified."""
    assert verify(made) == 2
    message = capsys.readouterr().err
    assert "The submission has the class map '104 outputs to 104 classes" in message
    assert "--class-map FILE" in message
    assert isinstance(load_review(made / "submissions" / "v9" / "lab__mapped.json"), str)


def test_a_model_with_a_class_map_is_verified(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder of its result ends in a hash of the map."""
    assert verify(made, "--class-map", made / "map.txt") == 0
    assert "v9/sd-l: second run +0.000 points, 0 other answers" in capsys.readouterr().out
    review = load_review(made / "submissions" / "v9" / "lab__mapped.json")
    assert isinstance(review, Review) and review.trust == "verified"


def test_weights_of_the_authors_own_are_asked_for(made: Path, tmp_path: Path) -> None:
    """And given to the architecture that the submission names."""
    submission = load_submission(made / "submissions" / "v9" / "lab__mapped.json")
    model = submission.result.model.model_copy(update={"spec": "timm:resnet18+checkpoint"})
    own = submission.model_copy(update={"result": submission.result.model_copy(update={"model": model})})
    with pytest.raises(InputError, match=r"weights of its authors' own.*--checkpoint FILE"):
        make_command(own, tmp_path, [])
    words = make_command(own, tmp_path, [], HashedInputs(checkpoint=tmp_path / "w.pt"))
    assert {"--model=timm:resnet18", f"--checkpoint={tmp_path / 'w.pt'}"} <= set(words)
