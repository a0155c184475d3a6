"""What a build and its dry run refuse before the first image."""

from __future__ import annotations

from pathlib import Path

import pytest
from build_specs import build, make_noise_spec, write_spec

from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.generation.building.guards import describe_missing, validate_scorers, validate_views
from imagenet_g.generation.rendering import safety_scorer
from imagenet_g.generation.specs.version import VersionSpec

THRESHOLD = {"kind": "threshold", "column": "safe_probability.nswf", "minimum": 0.8}
NOT_FLAT = {"kind": "equals", "column": "is_flat", "value": "False"}


def make_safe_spec(view: dict[str, object]) -> VersionSpec:
    """Noise with a safety scorer and one view."""
    return make_noise_spec(scorers=["nsfw"], scorer_tables={"nsfw": {"kind": "safety"}}, views={"safe": view})


@pytest.mark.parametrize("view", [THRESHOLD, {"kind": "all", "views": [NOT_FLAT, THRESHOLD]}])
@pytest.mark.parametrize("word", ["--dry-run", "--out"])
def test_a_view_on_a_column_that_will_not_be_there_is_refused_before_anything_is_drawn(
    view: dict[str, object], word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt column, alone and in a combined view; the message names the right one."""
    spec = write_spec(tmp_path / "tiny.toml", make_safe_spec(view))
    words = ["build", str(spec), word, *([str(tmp_path / "out")] if word == "--out" else [])]
    assert main(words) == 2
    message = capsys.readouterr().err
    assert "'safe_probability.nswf'" in message and "'safe_probability.nsfw'" in message
    assert not (tmp_path / "out").exists()


def test_without_the_package_of_a_scorer_nothing_is_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The dry run says so, and a build without scores needs no package."""
    monkeypatch.setattr(safety_scorer, "find_safety_version", lambda: None)
    spec = make_safe_spec({**THRESHOLD, "column": "safe_probability.nsfw"})
    with pytest.raises(InputError, match=r"imagenet-g\[safety\].*--no-scores"):
        build(spec, tmp_path / "out")
    assert not list((tmp_path / "out").glob("plan/*"))
    assert "A build would stop at once here" in describe_missing(spec, ("sd-l",))[0]
    build(spec, tmp_path / "out", with_scores=False)


def test_an_installed_package_is_nothing_to_say() -> None:
    """As in the tests' own environment."""
    spec = make_safe_spec(THRESHOLD)
    validate_scorers(spec, ("sd-l",))
    assert describe_missing(spec, ("sd-l",)) == []


def test_views_on_scores_are_not_looked_at_where_none_are_made() -> None:
    """They are left out of such a release."""
    spec = make_safe_spec(THRESHOLD)
    validate_views(spec, ("sd-l",), with_scores=False)
    with pytest.raises(UnknownNameError):
        validate_views(spec, ("sd-l",), with_scores=True)


@pytest.mark.parametrize(
    ("model", "message"),
    [("nolib:x", "Unknown model scheme 'nolib'"), ("open_clip:NoSuch/none", "Unknown open_clip model")],
)
def test_a_dry_run_refuses_a_scorer_whose_model_nobody_offers(
    model: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name, without reading weights."""
    spec = make_noise_spec(scorers=["judge"], scorer_tables={"judge": {"kind": "judge", "model": model}})
    assert main(["build", str(write_spec(tmp_path / "tiny.toml", spec)), "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert "Scorer 'judge'" in said and message in said


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("batch_size", '"30"', 'batch_size: must be a whole number, without quotes, and is "30"'),
        ("images_per_class", "true", "images_per_class: must be a whole number, without quotes, and is true"),
    ],
)
def test_a_dry_run_refuses_text_and_truth_where_a_number_belongs(
    key: str, value: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the key and what stands there."""
    path = write_spec(tmp_path / "tiny.toml", make_noise_spec())
    path.write_text(path.read_text().replace(f'"{key}" = 4', f'"{key}" = {value}'))
    assert main(["build", str(path), "--dry-run"]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
