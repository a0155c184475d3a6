"""A name for a model that the rules of the board accept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from imagenet_g.benchmark.naming.specs import OWN_WEIGHTS
from imagenet_g.leaderboard.submissions.names import explain_bad_name, find_lookalike
from imagenet_g.leaderboard.validation.identity_checks import find_reserved_model

MAX_LENGTH = 80
"""Of a name in a statement."""
_SOURCES = re.compile(r"^(?:hf[-_]hub|packaged):")
_FOLDER = "local-dir:"
_STRANGE = re.compile(r"[^A-Za-z0-9 ._+(),@-]+")


def propose_name(spec: str, taken: Iterable[str] = ()) -> str:
    """A name on the board for a model, made from its spec.

    Args:
        spec: As in its record, such as "timm:resnet50.a1_in1k".
        taken: Names of other models on the board, which it must not look like.

    Returns:
        At most 80 plain characters; no published model's name unless the spec is of that model.

    Example:
        >>> propose_name("timm:resnet50.a1_in1k")
        'resnet50.a1_in1k'
        >>> propose_name("python:my_nets.small:make_model")
        'my_nets.small make_model'
        >>> propose_name("timm:resnet50+checkpoint"), propose_name("timm:vit", taken=["ViT"])
        ('resnet50 (own weights)', 'vit (timm)')
    """
    others = tuple(taken)
    return next(
        name
        for name in _list_candidates(spec)
        if explain_bad_name(name) is None
        and find_reserved_model(name, spec) is None
        and find_lookalike(name, others) is None
    )


def _list_candidates(spec: str) -> Iterator[str]:
    """Names from the plainest to numbered ones, without end."""
    scheme, _, rest = spec.removesuffix(OWN_WEIGHTS).partition(":")
    plain = _make_plain(rest) or _make_plain(scheme) or "model"
    own = spec.endswith(OWN_WEIGHTS)
    if not own:
        yield _fit(plain, "")
    for word in ("own weights",) if own else (_make_plain(scheme),):
        if word:
            yield _fit(plain, f" ({word})")
    # "v" and not the bare number, which a reader would take for a size.
    number = 2
    while True:
        yield _fit(plain, f" v{number}")
        number += 1


def _make_plain(text: str) -> str:
    """Only characters that a name may have, without its source; of a folder its last part alone."""
    # The rest of a path would tell the world how a home folder is called.
    last = re.split(r"[/\\]", text.rstrip("/\\"))[-1] if text.startswith(_FOLDER) else _SOURCES.sub("", text)
    spaced = re.sub(r"[:/\\]+", " ", last.removeprefix(_FOLDER))
    ascii_only = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode()
    plain = _STRANGE.sub("-", ascii_only)
    return re.sub(r"\s+", " ", plain).strip(" ._+(),@-")


def _fit(plain: str, ending: str) -> str:
    # The end of a long name says more than its beginning, which is a folder or an owner.
    kept = plain[-(MAX_LENGTH - len(ending)) :].lstrip(" ._+(),@-")
    return f"{kept}{ending}"
