"""Errors of the Hub and its client as one message, with the next step and without secrets."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from imagenet_g.benchmark.errors import FetchError, ImagenetGError, StorageError, UnknownNameError
from imagenet_g.benchmark.hub.patience import wait_when_asked
from imagenet_g.benchmark.redaction import redact

Purpose = Literal["read", "write"]
Kind = Literal["dataset", "model"]
_SIGN_IN = "sign in with 'hf auth login' or set HF_TOKEN"


@contextmanager
def translate_hub_errors(
    repo: str, revision: str | None, purpose: Purpose = "read", *, kind: Kind = "dataset"
) -> Iterator[None]:
    """Turn whatever the Hub's client raises into one of our errors.

    Raises:
        FetchError: No network, no access, no such dataset, or the Hub refused.
        UnknownNameError: The dataset has no such revision.
        StorageError: The disk is full, or the cache cannot be written.
    """
    wait_when_asked()
    try:
        yield
    except ImagenetGError:
        raise
    except Exception as error:
        raise _translate(error, repo, revision, purpose, kind) from error


def has_account() -> bool:
    """Whether the Hub's client has a token to send; the token itself is not read."""
    from huggingface_hub import get_token

    return bool(get_token())


def require_account(needed: str = "Publishing needs a token with write permission") -> None:
    """Check, before anything is prepared or sent, that the Hub's client has a token.

    Args:
        needed: What needs one, as the beginning of a sentence.

    Raises:
        FetchError: It has none.
    """
    if not has_account():
        raise FetchError(f"{needed}: 'hf auth login', or set HF_TOKEN.")


def _translate(
    error: Exception, repo: str, revision: str | None, purpose: Purpose, kind: Kind
) -> ImagenetGError:
    from huggingface_hub import constants

    chain = list(walk_chain(error))
    # The client wraps the system's error in its own, so the whole chain is searched.
    if disk := next((e for e in chain if isinstance(e, OSError) and e.errno in _DISK_REASONS), None):
        return StorageError(
            f"The Hub's cache '{constants.HF_HUB_CACHE}' cannot be written "
            f"({_DISK_REASONS[disk.errno or 0]}). Free some space, or set HF_HOME "
            "to a folder elsewhere, and run this again."
        )
    # By name and not by class: the Hub's client and its HTTP library have moved their exceptions before.
    names = {type(e).__name__ for e in chain}
    if "RevisionNotFoundError" in names:
        return make_unknown_revision(repo, revision or "main")
    place = f"{constants.ENDPOINT}/{'' if kind == 'model' else 'datasets/'}{repo}"
    status = next((code for e in chain if (code := _find_status(e)) is not None), None)
    text = _format_refusal(names, status, repo, place, purpose, kind)
    return FetchError(text or _format_no_answer(chain, repo, constants.ENDPOINT))


def make_unknown_revision(repo: str, revision: str) -> UnknownNameError:
    """The error for a tag or commit that a dataset does not have, with the tags it has."""
    return UnknownNameError(
        "revision",
        revision,
        _list_tags(repo),
        hint=f"Dataset '{repo}' is on the Hub and has no such tag, branch or commit.",
    )


def _format_refusal(
    names: set[str], status: int | None, repo: str, place: str, purpose: Purpose, kind: Kind
) -> str:
    """Empty where the Hub did not refuse."""
    signed_in = has_account()
    if "GatedRepoError" in names:
        then = "" if signed_in else f", {_SIGN_IN}"
        return (
            f"{kind.capitalize()} '{repo}' is gated: accept its terms at {place}{then}, and run this again."
        )
    if "RepositoryNotFoundError" in names:
        step = "ask its owner for access" if signed_in else _SIGN_IN
        return (
            f"There is no {kind} '{repo}' on the Hub, or you may not see it. Check the name; "
            f"if it is private, {step}."
        )
    # The client has turned the 401 of a missing or private repository into RepositoryNotFoundError already;
    # what is left here is about the token.
    if status == 401:
        if signed_in:
            return f"The Hub does not accept your token. {_SIGN_IN[0].upper()}{_SIGN_IN[1:]} again."
        return f"The Hub requires a login. {_SIGN_IN[0].upper()}{_SIGN_IN[1:]}, and run this again."
    if status == 403:
        what = "write to" if purpose == "write" else "read"
        return (
            f"Your token may not {what} '{repo}'. Use a token of its owner or organization with "
            f"{purpose} permission: {_SIGN_IN}."
        )
    return _FORMATS.get(status or 0, "").format(repo=repo)


_FORMATS = {
    409: "The Hub already has what was to be created in '{repo}'. Check its page, then choose another name.",
    412: "Another commit to '{repo}' came first, and nothing was committed. Run the command again.",
    429: "Too many requests to the Hub (429). Wait some minutes and run the command again; it resumes.",
    500: "Hub server error (500) for '{repo}'. Run the command again later; the transfer resumes.",
    502: "Hub server error (502) for '{repo}'. Run the command again later; the transfer resumes.",
    503: "Hub server error (503) for '{repo}'. Run the command again later; the transfer resumes.",
    504: "Hub server error (504) for '{repo}'. Run the command again later; the transfer resumes.",
    507: "The Hub has no space left for '{repo}'. Check the storage page of its owner.",
}
_DISK_REASONS = {
    errno.ENOSPC: "no space left",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "it is read-only",
    errno.EACCES: "no permission",
    errno.EFBIG: "the file is too large for it",
}


def _format_no_answer(chain: list[BaseException], repo: str, endpoint: str) -> str:
    names = {type(e).__name__ for e in chain}
    if "OfflineModeIsEnabled" in names:
        return f"'{repo}' is not in the cache, and HF_HUB_OFFLINE prevents a download. Unset that variable."
    last = next((e for e in reversed(chain) if str(e).strip()), chain[0])
    # Messages of HTTP libraries quote the URL, and that of a large file carries a signature that grants
    # access.
    reason = redact(str(last).strip().splitlines()[0] if str(last).strip() else type(last).__name__)
    return (
        f"The Hub at {redact(endpoint)} could not be used for '{repo}' ({reason.rstrip('.')}). Check the "
        "network and run the command again: the transfer resumes, and what is in the cache needs no network."
    )


def find_busy(error: BaseException, repo: str) -> str | None:
    """What to do about a Hub that is busy or broken, in words; None for any other error."""
    status = next((code for link in walk_chain(error) if (code := _find_status(link)) is not None), None)
    busy = status is not None and (status == 429 or status >= 500)
    return _FORMATS.get(status or 0, "").format(repo=repo) or None if busy else None


def _find_status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _list_tags(repo: str) -> list[str]:
    from huggingface_hub import HfApi

    try:
        return [tag.name for tag in HfApi().list_repo_refs(repo, repo_type="dataset").tags]
    except Exception:
        # Only for the suggestion; the first error is the one to report.
        return []


def walk_chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, the outermost first.

    Example:
        >>> inner, outer = OSError("disk full"), ValueError("no weights")
        >>> outer.__cause__ = inner
        >>> [type(link).__name__ for link in walk_chain(outer)]
        ['ValueError', 'OSError']
    """
    # Some clients raise an error from itself again, and the chain is a ring.
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
