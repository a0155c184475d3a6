"""Weights that must be downloaded: a quick error when there is no network.

Libraries wait and retry for minutes, each with its own traceback. Here the server is probed once, for a few
seconds. Without a reply, a library may work from its cache alone; if nothing is cached, one FetchError names
what could not be fetched and the next step.
"""

from __future__ import annotations

import errno
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imagenet_g.benchmark.errors import FetchError, ImagenetGError, ModelError, StorageError
from imagenet_g.benchmark.hub.errors import walk_chain
from imagenet_g.benchmark.hub.patience import MAX_WAIT_S, answer_at_once, find_wait, wait_when_asked
from imagenet_g.benchmark.hub.quiet import quiet_logs

PROBE_TIMEOUT_S = 4.0
STALL_TIMEOUT_S = 10.0
# Only what passes with time: after a 403 or 404 the library's own error names the cause.
_BUSY_STATUS = (408, 429, 500, 502, 503, 504)
# By the name of the module: the Hub's client has changed its HTTP library, and none is imported here for the
# sake of an `except`.
_NETWORK_PACKAGES = (
    "huggingface_hub",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "requests",
    "urllib3",
    "urllib",
)
NOT_CACHED = "and it is not cached"
"""Stands in the message about weights that are neither here nor to be had."""
BUSY = "the server answers "
"""Begins an obstacle that is no fault of the network."""
_SNAPSHOT = re.compile(r"/snapshots/([0-9a-f]{40})/")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """Something a library is about to fetch.

    Attributes:
        url: Where it is.
        name: What to call it in messages.
        cached: A copy from an earlier run, or None.
        on_hub: Whether it comes from the Hugging Face hub, whose own cache works offline.
        advice: What to do without a network, full sentences.
    """

    url: str
    name: str
    cached: Path | None
    on_hub: bool
    advice: str


def describe_hub_file(
    repository: str, filenames: Sequence[str], *, revision: str | None = None, instead: str
) -> RemoteFile:
    """A file of a model repository on the Hugging Face hub.

    Args:
        repository: `org/name`.
        filenames: Names it may have, the likeliest first.
        revision: Branch, tag or commit; None for the main branch.
        instead: What else could be given in its place, such as "give your own with --checkpoint FILE".
    """
    from huggingface_hub import constants, hf_hub_url

    advice = (
        f"Without a network: {instead}; or run once where there is one, copy the cache folder "
        f"'{constants.HF_HUB_CACHE}' and set HF_HUB_OFFLINE=1."
    )
    return RemoteFile(
        url=hf_hub_url(repository, filenames[0], revision=revision),
        name=f"'{filenames[0]}' of '{repository}'",
        cached=next(iter(find_cached_files(repository, filenames, revision=revision)), None),
        on_hub=True,
        advice=advice,
    )


def describe_url_file(url: str, cached: Path, *, instead: str) -> RemoteFile:
    """A file at a URL, which a library keeps under `cached`."""
    return RemoteFile(
        url=url,
        name=f"'{Path(urlsplit(url).path).name}'",
        cached=cached if cached.is_file() else None,
        on_hub=False,
        advice=f"Without a network: {instead}; or fetch {url} elsewhere and save it as '{cached}'.",
    )


def find_cached_files(
    repository: str, filenames: Sequence[str], *, revision: str | None = None
) -> tuple[Path, ...]:
    """Copies of a repository's files in the hub's cache, those of `filenames` that are there."""
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repository, name, revision=revision) for name in filenames)
    # The cache also remembers files that a repository does not have, as a marker that is no path.
    return tuple(Path(path) for path in found if isinstance(path, str))


def parse_revision(path: Path) -> str | None:
    """The commit a cached hub file belongs to, from its path; None for any other file.

    Example:
        >>> parse_revision(Path("hub/models--a--b/snapshots/" + "0" * 40 + "/config.json")) == "0" * 40
        True
        >>> parse_revision(Path("/data/model.safetensors")) is None
        True
    """
    match = _SNAPSHOT.search(path.as_posix())
    return match.group(1) if match else None


@contextmanager
def fetch(file: RemoteFile | None) -> Iterator[None]:
    """Let a library load something that may have to be fetched first.

    Args:
        file: What it will need, or None when nothing has to come over the network.

    Raises:
        FetchError: It is not cached and cannot be fetched.
        StorageError: The disk is full.
        ModelError: The library fails for any other reason.
    """
    obstacle = None
    # A cached hub file is probed as well: the library looks for a newer commit first, and waits for minutes
    # where there is no network.
    if file is not None and (file.on_hub or not file.cached):
        obstacle = find_obstacle(file.url, on_hub=file.on_hub)
    if file is not None and obstacle and not file.cached:
        raise FetchError(_format_fetch_error(file, obstacle))
    try:
        wait_when_asked()
        with _offline(obstacle is not None), _short_stalls(), quiet_logs():
            yield
    except ImagenetGError:
        raise
    except Exception as error:
        raise _translate(error, file, obstacle) from error


def find_obstacle(url: str, *, on_hub: bool, timeout_s: float = PROBE_TIMEOUT_S) -> str | None:
    """Why a server cannot be used, or None when it answers; takes at most about `timeout_s`.

    Name resolution has no time limit, so the request runs in a thread that can be abandoned.
    """
    from huggingface_hub import constants

    if on_hub and constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answers: list[str | None] = []
    # A daemon: a thread that waits for name resolution cannot be stopped, and must not hold up the exit.
    asking = threading.Thread(target=lambda: answers.append(_ask(url, timeout_s)), daemon=True)
    asking.start()
    # Half a second more than the request's own limit, so that its reason arrives before this gives up.
    asking.join(timeout_s + 0.5)
    return answers[0] if answers else f"no answer within {timeout_s:.0f} s"


def _ask(url: str, timeout_s: float) -> str | None:
    from huggingface_hub import get_session

    try:
        with answer_at_once():
            response = get_session().head(url, timeout=timeout_s)
    except Exception as error:
        if "Timeout" in type(error).__name__:
            return f"no answer within {timeout_s:.0f} s"
        return str(error) or type(error).__name__
    wait = find_wait(response.status_code, response.headers)
    # Who says when to come back can be used: the library's own request waits.
    if response.status_code not in _BUSY_STATUS or (wait is not None and wait <= MAX_WAIT_S):
        return None
    return BUSY + str(response.status_code) + (f" and asks to wait {wait} s" if wait else "")


@contextmanager
def _offline(enabled: bool) -> Iterator[None]:
    """Keep the hub's library, and those built on it, to what is cached."""
    from huggingface_hub import constants

    # Set on the module: it has read the environment variable at its import and does not look again.
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or enabled
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def _short_stalls() -> Iterator[None]:
    """Limit how long plain downloads, which have no time limit, wait for the next bytes."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(before or STALL_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _translate(error: Exception, file: RemoteFile | None, obstacle: str | None) -> ImagenetGError:
    chain = list(walk_chain(error))
    if any(isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT) for link in chain):
        return StorageError(
            "No space left to keep the weights. Free some, or set HF_HOME and TORCH_HOME elsewhere."
        )
    network = next((link for link in chain if _is_network_error(link)), None)
    if network is not None and file is not None:
        status = getattr(getattr(network, "response", None), "status_code", None)
        busy = f"{BUSY}{status}" if status in _BUSY_STATUS else None
        return FetchError(_format_fetch_error(file, obstacle or busy or _format_reason(network)))
    if isinstance(error, ImportError):
        return ModelError(f"A library the model needs is missing: {error}")
    origin = f" from {file.name}" if file is not None else ""
    return ModelError(f"The model cannot be built{origin}: {_first_line(error)}")


def _is_network_error(error: BaseException) -> bool:
    # This includes the Hub's own RepositoryNotFoundError and GatedRepoError: the advice for them is the same.
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or (
        type(error).__module__.partition(".")[0] in _NETWORK_PACKAGES
    )


def _format_reason(error: BaseException) -> str:
    kind = type(error).__name__
    if kind == "RepositoryNotFoundError":
        return "there is no such repository, or it needs a token (HF_TOKEN)"
    if kind == "GatedRepoError":
        return "its owner must grant access first, and HF_TOKEN be set"
    return _first_line(error)


def _format_fetch_error(file: RemoteFile, reason: str) -> str:
    parts = urlsplit(file.url)
    place = f"{parts.scheme}://{parts.netloc}"
    if reason.startswith(BUSY):
        return (
            f"Cannot fetch {file.name} from {place}: {reason}, so it is busy; the network is not to blame. "
            "Wait some minutes and run the command again."
        )
    return f"Cannot fetch {file.name} from {place} ({reason}), {NOT_CACHED}. {file.advice}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
