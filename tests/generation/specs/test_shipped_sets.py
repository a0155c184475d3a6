"""Every shipped version: what its splits are for, how many images they have, and what is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from training_counts import make_counts, write_counts_csv

from imagenet_g.benchmark.classes import load_class_set
from imagenet_g.benchmark.cli import main
from imagenet_g.benchmark.errors import InputError
from imagenet_g.generation.plans.cells import list_cells
from imagenet_g.generation.plans.class_counts import count_images, resolve_counts
from imagenet_g.generation.prompts.mixing import make_mixed_prompts
from imagenet_g.generation.specs.diffusers import DiffusersSpec
from imagenet_g.generation.specs.inputs import CaptionPromptSpec
from imagenet_g.generation.specs.version import (
    SplitSpec,
    VersionSpec,
    list_version_names,
    load_version_spec,
    parse_version_spec,
)

WHOLE = 1_281_167
"""Russakovsky et al. 2015, Table 2."""
_COUNTS = list(make_counts().values())
HUNDRED = sum(_COUNTS[index] for index in load_class_set("imagenet-100").indices)
"""Of the made-up counts, added up without the package's own sums."""
DRAFTS = (
    "chroma", "flux", "flux2", "hunyuan-image", "if", "lumina2", "qwen-image", "sana", "sana-sprint",
    "sd15-finetuned", "sd21", "sd3", "sd35", "sdxl", "z-image",
)  # fmt: skip
STRATEGIES = ("sd-l", "sd-i", "sd-li")
TEMPLATES = ("sd-l-photo", "sd-l-rendition")
TRAINING: dict[str, dict[str, int]] = {
    "v1-train": dict.fromkeys(STRATEGIES, WHOLE),
    "v1-imagenet-100-train": dict.fromkeys((*STRATEGIES, *TEMPLATES), HUNDRED),
    "in100-sd-name": {"sd": HUNDRED},
    "in100-sd-hypernym": {"sd": HUNDRED},
    "in100-sd-definition": {"sd": HUNDRED},
    "in100-sd-multiple": {"sd": HUNDRED},
    "in100-sd-different": {"sd": HUNDRED},
    "in100-sd-scene": {"sd": HUNDRED},
    "in100-sd-10x": {"sd": 10 * HUNDRED},
    "in1k-sd-definition": {"sd": WHOLE},
    "in1k-sd-scene": {"sd": WHOLE},
    "draft-ldm-imagenet-100-train": {"class": HUNDRED},
    "draft-sd15-finetuned-imagenet-100-train": {"sd-l": HUNDRED},
}
EMBEDDED_TRAINING = {
    "mini-train": {"real": 41_600, "posed": 41_600},
    "mini-v3-train": {"plain": 6720, "single": 5040},
}
IMAGES: dict[str, dict[str, int]] = {
    "v1": dict.fromkeys(STRATEGIES, 50_000),
    "v1-imagenet-100": dict.fromkeys((*STRATEGIES, *TEMPLATES), 5000),
    **TRAINING,
    **EMBEDDED_TRAINING,
    "mini": dict.fromkeys(("real", *STRATEGIES), 1040),
    "mini-v2": dict.fromkeys(STRATEGIES, 1040),
    "mini-v3": {"real": 840, "sd-l": 840},
    "mini-comparators": {"mismatched-scene": 208, "away-from-mean": 208},
    **{f"draft-{name}": {"sd-l": 50_000} for name in DRAFTS},
    "draft-dit": {"class": 50_000},
    "draft-ldm": {"class": 50_000},
    "draft-ood": {"ood": 4300},
    "draft-comparators": {"mismatched-scene": 4300, "away-from-mean": 4300},
    "draft-sweep-robin": {"guidance-steps": 25},
}
ROBIN = "robin, thrush"
RED = "robin, large American thrush having a rust-red breast and abdomen"
FIRST_PROMPTS: dict[tuple[str, str], list[str | None]] = {
    ("v1-train", "sd-l"): ["a bad photo of a tench."],
    ("v1-train", "sd-i"): [None],
    ("v1-train", "sd-li"): ["a bad photo of a tench."],
    ("v1-imagenet-100-train", "sd-l"): ["a dark photo of the American robin."],
    ("v1-imagenet-100-train", "sd-i"): [None],
    ("v1-imagenet-100-train", "sd-li"): ["a dark photo of the American robin."],
    ("v1-imagenet-100-train", "sd-l-photo"): ["a photo of a American robin"] * 2,
    ("v1-imagenet-100-train", "sd-l-rendition"): ["a rendition of a American robin"] * 2,
    ("v1-imagenet-100", "sd-l-photo"): ["a photo of a American robin"] * 2,
    ("v1-imagenet-100", "sd-l-rendition"): ["a rendition of a American robin"] * 2,
    ("in100-sd-name", "sd"): ["robin"],
    ("in100-sd-hypernym", "sd"): [ROBIN],
    ("in100-sd-definition", "sd"): [RED],
    ("in100-sd-multiple", "sd"): [f"a photo of multiple {ROBIN}"],
    ("in100-sd-different", "sd"): [f"a photo of multiple different {ROBIN}"],
    ("in100-sd-scene", "sd"): [f"{ROBIN} inside a hockey arena"],
    ("in1k-sd-definition", "sd"): [
        "tench, freshwater dace-like game fish of Europe and western Asia noted for ability to survive "
        "outside water"
    ],
    ("in1k-sd-scene", "sd"): ["tench, cyprinid inside an airfield"],
    ("in100-sd-10x", "sd"): [
        f"a photo of multiple {ROBIN}", f"a photo of multiple different {ROBIN}",
        f"{ROBIN} inside a hockey arena", "robin", ROBIN, RED, f"a photo of multiple {ROBIN}",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up counts of the training set."""
    return write_counts_csv(tmp_path_factory.mktemp("devkit") / "counts.csv", make_counts())


def count_split(split: SplitSpec) -> int:
    """Rows that its plan will have, without making it."""
    return sum(count_images(split, index) for index in split.class_indices) * len([*list_cells(split)])


def test_the_table_lists_every_shipped_version() -> None:
    """A new spec needs its counts here."""
    assert set(IMAGES) == set(list_version_names())


@pytest.mark.parametrize("name", IMAGES)
def test_a_shipped_version_has_the_images_of_the_table(name: str, counts: Path) -> None:
    """Of each split, with the counts of the training set where they are asked for."""
    spec = load_version_spec(name)
    filled = resolve_counts(spec, spec.splits, counts, {})
    assert {split: count_split(table) for split, table in filled.splits.items()} == IMAGES[name]


def test_the_guide_lists_the_sets_of_the_papers_with_their_images() -> None:
    """A row a split, or for several that have as many."""
    guide = (Path(__file__).parents[3] / "generation" / "README.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in guide.splitlines() if "|" in line]
    listed = {
        (version.strip("`"), split.strip("`")): images
        for version, splits, images, *_ in (row for row in rows if len(row) == 5)
        for split in splits.split(", ")
    }
    shown = {HUNDRED: "as ImageNet", 10 * HUNDRED: "10 x ImageNet"}
    wanted = {
        (name, split): shown.get(number, f"{number:,}")
        for name in ("v1", "v1-imagenet-100", *TRAINING)
        for split, number in IMAGES[name].items()
    }
    assert {key: listed.get(key) for key in wanted} == wanted


@pytest.mark.parametrize("name", IMAGES)
def test_sets_to_train_on_are_called_so_and_no_others(name: str) -> None:
    """By the role of each split."""
    role = "train" if name in {**TRAINING, **EMBEDDED_TRAINING} else "test"
    assert {split.role for split in load_version_spec(name).splits.values()} == {role}


@pytest.mark.parametrize("name", [name for name in IMAGES if not name.startswith("mini")])
def test_images_drawn_by_a_downloaded_generator_have_a_view_of_the_safe_ones(name: str) -> None:
    """The embedded generators have only seen drawings, and no classifier of photographs ships."""
    for split in load_version_spec(name).splits.values():
        assert split.views["safe"].kind == "threshold"


@pytest.mark.parametrize(("name", "split"), FIRST_PROMPTS)
def test_the_first_class_is_asked_for_as_its_paper_does(name: str, split: str) -> None:
    """Word by word; without prompts where only an image is given."""
    table, wanted = load_version_spec(name).splits[split], FIRST_PROMPTS[name, split]
    if table.prompts is None:
        assert wanted == [None]
        return
    assert not isinstance(table.prompts, CaptionPromptSpec)
    assert make_mixed_prompts(table.prompts, table.class_indices[0], len(wanted)) == wanted


@pytest.mark.parametrize("name", TRAINING)
def test_without_the_training_counts_a_dry_run_names_file_and_total(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are not shipped."""
    assert main(["build", name, "--dry-run"]) == 2
    told = capsys.readouterr().err
    assert "1,281,167" in told
    assert "meta.mat" in told


@pytest.mark.parametrize("name", [name for name in TRAINING if name.startswith("in1")])
def test_the_sets_of_the_six_prompts_are_drawn_as_the_paper_says(name: str) -> None:
    """Stable Diffusion 1.4, 512 x 384 pixels, 50 steps, guidance 7.5."""
    (generator,) = load_version_spec(name).generators.values()
    assert isinstance(generator, DiffusersSpec)
    assert generator.repo == "CompVis/stable-diffusion-v1-4"
    assert (generator.width_px, generator.height_px) == (512, 384)
    assert (generator.steps, generator.guidance) == (50, 7.5)


def test_a_training_set_is_made_as_its_test_set_is() -> None:
    """By the very generators of v1; an image is made from an image of the training set."""
    v1, train = load_version_spec("v1"), load_version_spec("v1-train")
    assert train.generators == v1.generators
    for name, split in train.splits.items():
        assert (split.generator, split.prompts) == (v1.splits[name].generator, v1.splits[name].prompts)
        assert (split.sources and split.sources.ref) == ("imagenet-train" if "i" in name[3:] else None)


OWN = """schema_version = 1
version = "more"
extends = "v1"
title = "More"
[splits.a]
title = "A"
generator = "sd15"
classes = ["n01440764"]
images_per_class = 2
batch_size = 2
prompts = { recipe = "openai-80", class_names = "open_clip" }
"""


def extend(text: str) -> VersionSpec:
    """A version with splits of its own."""
    return parse_version_spec(text, source="more.toml")


def test_a_version_with_splits_of_its_own_keeps_only_what_they_use() -> None:
    """Generators and scorers of the other version that no split names would be pinned for nothing."""
    spec = extend(OWN)
    assert (list(spec.generators), list(spec.scorers), list(spec.splits)) == (["sd15"], [], ["a"])
    v1 = load_version_spec("v1")
    assert (spec.license, spec.encoding) == (v1.license, v1.encoding)
    scored = extend(OWN.replace("batch_size", 'scorers = ["nsfw"]\nbatch_size'))
    assert list(scored.scorers) == ["nsfw"]


def test_commits_of_its_own_replace_those_of_the_other_version() -> None:
    """As 'imagenet-g build pin' writes them."""
    commit = "a" * 40
    pinned = extend(f'{OWN}[revisions]\n"stable-diffusion-v1-5/stable-diffusion-v1-5" = "{commit}"\n')
    assert [one.revision for one in pinned.generators["sd15"].all_repositories] == [commit]


@pytest.mark.parametrize(("old", "new", "told"), [
    ('"sd15"', '"sd16"', "split 'a' uses generator 'sd16', which is not described"),
    ("batch_size", "scorers = 5\nbatch_size", "splits.a.scorers"),
    ("batch_size", "batchsize", "Did you mean 'batch_size'"),
    ('title = "More"', 'titel = "More"', "unknown key 'titel'. Did you mean 'title'"),
    ('title = "More"', 'title = "More"\ngenerator = "sdxl"', "unknown key 'splits'"),
])  # fmt: skip
def test_splits_of_its_own_that_cannot_be_read_are_refused(old: str, new: str, told: str) -> None:
    """With the key."""
    with pytest.raises(InputError, match=told):
        extend(OWN.replace(old, new))
