"""A model's public answers against the private images: honest ones, and such as were read from the labels."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from build_specs import build, make_noise_spec
from label_readers import read_labels

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import DataError
from imagenet_g.benchmark.siblings.scores import SiblingScore, load_score

SPEC = "python:toy_models:make_colour_model"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `public`, `sealed`, `key`, and `results` of a model that is right on half the images."""
    folder = tmp_path_factory.mktemp("scoring")
    spec = make_noise_spec(
        factory="build_specs:ColourGenerator", images_per_class=40, flat={"max_std": -1.0, "retries": 0}
    )
    build(spec, folder / "public")
    words = ["sibling", "build", str(folder / "public"), "--key", str(folder / "key")]
    assert main([*words, "--out", str(folder / "sealed")]) == 0
    assert evaluate(folder) == 0
    return folder


def evaluate(folder: Path, *more: str) -> int:
    """The model's public answers."""
    data = ["--split", "tiny/sd-l", "--data", f"tiny={folder / 'public'}", "--reference", "published"]
    cache = ["--cache", str(folder / "cache")]
    return main(["evaluate", "--model", SPEC, *data, *cache, "--out", str(folder / "results"), *more])


def find_answers(folder: Path) -> Path:
    """Its file of predictions."""
    (found,) = (folder / "results").rglob("*.parquet")
    return found


def score(folder: Path, answers: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output, and the last line of errors."""
    words = ["sibling", "score", str(folder / "public"), "--sealed", str(folder / "sealed")]
    code = main([*words, "--answers", str(answers), "--out", str(out)])
    captured = capsys.readouterr()
    return code, captured.out, (captured.err.strip().splitlines() or [""])[-1]


def test_an_honest_model_is_not_accused_and_only_counts_are_kept(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No image id and no answer stands in the file."""
    code, out, _ = score(made, find_answers(made), tmp_path / "score.json", capsys)
    assert (code, "no sign of label reading (120 private images" in out) == (0, True)
    found = load_score(tmp_path / "score.json")
    assert not found.labels_read
    assert found.p_value > 1e-3
    assert [(one.public, one.private) for one in found.classes] == [(40, 40)] * 3
    assert 30 < sum(one.private_right for one in found.classes) < 90
    assert not {"image_id", "image_ids", "answers"} & json.loads((tmp_path / "score.json").read_text()).keys()
    assert stat.S_IMODE((tmp_path / "score.json").stat().st_mode) == 0o600


def test_who_reads_labels_is_found(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them, and nearly all."""
    for share in (1.0, 0.9):
        forged = read_labels(find_answers(made), tmp_path / f"{share}.parquet", share=share)
        code, out, _ = score(made, forged, tmp_path / "score.json", capsys)
        assert (code, "these answers used the public images" in out) == (0, True)
        assert load_score(tmp_path / "score.json").labels_read


def test_an_edited_score_is_refused(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its p-value, its level and its counts follow from one another."""
    forged = read_labels(find_answers(made), tmp_path / "forged.parquet")
    score(made, forged, tmp_path / "score.json", capsys)
    found = load_score(tmp_path / "score.json")
    for change in ({"p_value": 0.5}, {"level": 1e-300}, {"public_right": 10**6}, {"strata": ()}):
        edited = found.model_copy(update=change)
        (tmp_path / "edited.json").write_text(SiblingScore.model_dump_json(edited))
        with pytest.raises(DataError, match=r"edited|no score"):
            load_score(tmp_path / "edited.json")


def test_what_cannot_be_compared_is_refused(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Part of a split, and answers to another set: one line each."""
    part = made / "part"
    assert evaluate(made, "--limit", "10", "--out", str(part)) == 0
    (limited,) = part.rglob("*.parquet")
    code, _, err = score(made, limited, tmp_path / "score.json", capsys)
    assert (code, "The answers are to 10 of 120 images" in err) == (2, True)
    words = ["sibling", "score", str(made / "sealed"), "--sealed", str(made / "sealed")]
    out = ["--out", str(tmp_path / "score.json")]
    assert main([*words, "--answers", str(find_answers(made)), *out]) == 2
    assert "which" in capsys.readouterr().err
    words = ["sibling", "score", str(made / "public"), "--sealed", str(made / "public")]
    assert main([*words, "--answers", str(find_answers(made)), *out]) == 2
    assert "is not the sibling of 'tiny/sd-l'" in capsys.readouterr().err
