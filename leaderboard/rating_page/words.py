"""The words of a question: a class with its article, its definition and its other names."""

from __future__ import annotations

from dataclasses import dataclass

from imagenet_g.benchmark.classes import ClassInfo
from imagenet_g.benchmark.texts.articles import takes_an

# Names of the 1000 that stand without an article: several things, or a mass.
_PLURALS = (
    "binoculars", "clogs", "jeans", "mashed potatoes", "pajamas", "parallel bars", "sunglasses",
    "swim trunks / shorts", "tights",
)  # fmt: skip
_MASSES = (
    "broccoli", "chain mail", "chocolate syrup", "consomme", "corn", "dough", "eggnog", "face powder",
    "guacamole", "hair spray", "hay", "rapeseed", "red wine", "sunscreen", "toilet paper", "velvet fabric",
    "wool",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClassWords:
    """What a rater reads of a class.

    Attributes:
        article: "a ", "an " or nothing, to stand before the name.
        name: The display name.
        definition: WordNet's; empty where it is unknown.
        synonyms: WordNet's other names, separated by commas; may be empty.
    """

    article: str
    name: str
    definition: str
    synonyms: str


def find_article(name: str) -> str:
    """The article before a class name with a blank behind it; empty for a plural and a mass.

    Example:
        >>> [find_article(name) for name in ("tench", "orange", "hourglass", "unicycle", "jeans")]
        ['a ', 'an ', 'an ', 'a ', '']
    """
    lower = name.casefold()
    if lower in _PLURALS or lower in _MASSES:
        return ""
    return "an " if takes_an(name.split()[0]) else "a "


def describe_class(info: ClassInfo) -> ClassWords:
    """The words of a class; synonyms without the display name itself.

    Example:
        >>> info = ClassInfo(0, "n01440764", "tench", "tench, Tinca tinca", "freshwater game fish")
        >>> describe_class(info).synonyms
        'Tinca tinca'
    """
    names = [name.strip() for name in info.lemmas.split(",")]
    others = [name for name in names if name and name.casefold() != info.name.casefold()]
    return ClassWords(find_article(info.name), info.name, info.definition, ", ".join(others))
