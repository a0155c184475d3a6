"""Signatures over the manifest of a release, made and checked by OpenSSH's ssh-keygen.

The manifest holds the hash of every file, so that its signature covers the release. Hashes alone can be
written anew by anyone who changes an image; the signature cannot. The file is an armoured SSH signature
(OpenSSH, PROTOCOL.sshsig) in the namespace `imagenet-g`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from imagenet_g.benchmark.errors import DataError, InputError
from imagenet_g.benchmark.splits.manifests import MANIFEST_NAME
from imagenet_g.benchmark.storage import write_bytes
from imagenet_g.generation.releases.tree import SIGNATURE_NAME

NAMESPACE = "imagenet-g"
PROGRAM = "ssh-keygen"


def sign_manifest(folder: Path, key: Path) -> Path:
    """Write `manifest.json.sig`; a key with a passphrase is asked for on the terminal.

    Args:
        folder: A complete release.
        key: A private SSH key, or a public one whose private key an agent holds.

    Returns:
        Path of the signature.

    Raises:
        InputError: ssh-keygen is missing, or cannot sign with this key.
    """
    if not key.is_file():
        raise InputError(f"--sign '{key}' is not a file; give a private SSH key, such as ~/.ssh/id_ed25519.")
    done = _run(["-Y", "sign", "-f", str(key), "-n", NAMESPACE], (folder / MANIFEST_NAME).read_bytes())
    if done.returncode != 0:
        raise InputError(f"'{key}' cannot sign: {_format_error(done)}.")
    write_bytes(folder / SIGNATURE_NAME, done.stdout)
    return folder / SIGNATURE_NAME


def verify_signature(folder: Path, allowed: Path) -> str:
    """Who signed the manifest of a release.

    Args:
        folder: The release.
        allowed: A file of allowed signers: lines of a name and a public key (ssh-keygen(1), ALLOWED SIGNERS).

    Returns:
        The name of the signer in that file.

    Raises:
        InputError: ssh-keygen or the file of allowed signers is missing.
        DataError: There is no signature, or none by an allowed signer over this manifest.
    """
    if not allowed.is_file():
        raise InputError(f"--allowed-signers '{allowed}' is not a file.")
    signature = folder / SIGNATURE_NAME
    if not signature.is_file():
        raise DataError(f"'{folder}' has no {SIGNATURE_NAME}: it is not signed.")
    files = ["-f", str(allowed), "-s", str(signature)]
    found = _run(["-Y", "find-principals", *files], b"")
    # One line a matching entry, with its names between commas.
    names = found.stdout.decode(errors="replace").replace(",", "\n").split("\n")
    name = next((text.strip() for text in names if text.strip()), None)
    if found.returncode != 0 or name is None:
        raise DataError(f"'{signature}' is by none of the signers in '{allowed}'.")
    done = _run(["-Y", "verify", *files, "-I", name, "-n", NAMESPACE], (folder / MANIFEST_NAME).read_bytes())
    if done.returncode != 0:
        raise DataError(
            f"'{signature}' is not a signature of this {MANIFEST_NAME}: {_format_error(done)}. The manifest "
            "was changed after it was signed."
        )
    return name


def require_current_signature(folder: Path) -> None:
    """Refuse to publish a signature over another manifest; a release without one passes.

    Raises:
        DataError: The manifest was changed after it was signed.
        InputError: There is a signature, and ssh-keygen is missing.
    """
    signature = folder / SIGNATURE_NAME
    if not signature.is_file():
        return
    words = ["-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(signature)]
    if _run(words, (folder / MANIFEST_NAME).read_bytes()).returncode != 0:
        raise DataError(
            f"'{signature}' is not a signature of the {MANIFEST_NAME} beside it: sign again with --sign KEY, "
            "or remove it."
        )


def _run(words: Sequence[str], data: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run([PROGRAM, *words], input=data, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise InputError(
            f"Signatures need '{PROGRAM}', which is not on this machine; it is part of OpenSSH (on Debian "
            "the package openssh-client)."
        ) from error


def _format_error(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = (done.stderr + done.stdout).decode(errors="replace").strip().splitlines()
    return lines[-1].rstrip(".") if lines else f"exit code {done.returncode}"
