"""Articles: which word takes "an", and which name is a plural. By rule alone, without a dictionary."""

from __future__ import annotations

# Written with a vowel and spoken with a consonant: "a unicycle", "a European", "a ukulele".
_NO_VOWEL = ("uni", "use", "usu", "util", "eu", "one", "once", "uk", "ufo")
_VOWEL_AFTER_ALL = ("unim", "unin", "unid")
_SILENT_H = ("hour", "honest", "heir", "honor", "honour")


def takes_an(word: str) -> bool:
    """Whether a word takes "an", by its sound.

    Example:
        >>> [takes_an(word) for word in ("ox", "unicycle", "hourglass", "unimportant", "horse")]
        [True, False, True, True, False]
    """
    lower = word.casefold()
    # Letters that are read by name: "an X-ray", "an LP".
    if len(word) > 1 and (word.isupper() or lower.startswith("x-")):
        return lower[0] in "aefhilmnorsx"
    if lower.startswith((*_SILENT_H, *_VOWEL_AFTER_ALL)):
        return True
    return (lower[:1] in "aeiou" and not lower.startswith(_NO_VOWEL)) or lower in ("8", "11", "18")


def is_plural_name(name: str) -> bool:
    """Whether a name is a plural already; "glass", "cactus" and "iris" are not.

    Example:
        >>> is_plural_name("binoculars"), is_plural_name("hourglass"), is_plural_name("triceratops")
        (True, False, False)
    """
    lower = name.casefold()
    return lower.endswith("s") and not lower.endswith(("ss", "us", "is", "ps"))
