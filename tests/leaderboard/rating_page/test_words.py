"""The words of a question."""

from __future__ import annotations

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.leaderboard.rating_page.words import describe_class, find_article


def test_articles_of_all_classes_are_those_of_inflect() -> None:
    """But for plurals and masses, which have none here: inflect would say "a jeans"."""
    # It takes seconds to import, and every process that runs tests collects this file.
    import inflect

    engine = inflect.engine()
    names = [info.name for info in load_classes() if find_article(info.name)]
    differing = {name for name in names if not engine.a(name).startswith(find_article(name))}
    assert differing == set()
    assert len(names) > 950


def test_names_without_an_article_are_classes() -> None:
    """A name in the lists that no class has would be a misspelling."""
    bare = {info.name for info in load_classes() if not find_article(info.name)}
    assert {"jeans", "binoculars", "sunglasses", "hay", "guacamole"} <= bare
    assert len(bare) == 26


def test_every_class_has_a_definition() -> None:
    """So no rater reads that there is none."""
    assert all(describe_class(info).definition for info in load_classes())


def test_two_classes_of_one_name_differ_in_their_definitions() -> None:
    """As both called sunglasses do."""
    described = [describe_class(info) for info in load_classes()]
    assert len({(words.name, words.definition) for words in described}) == len(described)
