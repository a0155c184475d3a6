"""Names that are safe to show: no markup, no hidden characters, no look-alikes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

# A name ends up in file names, shells, spreadsheets and Markdown: the first character is not one that any of
# them takes for an option, a hidden file or a formula.
PLAIN_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._+(),@-]*[A-Za-z0-9)+])?")
_MAIL = re.compile(r"[^@\s<>\"']+@[^@\s<>\"']+\.[A-Za-z]{2,}")
_LOOKALIKES = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "5": "s", "2": "z", "8": "b"})
# Excel and its relatives run a cell that starts with one of these (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Letters of other alphabets that print like Latin ones (Unicode TR 39, the single-letter lower-case part).
_HOMOGLYPHS = str.maketrans(
    "асеорхуіјѕԁһкмтвнɡαοερνιτκυ",
    "aceopxyijsdhkmtbhgaoepvitku",
)


def explain_bad_name(name: str) -> str | None:
    """Why a model's or organisation's name cannot stand on the board; None where it can.

    Example:
        >>> explain_bad_name("ViT-B/16")
        'must be plain letters, digits, spaces and ._+(),@-; it has U+002F'
        >>> explain_bad_name("=cmd()")
        'starts with a character that a spreadsheet takes for a formula'
        >>> explain_bad_name("ResNet-50 (A1)") is None
        True
    """
    if name.startswith(_FORMULA):
        return "starts with a character that a spreadsheet takes for a formula"
    if not PLAIN_NAME.fullmatch(name):
        # By code point: the character itself may be invisible, or look like a letter that is allowed.
        strange = sorted({c for c in name if not re.fullmatch(r"[A-Za-z0-9 ._+(),@-]", c)})
        listed = ", ".join(f"U+{ord(c):04X}" for c in strange[:5])
        return f"must be plain letters, digits, spaces and ._+(),@-{f'; it has {listed}' if listed else ''}"
    return None


def explain_bad_text(text: str) -> str | None:
    r"""Why free text cannot be shown; None where it can. Every alphabet is allowed.

    Example:
        >>> explain_bad_text("Universität Zürich") is None
        True
        >>> explain_bad_text("safe\u202eelif")
        'has the hidden character U+202E'
    """
    # The category Cf holds the marks that reverse the reading direction: text would then read otherwise than
    # it is stored.
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn") and character != "\n":
            return f"has the hidden character U+{ord(character):04X}"
    return "starts with a character that a spreadsheet takes for a formula" if text.startswith("=") else None


def explain_bad_url(url: str) -> str | None:
    """Why an address cannot be linked to; None where it can.

    Example:
        >>> explain_bad_url("https://arxiv.org/abs/2302.02503") is None
        True
        >>> explain_bad_url("javascript:alert(1)")
        'must start with https:// and name a host'
        >>> explain_bad_url("https://arxiv.org@example.com/")
        'has characters that do not belong in an address'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "is not an address"
    # Other schemes (javascript:, data:) run in the reader's browser; a host without a dot is one of the
    # reader's own network.
    if parts.scheme != "https" or not parts.hostname or "." not in parts.hostname:
        return "must start with https:// and name a host"
    # "https://known.org@other.com" shows one host and leads to another.
    if parts.username is not None or re.search(r"[\s<>\"'\\]", url):
        return "has characters that do not belong in an address"
    return None


def explain_bad_contact(contact: str) -> str | None:
    """Why a contact cannot reach a person; None where it may.

    Example:
        >>> explain_bad_contact("jo@example.org") is None
        True
        >>> explain_bad_contact("Jo Doe")
        'must be a mail address or an https:// address'
    """
    if _MAIL.fullmatch(contact) or explain_bad_url(contact) is None:
        return None
    return "must be a mail address or an https:// address"


def make_skeleton(name: str) -> str:
    """A name reduced to its shape: two names with one skeleton are look-alikes.

    Compatibility forms are folded (Unicode NFKC), look-alike letters of other alphabets and digits become
    Latin letters, separators vanish (after Unicode TR 39, section 4).

    Example:
        >>> make_skeleton("ResNet-50") == make_skeleton("ResNet 5O")
        True
        >>> make_skeleton("C1ip") == make_skeleton("Clip"), make_skeleton("burner") == make_skeleton("bumer")
        (True, True)
    """
    # Compatibility forms first, so that full-width letters and ligatures meet the tables as plain letters.
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_HOMOGLYPHS)
    bare = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    # Pairs of letters last: a separator between the two is gone by then.
    return re.sub(r"[^\w]|_", "", bare).translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")


def find_lookalike(name: str, others: Iterable[str]) -> str | None:
    """Another name that looks the same, or None.

    Example:
        >>> find_lookalike("ResNet-5O", ["ViT", "ResNet-50"])
        'ResNet-50'
        >>> find_lookalike("ViT", ["ViT"]) is None  # the same name is not a look-alike
        True
    """
    skeleton = make_skeleton(name)
    return next((other for other in others if other != name and make_skeleton(other) == skeleton), None)
