"""Codes that the page gives to raters: easy to write down, and no name."""

from __future__ import annotations

import secrets

_WORDS = (
    "amber", "anchor", "basil", "beacon", "birch", "bramble", "canyon", "cedar", "cobalt", "comet", "copper",
    "coral", "delta", "ember", "fern", "garnet", "harbor", "hazel", "indigo", "island", "ivory", "jade",
    "juniper", "lagoon", "lantern", "lilac", "maple", "meadow", "nickel", "olive", "opal", "pebble", "pepper",
    "quartz", "raven", "river", "saffron", "sierra", "thistle", "topaz", "tundra", "velvet", "willow",
)  # fmt: skip


def make_rater_code() -> str:
    """A code for a new rater: a random word and number, such as "willow-482"."""
    # Not from a seed: whoever can guess a code can answer in another rater's name.
    return f"{secrets.choice(_WORDS)}-{secrets.randbelow(900) + 100}"
