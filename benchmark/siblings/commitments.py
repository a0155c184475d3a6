"""Keys of private siblings, what follows from them, and the commitment that a public release holds.

A key is 256 random bits in a file that nobody else may read. All identities and seeds of a sibling follow
from it by HMAC-SHA256, each for a purpose of its own, so that they cannot be computed without it. The
commitment is a hash of the key and of both plans: with so random a key it tells nothing (it hides), and no
other key or plan with the same hash can be found (it binds). It is published before the first model is
scored, and opened when the version retires.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.identity import format_canonical_json, hash_json
from imagenet_g.benchmark.storage import translate_storage_errors

DOMAIN = "imagenet-g/sibling/1"
"""Stands in front of all that is hashed here; its number changes with the rules."""
_KEY = re.compile(r"[0-9a-f]{64}")
_KEY_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class SiblingKey:
    """A key in memory; it is not shown where the object is printed.

    Attributes:
        secret: 64 hex digits.
    """

    secret: str = field(repr=False)

    def derive(self, purpose: str, *place: object) -> bytes:
        """32 bytes for one purpose and place, which do not tell those of any other.

        Example:
            >>> key = SiblingKey("00" * 32)
            >>> key.derive("seed", "sd-l", 0) == key.derive("seed", "sd-l", 1)
            False
            >>> key
            SiblingKey()
        """
        message = format_canonical_json([DOMAIN, purpose, *place]).encode()
        return hmac.digest(bytes.fromhex(self.secret), message, "sha256")


def compute_commitment(key: SiblingKey, *, public_plan_sha256: str, plan_sha256: str) -> str:
    """The hash that a public release holds of its sibling: 64 hex digits.

    Args:
        key: The sibling's key.
        public_plan_sha256: Hash of the plan of the public split.
        plan_sha256: Hash of the plan of the sibling.
    """
    return hash_json(
        {
            "domain": f"{DOMAIN}/commitment",
            "key": key.secret,
            "public_plan_sha256": public_plan_sha256,
            "plan_sha256": plan_sha256,
        }
    )


def make_key_file(path: Path) -> SiblingKey:
    """Draw a key and write it to a new file that its owner alone may read.

    Raises:
        InputError: There is such a file already.
        StorageError: It cannot be written.
    """
    key = SiblingKey(secrets.token_hex(32))
    with translate_storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # With its mode from the start: a file that is closed to others later was open for a moment.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise InputError(f"'{path}' exists already; a key is never replaced.") from error
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(f"{key.secret}\n")
            stream.flush()
            # A sibling without its key cannot be opened; the key must outlast a power failure.
            os.fsync(stream.fileno())
    return key


def load_key(path: Path) -> SiblingKey:
    """Read a key.

    Raises:
        InputError: It is missing, is no key, or others than its owner may read it.
    """
    # A pipe would be waited for without end.
    if not path.is_file():
        raise InputError(f"There is no key '{path}'.")
    try:
        with path.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            text = stream.read(_KEY_CHARACTERS + 2).decode("ascii", errors="replace").strip()
    except OSError as error:
        raise InputError(f"The key '{path}' cannot be read: {error.strerror or error}.") from error
    # Windows has no such bits and reports all of them set.
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise InputError(
            f"Others may read the key '{path}' (mode {stat.S_IMODE(mode):o}). If nobody has, run 'chmod "
            f"600' on it; "
            "else retire this sibling and build another one."
        )
    if not _KEY.fullmatch(text):
        # Not quoted: a mistyped path may lead to another secret.
        raise InputError(f"'{path}' is no key of a sibling: it must hold 64 hex digits and nothing else.")
    return SiblingKey(text)
