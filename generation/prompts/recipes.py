"""Prompt recipes: pure functions of a class and an index.

A recipe is a list of patterns. Image `index` of class `class_index` takes pattern and scene number
`class_index + index`, modulo their number: no randomness, every pattern is used about equally often over all
classes, and asking for more images per class never changes the first ones.

"mismatched-scene" uses only the scenes that do not suit the class.

Fields of a pattern: {c} class name, {h} WordNet hypernym, {d} WordNet definition, {b} a Places365 scene.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Literal

from imagenet_g.benchmark.classes import ClassInfo, load_classes
from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.generation.specs.inputs import PromptSpec

# Shorter words ("bar", "ice") stand inside too many unrelated ones, and a shared part of a word counts.
_WORD = re.compile(r"[a-z]{4,}")
ClassNames = Literal["open_clip", "lemmas", "first-lemma", "clear"]
FIELDS = ("c", "h", "d", "b")
# Source: Sariyildiz et al. 2023, "Fake it till you make it", Section 3.
FAKE_IT_PATTERNS = {
    "c": "{c}",
    "c-hypernym": "{c}, {h}",
    "c-definition": "{c}, {d}",
    "multiple": "a photo of multiple {c}, {h}",
    "multiple-different": "a photo of multiple different {c}, {h}",
    "c-hypernym-scene": "{c}, {h} inside {b}",
}
# The pattern that writes these prompts and `find_scene`, which takes them apart, share this separator.
MISMATCHED_SCENE = "mismatched-scene"
_IN_SCENE = " in the "
RECIPES = ("openai-80", "template", *FAKE_IT_PATTERNS, MISMATCHED_SCENE)
"""Recipes of patterns; the recipe "captions" reads a frozen file."""


def make_prompts(spec: PromptSpec, class_index: int, count: int) -> list[str]:
    """Prompts of the first `count` images of a class, in index order.

    Raises:
        UnknownNameError: No such recipe.
        InputError: A template with fields that do not exist, or none at all.

    Example:
        >>> make_prompts(PromptSpec(recipe="openai-80", class_names="open_clip"), class_index=1, count=2)
        ['a photo of many goldfish.', 'a sculpture of a goldfish.']
    """
    info = load_classes()[class_index]
    scenes, patterns, words = _list_scenes(spec, info), load_patterns(spec), make_words(spec, info)
    # Each class begins at its own index. If all began at 0, a split with one image a class would use the
    # first template only.
    numbers = range(class_index, class_index + count)
    return [patterns[n % len(patterns)].format(**words, b=scenes[n % len(scenes)]) for n in numbers]


def make_words(spec: PromptSpec, info: ClassInfo) -> dict[str, str]:
    """What stands in place of the fields of a pattern, the scene aside.

    Example:
        >>> spec = PromptSpec(recipe="c-hypernym", class_names="first-lemma", hypernyms="all")
        >>> make_words(spec, load_classes()[508])["h"]  # a computer keyboard
        'keyboard, data input device'
    """
    hypernyms = load_all_hypernyms()[info.wnid]
    if spec.hypernyms == "first":
        hypernyms = hypernyms[:1]
    # Each by its first lemma: with all lemmas of all hypernyms, the prompt would be a list of synonyms.
    named = ", ".join(lemmas.split(",")[0].strip() for lemmas in hypernyms)
    return {"c": make_class_name(info, spec.class_names), "h": named, "d": info.definition}


def make_class_name(info: ClassInfo, names: ClassNames) -> str:
    """The name of a class: open_clip's, all WordNet lemmas, the first lemma, or open_clip's made clear.

    Example:
        >>> shark = load_classes()[2]
        >>> make_class_name(shark, "open_clip"), make_class_name(shark, "first-lemma")
        ('great white shark', 'great white shark')
        >>> make_class_name(load_classes()[0], "lemmas")
        'tench, Tinca tinca'
        >>> make_class_name(load_classes()[157], "clear")
        'Papillon dog'
    """
    if names == "open_clip":
        return info.name
    if names == "clear":
        return _load_clear_names().get(info.wnid, info.name)
    return info.lemmas if names == "lemmas" else info.lemmas.split(",")[0].strip()


@cache
def _load_clear_names() -> dict[str, str]:
    """Names in place of open_clip's that also mean another thing, by wnid; see `prompts.ambiguity`."""
    text = (files("imagenet_g.generation.data") / "ambiguous_names.csv").read_text(encoding="utf-8")
    return {row["wnid"]: row["clear"] for row in csv.DictReader(text.splitlines()) if row["clear"]}


def load_patterns(spec: PromptSpec) -> tuple[str, ...]:
    """The patterns of a recipe, in the order they are used.

    Raises:
        UnknownNameError: No such recipe.
        InputError: A template is missing, does not belong to the recipe, or has unknown fields.

    Example:
        >>> load_patterns(PromptSpec(recipe="multiple", class_names="open_clip"))
        ('a photo of multiple {c}, {h}',)
    """
    if spec.recipe not in RECIPES:
        raise UnknownNameError("prompt recipe", spec.recipe, (*RECIPES, "captions"))
    if (spec.recipe == "template") != (spec.template is not None):
        raise InputError(
            "The key 'template' and the prompt recipe 'template' need each other; give both or neither."
        )
    if spec.template is not None:
        _validate_template(spec.template)
        return (spec.template,)
    if spec.recipe == "openai-80":
        return load_lines("templates_openai_80.txt")
    if spec.recipe == MISMATCHED_SCENE:
        return (f"a photo of a {{c}}{_IN_SCENE}{{b}}",)
    return (FAKE_IT_PATTERNS[spec.recipe],)


@cache
def load_scenes() -> tuple[str, ...]:
    """The 365 scenes as words: "apartment_building/outdoor" reads "apartment building outdoor".

    Example:
        >>> load_scenes()[:3]
        ('airfield', 'airplane cabin', 'airport terminal')
    """
    return tuple(scene.replace("_", " ").replace("/", " ") for scene in load_lines("places365.txt"))


def load_readable_scenes() -> tuple[str, ...]:
    """The 365 scenes as a sentence names them, with their article, in the order of `load_scenes`.

    Example:
        >>> load_readable_scenes()[load_scenes().index("garage outdoor")]
        'a garage outdoors'
    """
    return load_lines("places365_readable.txt")


def _list_scenes(spec: PromptSpec, info: ClassInfo) -> tuple[str, ...]:
    """The scenes of a class, spelt as the recipe says."""
    if spec.recipe == MISMATCHED_SCENE:
        # That pattern has "the" before the scene, and `find_scene` takes it apart by the listed spelling.
        if spec.scenes == "readable":
            raise InputError(f"The prompt recipe '{MISMATCHED_SCENE}' takes scenes = 'listed' only.")
        return list_mismatched_scenes(info)
    return load_readable_scenes() if spec.scenes == "readable" else load_scenes()


def list_mismatched_scenes(info: ClassInfo) -> tuple[str, ...]:
    """Scenes that share no word with the class, in order.

    A scene is left out where one of its words is a part of a word of the class's names, hypernym or
    definition, or the other way round: "fishpond" for a game fish. That the other scenes do not suit the
    class is likely, but nobody has checked it.

    Example:
        >>> scenes = list_mismatched_scenes(load_classes()[1])  # goldfish
        >>> "fishpond" in scenes, "library indoor" in scenes
        (False, True)
    """
    described = _list_words(f"{info.name} {info.lemmas} {info.definition} {load_hypernyms()[info.wnid]}")
    return tuple(scene for scene, words in _load_scene_words().items() if not _share_words(words, described))


def find_scene(prompt: str) -> str:
    """The scene of a prompt of the recipe "mismatched-scene".

    Raises:
        InputError: It is no such prompt.

    Example:
        >>> find_scene("a photo of a goldfish in the airplane cabin")
        'airplane cabin'
    """
    # From the right, so that it does not matter what the class is called.
    scene = prompt.rpartition(_IN_SCENE)[2]
    if _IN_SCENE not in prompt or scene not in load_scenes():
        raise InputError(
            f"'{prompt}' names no scene. A generator that draws the background first needs prompts of the "
            f"recipe '{MISMATCHED_SCENE}'."
        )
    return scene


@cache
def load_hypernyms() -> dict[str, str]:
    """First lemma of the first WordNet hypernym, by wnid. Do not mutate."""
    return {wnid: own[0].split(",")[0].strip() for wnid, own in load_all_hypernyms().items()}


@cache
def load_all_hypernyms() -> dict[str, tuple[str, ...]]:
    """Every WordNet hypernym, as its lemmas, by wnid. Do not mutate.

    Example:
        >>> load_all_hypernyms()["n01440764"]
        ('cyprinid, cyprinid fish',)
    """
    text = (files("imagenet_g.generation.data") / "hypernyms.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["wnid"]: tuple(one.strip() for one in row["hypernyms"].split(";")) for row in rows}


@cache
def load_lines(name: str) -> tuple[str, ...]:
    """Lines of a shipped text file, without comments."""
    text = (files("imagenet_g.generation.data") / name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def _list_words(text: str) -> frozenset[str]:
    """Words in lower case, of at least four letters, without "indoor" and "outdoor"."""
    return frozenset(_WORD.findall(text.lower())) - {"indoor", "outdoor"}


@cache
def _load_scene_words() -> dict[str, frozenset[str]]:
    # Cached, because every class is compared with all 365 scenes.
    return {scene: _list_words(scene) for scene in load_scenes()}


def _share_words(scene: frozenset[str], described: frozenset[str]) -> bool:
    return any(a in b or b in a for a in scene for b in described)


def _validate_template(template: str) -> None:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise InputError(f"Template '{template}' is malformed: {error}.") from error
    fields = [field for _, field, _, _ in parsed if field is not None]
    # A prompt without the class would give images that nobody can label.
    if "c" not in fields:
        raise InputError(
            f"Template '{template}' does not name the class; write {{c}} where the name belongs."
        )
    for _, field, form, conversion in parsed:
        # str.format would also accept {c!r} or {c:>20}, and put quotes or blanks into every prompt of a
        # version.
        if field is not None and (field not in FIELDS or form or conversion):
            raise UnknownNameError("field", field, FIELDS, hint=f"Found in template '{template}'.")
