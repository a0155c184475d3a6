"""Cut prompts and shared prompts: the same words in the dry run, the build and on the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from build_specs import build, make_noise_spec, write_spec

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.generation.plans.prompt_checks import list_prompt_warnings, loses_class, report_prompts
from imagenet_g.generation.prompts.recipes import make_class_name
from imagenet_g.generation.prompts.token_limit import keep_clip_text
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.version import VersionSpec, load_version_spec

LONG = " with soft light" * 30
TWO_MISSILES = ["n03773504", "n04008634", "n01440764"]


def make_limited(prompts: dict[str, str], classes: list[str] | None = None, limit: int = 77) -> VersionSpec:
    """A version of noise whose generator has a text encoder."""
    table: dict[str, Any] = make_noise_spec().model_dump(mode="json", exclude_none=True)
    table["generators"]["noise"]["clip_token_limit"] = limit
    table["splits"]["sd-l"]["prompts"] = {"class_names": "open_clip", **prompts}
    if classes is not None:
        table["splits"]["sd-l"]["classes"] = classes
    return VersionSpec.model_validate(table)


def make_template(text: str) -> dict[str, str]:
    """The recipe "template"."""
    return {"recipe": "template", "template": text}


@pytest.mark.parametrize("words", [["--dry-run"], []], ids=["dry run", "build"])
def test_a_class_behind_the_limit_is_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is written; the message has the split, the class, the prompt and the limit."""
    path = write_spec(tmp_path / "cut.toml", make_limited(make_template(f"a photo{LONG} of a {{c}}")))
    assert main(["build", str(path), *words, "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "Split 'sd-l': 12 of 12 prompts name their class behind the 77 tokens" in message
    assert "Shorten the prompts" in message
    assert not (tmp_path / "out").exists()


def test_a_cut_prompt_that_keeps_its_class_is_said_when_the_build_starts(tmp_path: Path) -> None:
    """With the count and the first one, before the first image."""
    notes = build(make_limited(make_template(f"a {{c}}{LONG}")), tmp_path / "out").notes
    assert "sd-l: 12 of 12 images have a prompt of more than the 77 tokens" in notes[0]


def test_a_build_that_continues_says_it_again(tmp_path: Path) -> None:
    """Whoever starts it again may be someone else."""
    spec = make_limited(make_template(f"a {{c}}{LONG}"))
    build(spec, tmp_path / "out")
    assert any("a prompt of more than" in note for note in build(spec, tmp_path / "out").notes)


def test_two_classes_with_one_prompt_are_a_warning_everywhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the dry run, in the build, in the manifest and on the card; never a refusal."""
    spec = make_limited(make_template("a photo of a {c}"), TWO_MISSILES)
    expected = "2 classes share a prompt with another, such as n03773504 (missile) and n04008634 (missile): "
    assert main(["build", str(write_spec(tmp_path / "two.toml", spec)), "--dry-run"]) == 0
    assert expected + "'a photo of a missile'" in capsys.readouterr().out
    notes = build(spec, tmp_path / "out").notes
    assert any(expected in note for note in notes)
    report = parse_split_recipe(load_manifest(tmp_path / "out"), "sd-l").prompts
    assert report is not None and report.num_sharing == 2
    assert expected + "`a photo of a missile`" in (tmp_path / "out" / "README.md").read_text()


def test_a_card_of_split_prompts_has_no_line_about_sharing(tmp_path: Path) -> None:
    """Frozen cards have none either."""
    build(make_limited(make_template("a {c}")), tmp_path / "out")
    assert "share a prompt" not in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize(
    ("names", "shared"),
    [
        ("open_clip", {"missile": 2, "sunglasses": 2}),
        ("lemmas", {"crane": 2}),
        ("first-lemma", {"crane": 2, "maillot": 2}),
    ],
)
def test_the_names_that_two_classes_have_are_known(names: Any, shared: dict[str, int]) -> None:
    """Each set of names has some; a template turns them into one prompt."""
    found = [make_class_name(info, names) for info in load_classes()]
    assert {name: found.count(name) for name in found if found.count(name) > 1} == shared
    spec = make_limited(
        {**make_template("a {c}"), "class_names": names}, [info.wnid for info in load_classes()]
    )
    split = spec.splits["sd-l"]
    report = report_prompts(split, spec.generators["noise"], [f"a {name}" for name in found], range(1000))
    assert report is not None and report.num_sharing == sum(shared.values())


def test_the_recipe_of_v1_shares_prompts_and_cuts_none() -> None:
    """Missiles and sunglasses, by open_clip's names."""
    from imagenet_g.generation.plans.plan import make_plan

    spec = load_version_spec("v1")
    split = spec.splits["sd-l"].model_copy(update={"classes": (*TWO_MISSILES, "n04355933", "n04356056")})
    table = make_plan("v1", "sd-l", split, rows_per_shard=100, recipe={}).table
    generator = spec.generators[split.generator]
    report = report_prompts(split, generator, table["prompt"].to_pylist(), table["label"].to_pylist())
    assert report is not None
    assert (report.num_sharing, report.num_over_limit) == (4, 0)


@pytest.mark.parametrize(
    ("prompt", "limit", "kept"),
    [
        ("a photo of a tench", 8, "a photo of a tench"),
        ("a photo of a tench", 7, "a photo of a"),
        ("a photo of a tench", 6, "a photo of a"),
        ("", 7, ""),
        ("one", 1, ""),
    ],
)
def test_the_text_that_is_kept_has_whole_words(prompt: str, limit: int, kept: str) -> None:
    """Start and end take two places; "ten", the first token of "tench", is another word."""
    assert keep_clip_text(prompt, limit) == kept


@pytest.mark.parametrize(
    ("prompt", "label", "limit", "lost"),
    [
        ("a great white shark in the sea at noon", 2, 5, True),
        ("a great white shark in the sea at noon", 2, 6, False),
        ("two tench, and then one more tench", 0, 5, False),
        ("a photograph without its fish at all", 0, 5, False),
        ("a kite (bird of prey) that flies", 21, 5, False),
    ],
)
def test_a_class_is_lost_where_its_whole_name_is_behind_the_limit(
    prompt: str, label: int, limit: int, *, lost: bool
) -> None:
    """A part of it names another thing; one mention is enough; a prompt without it is no case of this."""
    assert loses_class(prompt, label, limit=limit, names=["open_clip"]) is lost


def make_pipeline(pipeline: str, **changes: Any) -> DiffusersSpec:
    """A pipeline with CLIP's limit."""
    return DiffusersSpec(pipeline=pipeline, repo="a/b", revision="main", dtype="float32", inputs="prompt",
                         clip_token_limit=77, **changes)  # fmt: skip


@pytest.mark.parametrize(
    ("pipeline", "longer"),
    [
        ("StableDiffusionPipeline", False),
        ("StableDiffusionXLPipeline", False),
        ("StableDiffusion3Pipeline", True),
        ("FluxPipeline", True),
    ],
)
def test_a_second_encoder_that_reads_more_saves_the_class(pipeline: str, *, longer: bool) -> None:
    """T5 beside CLIP; both encoders of SDXL are CLIP's and cut alike."""
    assert make_pipeline(pipeline).has_longer_encoder is longer


def test_a_negative_prompt_that_is_cut_is_said() -> None:
    """It is the same for every image."""
    generator = make_pipeline("StableDiffusionPipeline", arguments={"negative_prompt": "blurry" + LONG})
    assert list_prompt_warnings(None, generator) == [
        "negative_prompt has 93 tokens and the text encoder accepts 77; the rest is cut"
    ]
