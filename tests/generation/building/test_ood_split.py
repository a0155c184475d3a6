"""Splits from frozen captions: pinned, dealt out, filtered, seen through the 86 classes, and measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from build_specs import CLASSES, build, make_noise_spec, make_spec, make_split, make_stage, write_spec
from tiny_clip import build_tiny_clip

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.distances.results import DistanceReport
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.identity import hash_bytes, make_image_id, make_seed
from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
from imagenet_g.benchmark.splits.manifests import ThresholdView, load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.benchmark.splits.views import apply_view
from imagenet_g.generation.captions.files import CaptionSet, make_caption_set, write_captions
from imagenet_g.generation.captions.records import (
    CaptionCard,
    CaptionRecord,
    MeansRecord,
    SeedsRecord,
    WeightsRecord,
)
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.inputs import CaptionPromptSpec
from imagenet_g.generation.specs.version import VersionSpec, load_version_spec, parse_version_spec

Tiny = Callable[[str], Path]
LONG = "A tench " + "and another tench " * 40 + "waits."


def make_captions(
    wnids: list[str], *, per_class: int = 3, long_first: bool = False, card: CaptionCard | None = None
) -> CaptionSet:
    """Captions numbered by class and rank."""
    rows = [
        CaptionRecord(wnid=wnid, rank=rank, caption=f"Caption {rank} of {wnid}.", reward=None)
        for wnid in wnids
        for rank in range(per_class)
    ]
    if long_first:
        rows[0] = rows[0].model_copy(update={"caption": LONG})
    return make_caption_set("toy", rows, card=card, license="CC0-1.0")


def make_card(clip: WeightsRecord) -> CaptionCard:
    """A card whose captions were written under a CLIP."""
    digest = hash_bytes(b"")
    return CaptionCard(
        language_model=WeightsRecord(spec="tiny", revision=None, weights_sha256=digest),
        seeds=SeedsRecord(source="scenes", num_captions=1, sha256=digest),
        stages=(),
        clip=clip,
        means=MeansRecord(ref="mini/renditions", content_sha256=digest, images_per_class=1,
                          normalization="images", sha256=digest),
        objective={}, sampling={}, seed=0, versions={}, remark=None,
    )  # fmt: skip


def make_prompts(path: Path, captions: CaptionSet) -> dict[str, object]:
    """A frozen file, and the table of a spec that pins it."""
    write_captions(path, captions)
    return {"recipe": "captions", "file": str(path), "sha256": captions.header.content_sha256}


def make_ood_spec(prompts: dict[str, object], **changes: Any) -> VersionSpec:
    """A version of one split, from captions, by the noise generator."""
    limit = changes.pop("clip_token_limit", 77)
    generator = {
        "kind": "python",
        "inputs": "prompt",
        "factory": "build_specs:NoiseGenerator",
        "clip_token_limit": limit,
    }
    scorers = changes.pop("scorer_tables", {})
    return make_spec(
        {"noise": generator}, {"ood": make_split("noise", prompts=prompts, **changes)}, scorers=scorers
    )


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Rows of the release without their images."""
    files = sorted((out / "data" / "ood").glob("*.parquet"))
    return [row for file in files for row in pq.read_table(file).drop_columns(["image"]).to_pylist()]


def test_images_take_the_captions_of_their_class_best_first(tmp_path: Path) -> None:
    """And begin anew when there are fewer captions than images."""
    build(make_ood_spec(make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES))), tmp_path / "out")
    rows = read_rows(tmp_path / "out")
    for wnid in CLASSES:
        found = [row["prompt"] for row in rows if row["wnid"] == wnid]
        assert found == [f"Caption {rank} of {wnid}." for rank in (0, 1, 2, 0)]
    assert {row["recipe"] for row in rows} == {"captions:toy"}


def test_identity_and_seed_do_not_depend_on_the_captions(tmp_path: Path) -> None:
    """They follow from version, split, class and index, as everywhere."""
    build(make_ood_spec(make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES))), tmp_path / "out")
    for number, row in enumerate(read_rows(tmp_path / "out")):
        assert row["image_id"] == make_image_id("tiny", "ood", row["wnid"], number % 4)
        assert row["seed"] == make_seed("tiny", "ood", row["wnid"], number % 4)


def test_where_the_caption_file_lies_does_not_change_the_plan(tmp_path: Path) -> None:
    """The captions do."""
    plans = []
    for folder, per_class in (("a", 3), ("b", 3), ("c", 2)):
        prompts = make_prompts(tmp_path / folder / "toy.jsonl", make_captions(CLASSES, per_class=per_class))
        build(make_ood_spec(prompts), tmp_path / folder / "out")
        plans.append(parse_split_recipe(load_manifest(tmp_path / folder / "out"), "ood").plan_sha256)
    assert plans[0] == plans[1] != plans[2]


def test_the_release_says_where_its_captions_come_from(tmp_path: Path) -> None:
    """Header and card in the manifest, a line on the card of the release."""
    clip = WeightsRecord(spec="open_clip:ViT-B-32/openai", revision=None, weights_sha256=hash_bytes(b"clip"))
    captions = make_captions(CLASSES, card=make_card(clip))
    build(make_ood_spec(make_prompts(tmp_path / "toy.jsonl", captions)), tmp_path / "out")
    assert parse_split_recipe(load_manifest(tmp_path / "out"), "ood").captions == captions.header
    card = (tmp_path / "out" / "README.md").read_text()
    assert "written to be far from their class under open_clip:ViT-B-32/openai" in card


def test_a_class_without_captions_is_named_before_anything_is_rendered(tmp_path: Path) -> None:
    """With what to do."""
    prompts = make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES[:2]))
    with pytest.raises(DataError, match=f"no caption for class {CLASSES[2]}"):
        build(make_ood_spec(prompts), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_captions_than_the_pinned_ones_are_refused(tmp_path: Path) -> None:
    """Changed after freezing, frozen anew, missing, or never pinned."""
    prompts = make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES))
    other = make_captions(CLASSES, per_class=2)
    write_captions(tmp_path / "other.jsonl", other)
    with pytest.raises(DataError, match="not those of the spec"):
        build(make_ood_spec({**prompts, "file": str(tmp_path / "other.jsonl")}), tmp_path / "out")
    with pytest.raises(DataError, match="no caption file"):
        build(make_ood_spec({**prompts, "file": str(tmp_path / "none.jsonl")}), tmp_path / "out")
    with pytest.raises(UnknownNameError, match="path of a caption file"):
        build(make_ood_spec({**prompts, "file": "toy"}), tmp_path / "out")
    unpinned = {key: value for key, value in prompts.items() if key != "sha256"}
    with pytest.raises(InputError, match=str(prompts["sha256"])):
        build(make_ood_spec(unpinned), tmp_path / "out")
    text = (tmp_path / "toy.jsonl").read_text()
    (tmp_path / "toy.jsonl").write_text(text.replace("Caption 1 of", "Title 1 of"))
    with pytest.raises(DataError, match="changed or cut off"):
        build(make_ood_spec(prompts), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_captions_that_the_text_encoder_cuts_are_reported(tmp_path: Path) -> None:
    """When the build begins, in a dry run, in the manifest and on the card."""
    prompts = make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES, long_first=True))
    notes = build(make_ood_spec(prompts), tmp_path / "out").notes
    # Image 0 and image 3 of the first class have it.
    assert any("2 of 12 images have a prompt of more than the 77 tokens" in note for note in notes)
    report = parse_split_recipe(load_manifest(tmp_path / "out"), "ood").prompts
    assert report is not None and report.num_over_limit == 2
    assert "2 images have a prompt that is cut" in (tmp_path / "out" / "README.md").read_text()


def test_a_text_encoder_of_unknown_length_is_reported(tmp_path: Path) -> None:
    """Not taken for one that takes everything."""
    prompts = make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES))
    notes = build(make_ood_spec(prompts, clip_token_limit=None), tmp_path / "out").notes
    assert any("unknown" in note for note in notes)


def test_a_dry_run_shows_captions_and_what_is_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the command."""
    prompts = make_prompts(tmp_path / "toy.jsonl", make_captions(CLASSES, long_first=True))
    path = write_spec(tmp_path / "spec.toml", make_ood_spec(prompts))
    assert main(["build", str(path), "--dry-run"]) == 0
    assert "2 cut short" in capsys.readouterr().out


def test_mistakes_in_the_table_are_named(tmp_path: Path) -> None:
    """A misspelt key, a template beside captions, a malformed hash; and as before without captions."""
    text = write_spec(
        tmp_path / "spec.toml",
        make_ood_spec({"recipe": "captions", "file": "a.jsonl", "sha256": "0" * 64}),
    ).read_text()

    def refuse(old: str, new: str) -> str:
        assert old in text
        with pytest.raises(InputError) as caught:
            parse_version_spec(text.replace(old, new), source="mine.toml")
        return str(caught.value)

    assert "unknown key 'splits.ood.prompts.fiel'. Did you mean 'file'?" in refuse('"file"', '"fiel"')
    assert "unknown key 'splits.ood.prompts.template'" in refuse('"file" =', '"template" = "x", "file" =')
    assert "splits.ood.prompts.sha256" in refuse('"' + "0" * 64 + '"', '"123"')
    assert "splits.ood.prompts" in refuse('"recipe" = "captions"', '"recipe" = "openai-80"')


def test_the_draft_filters_at_the_papers_cosine_and_awaits_its_captions() -> None:
    """0.2, where the others have 0.3, for 86 classes, by IF; no hash is made up."""
    spec = load_version_spec("draft-ood")
    split = spec.splits["ood"]
    assert len(split.class_indices) == 86
    assert isinstance(generator := spec.generators[split.generator], DiffusersSpec)
    assert [stage.pipeline for stage in generator.stages] == ["IFPipeline", "IFSuperResolutionPipeline"]
    view = split.views["clip-filtered"]
    assert isinstance(view, ThresholdView) and view.minimum == 0.2
    assert isinstance(split.prompts, CaptionPromptSpec) and split.prompts.sha256 is None


def test_the_86_classes_of_the_paper_are_those_of_both_r_and_a(tmp_path: Path) -> None:
    """The count is the paper's; the view takes exactly their images of a split."""
    both = set(load_class_set("imagenet-r").indices) & set(load_class_set("imagenet-a").indices)
    assert len(both) == 86
    build(make_noise_spec(classes="imagenet-100", images_per_class=1), tmp_path / "tiny")
    split = load_split(parse_split_ref("tiny/sd-l"), data={"tiny": tmp_path / "tiny"}, cache=None)
    rows, classes, record = apply_view(split, "imagenet-r-a")
    assert set(split.rows.labels[rows, 0].tolist()) == both & set(split.class_set.indices)
    assert record.ref == "tiny/sd-l:imagenet-r-a"
    assert set(classes.indices) <= both


@pytest.fixture(scope="module")
def ood(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A release by a real pipeline, filtered by the tiny CLIP its captions were written under; that CLIP."""
    root = tmp_path_factory.mktemp("ood")
    folder = build_tiny_clip(root / "clip")
    spec = f"open_clip:local-dir:{folder}"
    record = load_clip_encoder(spec).record
    clip = WeightsRecord(spec=record.spec, revision=None, weights_sha256=record.weights_sha256)
    prompts = make_prompts(root / "toy.jsonl", make_captions(CLASSES, card=make_card(clip)))
    view = {"kind": "threshold", "column": "clip_score.clip", "minimum": -1.0}
    split = make_split("sd", prompts=prompts, scorers=["clip"], views={"clip-filtered": view})
    version = make_spec(
        {"sd": make_stage("StableDiffusionPipeline", tiny("sd"), clip_token_limit=77)}, {"ood": split},
        scorers={"clip": {"kind": "clip", "model": spec}},
    )  # fmt: skip
    build(version, root / "out")
    return root / "out", folder


def test_captions_through_a_pipeline_to_an_evaluation(ood: tuple[Path, Path], tmp_path: Path) -> None:
    """The filtered view is scored by the command as any other."""
    words = [
        "--split",
        "tiny/ood:clip-filtered",
        "--data",
        f"tiny={ood[0]}",
        "--out",
        str(tmp_path / "results"),
    ]
    model = ["--model", "python:toy_models:make_colour_model", "--cache", str(tmp_path / "cache")]
    assert main(["evaluate", *model, *words, "--reference", "published"]) == 0


def test_distance_says_that_its_clip_made_and_filtered_the_images(
    ood: tuple[Path, Path], tmp_path: Path
) -> None:
    """From the manifest alone: the captions' CLIP for every view, the filter's for the filtered one."""
    release, clip = ood
    other = build_tiny_clip(tmp_path / "other", seed=9)
    words = ["--split", "tiny/ood:clip-filtered", "--reference", "tiny/ood", "--data", f"tiny={release}"]
    clips = ["--clip", f"open_clip:local-dir:{clip}", "--clip", f"open_clip:local-dir:{other}"]
    files = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "d.json")]
    assert main(["distance", *words, *clips, *files, "--device", "cpu"]) == 0
    report = DistanceReport.model_validate_json((tmp_path / "d.json").read_bytes())
    assert [measure.independent for measure in report.measures] == [False, True]
    assert {(use.part, use.role) for use in report.clip_uses} == {
        ("split", "recipe"), ("split", "filter"), ("reference", "recipe"),
    }  # fmt: skip


def test_a_release_from_captions_is_verified_without_its_caption_file(
    ood: tuple[Path, Path], tiny: Tiny, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its plan holds every prompt."""
    assert main(["verify", str(ood[0]), "--pipeline", str(tiny("sd")), "--device", "cpu"]) == 0
    assert "R0" in capsys.readouterr().out
