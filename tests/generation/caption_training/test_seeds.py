"""Settings of a captions run, and the captions that stage 1 learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.generation.caption_training.seeds import (
    SeedCaption,
    add_article,
    drop_long_seeds,
    hash_seeds,
    load_seeds,
    make_prompt,
    make_scene_seeds,
)
from imagenet_g.generation.captions.sentences import find_faults
from imagenet_g.generation.captions.specs import (
    CaptionSpec,
    ModelSeeds,
    SceneSeeds,
    list_caption_specs,
    load_caption_spec,
)

TENCH, GOLDFISH = "n01440764", "n01443537"


def change(**changes: object) -> CaptionSpec:
    """The tiny settings with changes."""
    return CaptionSpec.model_validate({**load_caption_spec("tiny").model_dump(), **changes})


def ask_nobody(settings: ModelSeeds, requests: Sequence[str], seed: int) -> list[list[str]]:
    """A model that must not be asked."""
    raise AssertionError


def test_all_shipped_settings_are_valid() -> None:
    """And cover classes."""
    assert "tiny" in list_caption_specs()
    for name in list_caption_specs():
        assert load_caption_spec(name).class_indices


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("seed", "sead = 1\nseed", "unknown key 'sead'"), ("[rl]", "[rl]\nbeta = -1", "not TOML|beta"),
     ("heads = 2", "heads = 5", "width must be a multiple of heads")],
)  # fmt: skip
def test_bad_settings_are_refused_by_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    """A misspelt key, a bad value, a contradiction."""
    from importlib.resources import files

    text = (files("imagenet_g.generation.data") / "captions" / "tiny.toml").read_text(encoding="utf-8")
    (tmp_path / "bad.toml").write_text(
        text.replace(f"{old}", new, 1) if old != "seed" else f"sead = 1\n{text}"
    )
    with pytest.raises(InputError, match=words):
        load_caption_spec(str(tmp_path / "bad.toml"))


def test_unknown_settings_are_refused_with_the_nearest() -> None:
    """Did you mean."""
    with pytest.raises(UnknownNameError, match="Did you mean 'tiny'"):
        load_caption_spec("tinny")


def test_scene_seeds_of_all_classes_are_valid() -> None:
    """Every pattern with every class: one complete sentence that names it."""
    spec = change(classes="all")
    seeds = make_scene_seeds(spec, SceneSeeds(kind="scenes", per_class=5))
    assert len(seeds) == len(set(seeds)) == 5_000
    faulty = [
        (seed.caption, faults)
        for seed in seeds
        if (faults := find_faults(seed.caption, seed.class_index, names="open_clip", min_words=4))
    ]
    assert faulty == []


def test_scene_seeds_follow_from_the_seed() -> None:
    """The same again, others with another seed, and a class's own do not depend on its neighbours."""
    spec = change()
    again, other = load_seeds(change(), ask_nobody), load_seeds(change(seed=1), ask_nobody)
    assert hash_seeds(load_seeds(spec, ask_nobody)) == hash_seeds(again) != hash_seeds(other)
    first = load_classes()[spec.class_indices[0]].wnid
    alone = load_seeds(change(classes=[first]), ask_nobody)
    assert alone == tuple(seed for seed in again if seed.class_index == spec.class_indices[0])


def test_seeds_come_from_a_file(tmp_path: Path) -> None:
    """Those of the wanted classes, comments aside."""
    path = tmp_path / "seeds.tsv"
    path.write_text(f"# mine\n{TENCH}\tA tench naps in a taxi.\n{GOLDFISH}\tA goldfish reads the news.\n")
    spec = change(classes=[TENCH], seeds={"kind": "file", "path": str(path)})
    assert load_seeds(spec, ask_nobody) == (SeedCaption(0, "A tench naps in a taxi."),)


@pytest.mark.parametrize(
    ("line", "words"),
    [(f"{TENCH} A tench naps here.", "line 1: write the wnid, a tab"),
     (f"{TENCH}\ta tench naps", "no-capital, no-end"),
     ("n99999999\tA tench naps here.", "Unknown wnid"),
     (f"{GOLDFISH}\tA goldfish naps here.", "no valid seed")],
)  # fmt: skip
def test_bad_seed_files_are_refused_by_line(tmp_path: Path, line: str, words: str) -> None:
    """Form, validity, class, and a class without any."""
    path = tmp_path / "seeds.tsv"
    path.write_text(f"{line}\n")
    with pytest.raises((InputError, DataError), match=words):
        load_seeds(change(classes=[TENCH], seeds={"kind": "file", "path": str(path)}), ask_nobody)


def test_a_model_is_asked_for_each_class_and_its_invalid_answers_are_dropped() -> None:
    """At most so many as are wanted, quotation marks off."""
    asked: list[str] = []

    def answer(settings: ModelSeeds, requests: Sequence[str], seed: int) -> list[list[str]]:
        asked.extend(requests)
        return [
            ['"A tench naps in a taxi."', "Sure! Here is one:", "A tench sings at noon.", "A tench prays."]
        ]

    model = {"kind": "pretrained", "repo": "x", "revision": "local"}
    seeds = {"kind": "model", "model": model, "per_class": 2, "instruction": "Say {c}."}
    found = load_seeds(change(classes=[TENCH], seeds=seeds), answer)
    assert asked == ["Say a tench."]
    assert [seed.caption for seed in found] == ["A tench naps in a taxi.", "A tench sings at noon."]


def test_a_model_that_writes_seeds_needs_its_repository_alone(tmp_path: Path) -> None:
    """As the comment in the shipped settings says."""
    from importlib.resources import files

    text = (files("imagenet_g.generation.data") / "captions" / "gpt2.toml").read_text(encoding="utf-8")
    old = '[seeds]\nkind = "scenes"\nper_class = 64\n'
    assert old in text and 'kind = "model" and\n# model.repo = "ORG/NAME"' in text
    path = tmp_path / "asked.toml"
    path.write_text(text.replace(old, '[seeds]\nkind = "model"\nmodel.repo = "ORG/NAME"\n'))
    seeds = load_caption_spec(str(path)).seeds
    assert isinstance(seeds, ModelSeeds)
    assert (seeds.model.repo, seeds.model.revision, seeds.per_class) == ("ORG/NAME", "main", 16)


def test_long_seeds_are_left_out_and_a_persons_own_are_refused() -> None:
    """As long as every class keeps one."""
    spec = change(classes=[TENCH])
    seeds = (SeedCaption(0, "A tench naps in a taxi."), SeedCaption(0, "A tench sings."))
    assert drop_long_seeds(spec, seeds, ["A tench sings."], limit=5) == seeds[:1]
    with pytest.raises(DataError, match=r"tench.* has no valid seed caption"):
        drop_long_seeds(spec, seeds, [seed.caption for seed in seeds], limit=5)
    own = change(classes=[TENCH], seeds={"kind": "file", "path": "mine.tsv"})
    with pytest.raises(InputError, match=r"1 of 2 .* \(5 tokens\), first: 'A tench sings.'"):
        drop_long_seeds(own, seeds, ["A tench sings."], limit=5)


@pytest.mark.parametrize(
    ("noun", "phrase"),
    [("ox", "an ox"), ("hourglass", "an hourglass"), ("unicycle", "a unicycle"), ("jeans", "a heap of jeans"),
     ("platypus", "a platypus")],
)  # fmt: skip
def test_articles_fit(noun: str, phrase: str) -> None:
    """By sound; plurals become singular."""
    assert add_article(noun) == phrase


def test_prompts_name_the_class() -> None:
    """As the settings say."""
    assert make_prompt(change(prompt="Describe {c}:"), 21) == "Describe kite:"
