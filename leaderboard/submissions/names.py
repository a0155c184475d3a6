"""Names that people and programs can trust: no markup, no hidden characters, no look-alikes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

PLAIN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+(),@-]*[A-Za-z0-9)+])?")
_MAIL = re.compile(r"[^@\s<>\"']+@[^@\s<>\"']+\.[A-Za-z]{2,}")
_LOOKALIKES = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "2": "z", "8": "b"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Letters of other alphabets that print like Latin ones (Unicode TR 39, the single-letter lower-case part).
_HOMOGLYPHS = str.maketrans(
    "асеорхуіјѕԁһкмтвнɡαοερνιτκυ",
    "aceopxyijsdhkmtbhgaoepvitku",
)


def explain_bad_name(name: str) -> str | None:
    """Why a model's or organisation's name cannot stand on the board; None where it can."""
    if name.startswith(_FORMULA):
        return "starts with a character that a spreadsheet takes for a formula"
    if not PLAIN_NAME.fullmatch(name):
        strange = sorted({c for c in name if not re.fullmatch(r"[A-Za-z0-9 ._+(),@-]", c)})
        listed = ", ".join(f"U+{ord(c):04X}" for c in strange[:5])
        return f"must be plain letters, digits, spaces and ._+(),@-{f'; it has {listed}' if listed else ''}"
    return None


def explain_bad_text(text: str) -> str | None:
    """Why free text cannot be shown; None where it can. Any alphabet will do."""
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") and character != "\n":
            return f"has the hidden character U+{ord(character):04X}"
    return "starts with a character that a spreadsheet takes for a formula" if text.startswith("=") else None


def explain_bad_url(url: str) -> str | None:
    """Why an address cannot be linked to; None where it can."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is no address"
    if parts.scheme != "https" or not parts.hostname or "." not in parts.hostname:
        return "must start with https:// and name a host"
    if parts.username is not None or re.search(r"[\s<>\"'\\]", url):
        return "has characters that do not belong in an address"
    return None


def explain_bad_contact(contact: str) -> str | None:
    """Why a contact reaches nobody; None where it may."""
    if _MAIL.fullmatch(contact) or explain_bad_url(contact) is None:
        return None
    return "must be a mail address or an https:// address"


def make_skeleton(name: str) -> str:
    """What a hurried reader sees: two names with one skeleton are look-alikes.

    Compatibility forms are folded (Unicode NFKC), look-alike letters of other alphabets and digits become
    Latin letters, separators vanish (after Unicode TR 39, section 4).

    Example:
        >>> make_skeleton("ResNet-50") == make_skeleton("ResNet 5O")
        True
    """
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_HOMOGLYPHS)
    bare = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    return re.sub(r"[^\w]|_", "", bare).translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


def find_lookalike(name: str, others: Iterable[str]) -> str | None:
    """Another name that looks the same, or None."""
    skeleton = make_skeleton(name)
    return next((other for other in others if other != name and make_skeleton(other) == skeleton), None)
