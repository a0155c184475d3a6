"""Grammar: hand-written sentences, broken and shuffled ones, the templates, seed captions of all classes."""

from __future__ import annotations

import random

import pytest

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.generation.caption_training.seeds import make_scene_seeds
from imagenet_g.generation.captions.sentences import load_lexicon
from imagenet_g.generation.captions.specs import CaptionSpec, SceneSeeds, load_caption_spec
from imagenet_g.generation.grammar.sentences import find_unknown_words, is_grammatical
from imagenet_g.generation.prompts.recipes import load_lines

LEXICON = load_lexicon()
GOOD = """
A tiger sleeps on the roof of a pub.
Two goldfish read newspapers in a library.
The ox has never seen the sea.
An hourglass is buried up to its neck in sand.
Three geese cross a runway while planes wait.
Nobody knows why a candle burns under water.
There is a hamster in every drawer of the desk.
In the corner stands a castle made of sugar cubes.
A photo of a tiger.
An oil painting of an ambulance in a flooded street at night.
A bee the size of a truck lands on a church.
Sheep graze where the cathedral once stood.
Under the bridge, a snail as big as a house blocks the traffic.
Children have painted a tiger on the wall, and rain washes it away.
Imagine a lion that plays chess with its own shadow.
The old piano is covered with moss and mushrooms.
A backpack hangs from the ceiling of an empty swimming pool.
Someone has knitted a scarf for a lighthouse.
Which goldfish sings in the bathtub?
A tiger, painted in thick oil, hangs above the fireplace.
A snow-covered taxi is waiting for passengers who will never come.
My neighbour's hamster wears a tiny crown made of tin foil.
Far from any road, an ambulance rusts in a field of poppies.
A pig can be seen through the window of a moving train.
Half a castle floats among the clouds.
The reflection of an owl trembles in a puddle of oil.
Hundreds of candles float down the river at dusk.
A robot and a tiger dance together in the rain.
Carved from a single block of ice, the swan begins to melt.
A tiger that is made of glass does not cast a shadow.
It is snowing on a hamster in the middle of the desert.
Workers are wrapping a huge snail in silver foil.
A child's drawing of a bee is stuck to the door of a refrigerator.
Behind the curtain, an ox tries to hide from the audience.
This tiger was built out of old car tyres.
All the penguins in the museum have turned their backs.
A cardboard ambulance stands between two real ones.
When the fog lifts, a castle appears on the other side of the lake.
A goldfish swims through an abandoned subway station, lit by neon signs.
Neither the moon nor a lantern lights up the snail.
A close-up of a wet tiger in Tokyo.
Every evening, a candle walks home alone.
A tiger looks tired but happy after a long day at the office.
The hamster might have been left here by someone in a hurry.
Bees have built a nest inside a broken television.
A toy tiger and a real tiger stare at each other across a table.
"""
BROKEN = """
Aud a candle rainforest.
A tiger of in the library.
An tiger sleeps in a library.
A ox sleeps in a library.
A a tiger sleeps in a library.
The the tiger sleeps in a library.
A tigers sleeps in a library.
A tiger sleep in a library.
Two tiger sleep in a library.
These tiger sleeps in a library.
Tigers sleeps in a library.
A tiger sleeps in.
A tiger sleeps in a.
A tiger is in the of a library.
Tiger sleeps in library.
A tiger are sleeping in a library.
A tiger has sleeps in a library.
A tiger can sleeps in a library.
A tiger is carry a box in a library.
A tiger sleeps a in library.
Sleeps in a library a tiger the.
A glows tiger in the dark of a library.
In a library, a under green sky.
The tiger who.
A tiger flurbs in a library.
A blorpish tiger sleeps in a library.
A tiger the library sleeps.
Of a tiger in the library.
A tiger and is in a library.
A tiger in and a library sleeps.
A tiger sleeps, in, a library.
Nobody in a library see a tiger.
There are a tiger in the library.
There is tigers in the library.
A tiger have painted a wall.
Children has painted a tiger on a wall.
A tiger is painted on wall of a library.
A tiger casts a cracked stone guards the door.
A tiger floats above an glass library.
A tiger stares into a cracked mirror in a under a pub.
On a worn stamp, a tiger is shown in front of of a plaza.
Covered in moss, sinks into the ground of a pub a.
A puppet of bows a tiger to the crowd in a pub.
A tiger with without a library sleeps.
It sleeps in they library.
Him sleeps in a library.
A tiger sleeps on them roof.
Every tigers sleeps in a library.
"""


def list_lines(text: str) -> list[str]:
    """Sentences, one a line."""
    return text.strip().splitlines()


def is_fine(text: str) -> bool:
    """Every word known, and a sentence."""
    return not find_unknown_words(text, LEXICON) and is_grammatical(text, LEXICON)


@pytest.mark.parametrize("text", list_lines(GOOD))
def test_a_sentence_is_grammatical(text: str) -> None:
    """Clauses, questions, relative clauses, participles, lists, phrases without a verb."""
    assert find_unknown_words(text, LEXICON) == ()
    assert is_grammatical(text, LEXICON)


@pytest.mark.parametrize("text", list_lines(BROKEN))
def test_a_broken_sentence_is_not(text: str) -> None:
    """Articles, number, agreement, verb forms, missing nouns, words that do not exist."""
    assert not is_fine(text)


def test_shuffled_words_are_mostly_refused() -> None:
    """Fewer than one in twenty of 460 happens to be a sentence."""
    rng, accepted, count = random.Random(0), [], 0
    for text in list_lines(GOOD) * 10:
        words = text.rstrip(".?").replace(",", "").split()
        words[0] = words[0].lower()
        rng.shuffle(words)
        shuffled = " ".join(words)
        count += 1
        if is_grammatical(f"{shuffled}.", LEXICON):
            accepted.append(shuffled)
    assert len(accepted) < count / 20, accepted


def test_seed_captions_of_all_classes_are_grammatical() -> None:
    """Each class in two patterns of its own: every pattern and most scenes are among the 2000."""
    spec = CaptionSpec.model_validate({**load_caption_spec("tiny").model_dump(), "classes": "all"})
    seeds = make_scene_seeds(spec, SceneSeeds(kind="scenes", per_class=2))
    assert len(seeds) == 2 * len(load_classes())
    assert [seed.caption for seed in seeds if not is_fine(seed.caption)] == []


def test_templates_are_sentences_but_for_those_that_are_not_english() -> None:
    """Of the 80: "a origami", "a embroidered", "itap", "plushie", and "hard to see" as an adjective."""
    texts = [template.format(c="goldfish").capitalize() for template in load_lines("templates_openai_80.txt")]
    odd = ("itap", "a origami", "a embroidered", "plushie", "hard to see")
    refused = [text for text in texts if not is_fine(text)]
    assert refused == [text for text in texts if any(word in text.casefold() for word in odd)]
    assert len(texts) == 80 and len(refused) == 9


def test_an_unknown_word_inside_a_sentence_may_be_a_name_where_it_has_a_capital() -> None:
    """At its beginning every word has one."""
    assert find_unknown_words("A tiger sleeps in Zorbograd.", LEXICON) == ()
    assert find_unknown_words("Zorbograd sleeps near a zorbograd.", LEXICON) == ("Zorbograd", "zorbograd")


def test_a_long_text_is_refused_without_being_read() -> None:
    """Readings multiply with the words."""
    assert not is_grammatical("A tiger sleeps in a pub" + " in a pub" * 40 + ".", LEXICON)
