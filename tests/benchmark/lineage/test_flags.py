"""Models that may have seen a split, or helped to make it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from image_sets import write_release

from factories import make_model_record, make_split_record
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.formats.flags import ContaminationFlag
from imagenet_g.benchmark.lineage.declarations import parse_declaration
from imagenet_g.benchmark.lineage.flags import (
    describe_flag,
    describe_flags,
    find_flags,
    flag_entry,
    format_flag,
)
from imagenet_g.benchmark.predictions.rescoring import RescoreRequest, rescore
from imagenet_g.benchmark.records import (
    ModelRecord,
    OriginModel,
    SplitOrigin,
    SplitRecord,
    ZeroShot,
)
from imagenet_g.benchmark.results import Result
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME

SD15 = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SUBMISSIONS = Path(__file__).resolve().parents[3] / "submissions"
PROMPTS = ZeroShot(
    templates="single", num_templates=1, templates_sha256="0" * 64, class_names_sha256="0" * 64
)


def make_origin(
    *models: OriginModel, generators: tuple[str, ...] | None = (SD15,), sources: str | None = None
) -> SplitOrigin:
    """The origin of a split that was published in March 2026."""
    return SplitOrigin(generators=generators, models=models, sources=sources, released=date(2026, 3, 15))


def make_split(origin: SplitOrigin | None, view: str | None = None) -> SplitRecord:
    """A split of a release that no registry knows."""
    return make_split_record("own/sd-l").model_copy(update={"origin": origin, "view": view})


def declare(until: str | None, *generators: str, data: str | None = None) -> ModelRecord:
    """A model with what is said of it, and nothing else known."""
    blank = {"training_data": None, "trained_until": None, "generated_training_data": None}
    return parse_declaration(data, until, generators).apply(make_model_record().model_copy(update=blank))


def make_clip(spec: str, weights: str = "a" * 64, text: str | None = None) -> ModelRecord:
    """A zero-shot model."""
    towers = None if text is None else {"text": text}
    return make_model_record(spec, weights).model_copy(update={"zero_shot": PROMPTS, "towers": towers})


def list_kinds(model: ModelRecord, split: SplitRecord) -> list[tuple[str, bool]]:
    """Kinds of flags, and whether each is known."""
    return [(flag.kind, flag.known) for flag in find_flags(model, split)]


@pytest.mark.parametrize(
    ("until", "kinds"),
    [("2026-03-14", []), ("2026-03-15", ["data-after-release"]), ("2026-03", ["data-after-release"])],
)
def test_a_split_published_before_the_data_ended_is_flagged(until: str, kinds: list[str]) -> None:
    """From the day of release on."""
    split = make_split(make_origin(generators=()))
    assert [flag.kind for flag in find_flags(declare(until), split)] == kinds


def test_an_unknown_date_raises_no_flag() -> None:
    """What is not declared is unknown."""
    assert find_flags(declare(None), make_split(make_origin())) == ()


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("sd-1.5", [("same-generator", True)]),
        ("runwayml/stable-diffusion-v1-5", [("same-generator", True)]),
        ("CompVis/stable-diffusion-v1-4", [("kin-generator", True)]),
        ("SimianLuo/LCM_Dreamshaper_v7", [("kin-generator", True)]),
        ("stable-diffusion-2-1", []),
        ("sdxl", []),
        ("none", []),
        ("our-own-generator", [("unknown-generator", False)]),
        ("stable diffusion", [("unknown-generator", False)]),
    ],
)
def test_training_on_the_generator_or_its_kin_is_flagged(name: str, kinds: list[tuple[str, bool]]) -> None:
    """Of a release outside every registry; a generator of unknown family is said to be unknown."""
    assert list_kinds(declare(None, name), make_split(make_origin())) == kinds


def test_images_that_nothing_drew_raise_no_flag_of_a_generator() -> None:
    """Collected images have no generator."""
    assert find_flags(declare(None, "sdxl"), make_split(make_origin(generators=()))) == ()


def test_a_release_that_does_not_say_what_drew_it_is_unknown() -> None:
    """No guess from its name."""
    split = make_split(make_origin(generators=None))
    assert list_kinds(declare(None, "sd-1.5"), split) == [("unknown-generator", False)]


@pytest.mark.parametrize(
    ("data", "until", "generated", "flagged"),
    [
        ("datacomp-1b", None, (), True),
        ("laion-2b", None, (), False),
        ("imagenet-1k", None, (), False),
        ("pictures of ours", "2025", (), True),
        ("pictures of ours", "2025", ("none",), False),
    ],
)
def test_web_pictures_newer_than_the_generator_may_be_its_images(
    data: str, until: str | None, generated: tuple[str, ...], flagged: bool
) -> None:
    """Stable Diffusion 1 has been public since August 2022, after LAION-2B."""
    kinds = list_kinds(declare(until, *generated, data=data), make_split(make_origin()))
    assert (("data-after-generator", True) in kinds) == flagged


@pytest.mark.parametrize(
    ("data", "flagged"), [("openai", True), ("datacomp-1b", False), ("imagenet-1k", False)]
)
def test_web_data_that_was_not_cleaned_may_hold_the_source_images(data: str, flagged: bool) -> None:
    """DataComp was cleaned of ImageNet's validation set."""
    made_from = make_split(make_origin(generators=(), sources="imagenet-val"))
    real = make_split_record("imagenet-val")
    for split in (made_from, real):
        kinds = [kind for kind, _ in list_kinds(declare(None, data=data), split)]
        assert ("holds-source" in kinds) == flagged


def make_filter(weights: str | None, spec: str = "open_clip:ViT-L-14/openai") -> OriginModel:
    """The model behind a view called clip-filtered."""
    return OriginModel(
        role="filter", spec=spec, weights_sha256=weights, view="clip-filtered", detail="at least 0.3"
    )


def test_the_filter_is_known_by_its_weights_under_any_name() -> None:
    """And another set of weights of the same name is another model."""
    split = make_split(make_origin(make_filter("a" * 64)), view="clip-filtered")
    assert list_kinds(make_clip("open_clip:local-dir:mine", "a" * 64), split) == [("is-filter", True)]
    assert list_kinds(make_clip("open_clip:ViT-L-14/openai", "b" * 64), split) == []


def test_a_filter_has_no_part_in_the_whole_split() -> None:
    """Only its own view leaves images out."""
    assert (
        list_kinds(make_clip("open_clip:x", "a" * 64), make_split(make_origin(make_filter("a" * 64)))) == []
    )


def test_a_filter_without_a_hash_is_unknown_and_never_guessed() -> None:
    """Even under the very name; a classifier of another library cannot be it."""
    split = make_split(make_origin(make_filter(None)), view="clip-filtered")
    assert list_kinds(make_clip("open_clip:ViT-L-14/openai"), split) == [("is-filter", False)]
    assert list_kinds(make_model_record(), split) == []


def test_the_reward_of_captions_is_flagged_on_every_view() -> None:
    """The captions are those of the whole split."""
    reward = OriginModel(role="reward", spec="open_clip:a", weights_sha256="a" * 64, detail="captions")
    assert list_kinds(make_clip("open_clip:b", "a" * 64), make_split(make_origin(reward))) == [
        ("is-reward", True)
    ]


@pytest.mark.parametrize(
    ("spec", "ours", "theirs", "kinds"),
    [
        ("open_clip:local-dir:mine", "c" * 64, "c" * 64, [("is-text-encoder", True)]),
        ("open_clip:ViT-L-14/openai", "d" * 64, "c" * 64, []),
        # Not recorded: by the documents of the family these cannot be it, and those may.
        ("open_clip:ViT-B-32/laion2b_e16", "c" * 64, None, []),
        ("open_clip:ViT-L-14/openai", "c" * 64, None, [("is-text-encoder", False)]),
        ("open_clip:local-dir:mine", "c" * 64, None, [("is-text-encoder", False)]),
    ],
)  # fmt: skip
def test_the_text_encoder_is_known_by_its_first_layer(
    spec: str, ours: str, theirs: str | None, kinds: list[tuple[str, bool]]
) -> None:
    """Under any name; where it is not recorded, only published names of other models are excluded."""
    encoder = OriginModel(
        role="text-encoder", spec=SD15, weights_sha256=None, tower_sha256=theirs, detail="text_encoder"
    )
    assert list_kinds(make_clip(spec, text=ours), make_split(make_origin(encoder))) == kinds


def test_what_is_unknown_says_so_in_the_warning_and_in_the_table() -> None:
    """And what is circular is not called contamination."""
    split = make_split(make_origin(make_filter(None)), view="clip-filtered")
    unknown = find_flags(make_clip("open_clip:a"), split)[0]
    known = unknown.model_copy(update={"known": True})
    assert format_flag(unknown).startswith("Unknown: ")
    assert describe_flag(unknown) == "is the split's filter: unknown"
    assert (format_flag(known)[:10], describe_flag(known)) == ("Circular: ", "is the split's filter")


def score_shipped(model: str, split: str, view: str | None) -> Result:
    """A result from predictions in the repository."""
    file = SUBMISSIONS / "mini" / f"imagenet-g__{model}" / f"mini-{split}.parquet"
    return rescore(
        RescoreRequest(files=(file,), reference=None, view=view, data={}, skip_unreadable=False, out=Path())
    )


@pytest.mark.parametrize(
    ("model", "split", "view", "kinds"),
    [
        ("mini-clip", "sd-l", "clip-filtered", ["is-filter"]),
        ("mini-clip", "sd-l", None, []),
        ("mini-resnet-s", "sd-l", "clip-filtered", []),
    ],
)
def test_the_filter_of_the_practice_edition_is_flagged_from_stored_predictions(
    model: str, split: str, view: str | None, kinds: list[str]
) -> None:
    """Their files are older than origins; the manifest is in the package."""
    entry = score_shipped(model, split, view).entries[0]
    assert [flag.kind for flag in entry.contamination] == kinds
    assert entry.contamination_rules is not None


@pytest.mark.parametrize(
    ("split", "name", "kind"),
    [("sd-l", "packaged:mini-sd-2", "kin-generator"), ("real", "packaged:mini-sd", None)],
)
def test_each_split_of_a_release_is_flagged_for_what_drew_it(split: str, name: str, kind: str | None) -> None:
    """No generator drew mini/real."""
    file = SUBMISSIONS / "mini" / "imagenet-g__mini-resnet-s" / f"mini-{split}.parquet"
    request = RescoreRequest(
        files=(file,), reference=None, view=None, data={}, skip_unreadable=False, out=Path()
    )
    result = rescore(request)
    model = parse_declaration(None, None, [name]).apply(result.model)
    assert [flag.kind for flag in find_flags(model, result.entries[0].split)] == ([kind] if kind else [])


def test_a_result_carries_the_flag_and_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A release of the user's own says in its manifest that Stable Diffusion 1.5 drew it."""
    release = write_release(tmp_path / "own", [3, 7], version="own")
    manifest = json.loads((release / MANIFEST_NAME).read_text())
    manifest["splits"]["sd-l"]["recipe"] = {"recipe": {"generator": {"repo": SD15}}}
    (release / MANIFEST_NAME).write_text(json.dumps(manifest))
    code = main(
        ["evaluate", "--model", "python:toy_models:make_colour_model", "--split", "own/sd-l",
         "--data", f"own={release}", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"),
         "--trained-on-generated", "sd-1.5", "--trained-until", "2022-06", "--training-data", "my own"]
    )  # fmt: skip
    assert code == 0
    found = json.loads(next((tmp_path / "out").rglob("result.json")).read_text())
    assert [flag["kind"] for flag in found["entries"][0]["contamination"]] == ["same-generator"]
    assert (found["model"]["trained_until"], found["model"]["training_data"]) == ("2022-06-30", "my own")
    assert "Possible contamination" in " ".join(capsys.readouterr().out.split())


def test_flags_that_were_stored_and_those_of_today_are_both_shown() -> None:
    """A file may be older or newer than the data here."""
    split = make_split(make_origin(make_filter("a" * 64)), view="clip-filtered")
    clip = make_clip("open_clip:x", "a" * 64)
    entry = score_shipped("mini-resnet-s", "sd-l", None).entries[0].model_copy(update={"split": split})
    old = ContaminationFlag(kind="same-generator", reason="as it was found then.")
    assert describe_flags(entry, clip) == ("is the split's filter (found later)",)
    assert describe_flags(flag_entry(entry, clip), clip) == ("is the split's filter",)
    older = entry.model_copy(update={"contamination": (old,)})
    assert describe_flags(older, make_model_record()) == (
        "trained on the split's generator (not by today's data)",
    )
