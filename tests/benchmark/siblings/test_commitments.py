"""Keys and commitments: secret, hidden and binding."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from pathlib import Path

import pytest

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.siblings.commitments import (
    SiblingKey,
    compute_commitment,
    load_key,
    make_key_file,
)

KEY = SiblingKey("0f" * 32)


def test_a_key_is_random_and_its_owners_alone(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, 256 bits, and never shown where the object is printed."""
    before = os.umask(0)
    try:
        keys = [make_key_file(tmp_path / name) for name in ("a", "b")]
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert keys[0].secret != keys[1].secret
    assert load_key(tmp_path / "a") == keys[0]
    assert keys[0].secret not in f"{keys[0]!r} {keys[0]}"
    with pytest.raises(InputError, match="never replaced"):
        make_key_file(tmp_path / "a")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """It may have been read."""
    make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(InputError, match=r"Others may read the key .* \(mode 640\)"):
        load_key(tmp_path / "key")


@pytest.mark.parametrize("text", ["", "0f" * 31, "0F" * 32, "0f" * 33, "hunter2hunter2"])
def test_what_is_no_key_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    """A mistyped path may lead to another secret."""
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="64 hex digits") as caught:
        load_key(path)
    assert not text or text not in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Neither is a folder a key, nor nothing."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="There is no key"):
            load_key(path)


def test_what_follows_from_a_key_is_its_hmac() -> None:
    """By the rules that are documented, written out here once more."""
    message = b'["imagenet-g/sibling/1","seed","v1","sd-l","n01440764",3,0]'
    expected = hmac.new(b"\x0f" * 32, message, hashlib.sha256).digest()
    assert KEY.derive("seed", "v1", "sd-l", "n01440764", 3, 0) == expected


def test_a_commitment_fits_one_key_and_one_pair_of_plans() -> None:
    """And is the documented hash."""
    found = compute_commitment(KEY, public_plan_sha256="a" * 64, plan_sha256="b" * 64)
    text = (
        f'{{"domain":"imagenet-g/sibling/1/commitment","key":"{"0f" * 32}",'
        f'"plan_sha256":"{"b" * 64}","public_plan_sha256":"{"a" * 64}"}}'
    )
    assert found == hashlib.sha256(text.encode()).hexdigest()
    others = [
        compute_commitment(SiblingKey("0e" * 32), public_plan_sha256="a" * 64, plan_sha256="b" * 64),
        compute_commitment(KEY, public_plan_sha256="b" * 64, plan_sha256="a" * 64),
        compute_commitment(KEY, public_plan_sha256="a" * 64, plan_sha256="c" * 64),
    ]
    assert len({found, *others}) == 4
