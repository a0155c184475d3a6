"""Words as people type them: real names with slips of the keyboard, and what shells and forms let through."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

ODD_WORDS = (
    "", " ", ":", "/", "//", "::", "-", ".", "..", "~", "*", "?", "%", "@", "=", "\n", "\t", "\x1b[31m",
    "[bold]", "[/data]", "[red", ":fire:", "\u202e", "\u00e9", "e\u0301", "\u0130", "\u0665", "\U0001f600",
    "None", "null", "nan",
    "--help", "-x", "C:\\data", "/dev/null", "\\", "'", '"', "`id`", "$HOME", "\ufeff", "\u2028", "w" * 300,
)  # fmt: skip


@st.composite
def mistyped(draw: st.DrawFn, names: Sequence[str]) -> str:
    """A name from a list as it is, with a slip, cut, doubled, or beside an odd word."""
    name = draw(st.sampled_from(names))
    odd = draw(st.sampled_from(ODD_WORDS))
    at = draw(st.integers(0, len(name)))
    match draw(st.integers(0, 7)):
        case 0:
            return name[:at] + odd + name[at:]
        case 1:
            return name[:at] + name[at + 1 :]
        case 2:
            return name.swapcase()
        case 3:
            return odd
        case 4:
            return name[:at] + draw(st.characters()) + name[at:]
        case 5:
            return name.replace(draw(st.sampled_from(":/-._@=")), draw(st.sampled_from(":/-._@=")))
        case 6:
            return f"{name[:at]}{draw(st.sampled_from(':/@='))}{draw(st.sampled_from(names))}"
        case _:
            return name
