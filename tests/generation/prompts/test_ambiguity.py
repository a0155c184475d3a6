"""Names that two classes share, and names that also mean another thing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from build_specs import CLASSES, build, make_noise_spec

from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.classes import load_classes, load_index_by_wnid
from imagenet_g.benchmark.splits.manifests import load_manifest
from imagenet_g.benchmark.splits.references import parse_split_ref
from imagenet_g.generation.prompts.ambiguity import NameRow, find_twins, list_ambiguous, load_name_rows
from imagenet_g.generation.prompts.recipes import ClassNames, make_class_name, make_prompts
from imagenet_g.generation.releases.recipe import parse_split_recipe
from imagenet_g.generation.specs.inputs import CaptionPromptSpec, PromptSpec

MISSILES = ["n03773504", "n04008634"]
SPLIT = next(iter(make_noise_spec().splits))
KINDS: tuple[ClassNames, ...] = ("open_clip", "lemmas", "first-lemma", "clear")


@pytest.mark.parametrize("row", load_name_rows(), ids=lambda row: f"{row.wnid}-{row.name}")
def test_every_listed_name_is_one_that_prompts_say(row: NameRow) -> None:
    """A misspelt one would never be found in a split."""
    info = load_classes()[load_index_by_wnid()[row.wnid]]
    assert row.name in {make_class_name(info, kind) for kind in KINDS}


def test_every_name_that_classes_share_is_listed() -> None:
    """Whatever kind of name the prompts use."""
    listed = {(row.wnid, row.name) for row in load_name_rows()}
    for kind in ("open_clip", "first-lemma"):
        names = {info.wnid: make_class_name(info, kind) for info in load_classes()}
        counts = Counter(name.casefold() for name in names.values())
        shared = {(wnid, name) for wnid, name in names.items() if counts[name.casefold()] > 1}
        assert shared <= listed, kind


@pytest.mark.parametrize("wnid", ["n03710637", "n01847000", "n02086910", "n02963159"])
def test_a_clear_name_says_more_than_open_clips(wnid: str) -> None:
    """Maillot, drake, papillon and cardigan."""
    info = load_classes()[load_index_by_wnid()[wnid]]
    assert make_class_name(info, "clear") != make_class_name(info, "open_clip")


@pytest.mark.parametrize(
    ("recipe", "names", "pairs"),
    [
        ("openai-80", "open_clip", {657: (744,), 744: (657,), 836: (837,), 837: (836,)}),
        ("openai-80", "clear", {657: (744,), 744: (657,), 836: (837,), 837: (836,)}),
        ("mismatched-scene", "open_clip", {657: (744,), 744: (657,), 836: (837,), 837: (836,)}),
        (
            "openai-80",
            "first-lemma",
            {134: (517,), 264: (474,), 474: (264,), 517: (134,), 638: (639,), 639: (638,)},
        ),
        ("openai-80", "lemmas", {134: (517,), 517: (134,)}),
        ("c-definition", "open_clip", {}),
    ],
)
def test_classes_with_the_same_prompts_are_twins(
    recipe: str, names: ClassNames, pairs: dict[int, tuple[int, ...]]
) -> None:
    """By the words of the recipe: a definition tells two missiles apart."""
    assert find_twins(PromptSpec(recipe=recipe, class_names=names)) == pairs


def test_twins_are_those_whose_prompts_are_equal() -> None:
    """Against the prompts themselves, all 80 of each class."""
    spec = PromptSpec(recipe="openai-80", class_names="first-lemma")
    texts = {
        index: frozenset(text.casefold() for text in make_prompts(spec, index, 80)) for index in range(1000)
    }
    same = Counter(texts.values())
    assert set(find_twins(spec)) == {index for index, text in texts.items() if same[text] > 1}


def test_images_from_images_have_no_twins_and_captions_have_those_of_the_names() -> None:
    """A caption calls both missiles by one name."""
    captions = CaptionPromptSpec(recipe="captions", file="x.jsonl")
    assert (find_twins(None), sorted(find_twins(captions))) == ({}, [657, 744, 836, 837])
    assert list_ambiguous(None, range(1000)) == ()


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built version with both missiles."""
    out = tmp_path_factory.mktemp("missiles")
    build(make_noise_spec(classes=[CLASSES[0], *MISSILES], images_per_class=2, batch_size=2), out)
    return out


def test_a_new_release_accepts_both_labels(release: Path) -> None:
    """In the rows that predictions are made on, the own label first."""
    split = load_split(parse_split_ref(f"tiny/{SPLIT}"), data={"tiny": release}, cache=None)
    assert split.rows.labels.tolist() == [[0, -1], [0, -1], [657, 744], [657, 744], [744, 657], [744, 657]]
    assert split.class_set.indices == (0, 657, 744)


def test_its_manifest_and_its_card_say_so(release: Path) -> None:
    """As data, and in words."""
    recipe = parse_split_recipe(load_manifest(release), SPLIT)
    assert recipe.also_right == {MISSILES[0]: (MISSILES[1],), MISSILES[1]: (MISSILES[0],)}
    card = (release / "README.md").read_text(encoding="utf-8")
    assert "classes with the same prompts: n03773504 and n04008634; either label is right" in card
    assert "`missile` (n03773504; also the same object as n04008634)" in card


def test_a_release_without_such_classes_is_as_before(tmp_path: Path) -> None:
    """No column, no words: frozen recipes build the same files."""
    build(make_noise_spec(), tmp_path)
    manifest = load_manifest(tmp_path)
    recipe = manifest.splits[SPLIT].recipe
    assert isinstance(recipe, dict)
    assert not {"also_right", "ambiguous_names"} & recipe.keys()
    shard = tmp_path / manifest.splits[SPLIT].files[0].path
    assert "also" not in pq.read_schema(shard).names
