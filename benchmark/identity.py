"""Names that follow from content: hashes, image ids, seeds.

Nothing here depends on the position in a run, on time or on the machine.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

# Weights and archives reach gigabytes; hashing one must not take its size in memory.
_READ_BYTES = 1 << 20


def hash_bytes(data: bytes) -> str:
    """sha256 of bytes, as 64 hex digits.

    Example:
        >>> hash_bytes(b"abc")[:16]  # the first test vector of FIPS 180-2
        'ba7816bf8f01cfea'
    """
    return hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file's bytes, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def hash_lines(lines: Iterable[str]) -> str:
    r"""sha256 of lines, each with a newline behind it; the order counts.

    Example:
        >>> hash_lines(["a", "b"]) == hash_bytes(b"a\nb\n")
        True
        >>> hash_lines(["ab"]) == hash_lines(["a", "b"])
        False
    """
    digest = hashlib.sha256()
    for line in lines:
        # Every line ends in a newline: without it the lines 'ab' and the lines 'a', 'b' would have one hash.
        digest.update(line.encode() + b"\n")
    return digest.hexdigest()


def hash_json(value: object) -> str:
    """sha256 of the canonical JSON of plain data: sorted keys, no spaces, no NaN.

    Example:
        >>> hash_json({"a": 1, "b": [2, None]}) == hash_json({"b": [2, None], "a": 1})
        True
    """
    return hash_bytes(format_canonical_json(value).encode())


def format_canonical_json(value: object) -> str:
    """JSON with one spelling only, so that equal data hash equally.

    Raises:
        ValueError: On NaN or infinity.

    Example:
        >>> format_canonical_json({"b": 1, "a": [True, "é"]})
        '{"a":[true,"é"],"b":1}'
    """
    # allow_nan=False: Python would write a bare NaN, which is no JSON and which other readers refuse.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def make_image_id(
    version: str, split: str, wnid: str, index: int, *, replicate: int = 0, setting: str = ""
) -> str:
    """Identity of the `index`-th image of a class in a split: 16 hex digits.

    64 bits: among 1.3 million images the chance of any collision is under one in ten million, and a
    plan refuses one if it happens.

    Args:
        version: Version name.
        split: Split name.
        wnid: The class.
        index: Number of the image within its class.
        replicate: Which of several renderings with other seeds; 0 for the only one.
        setting: Values that are swept within the split, such as "guidance=7.5"; empty for none.

    Example:
        >>> make_image_id("v1", "sd-l", "n01440764", 0) == make_image_id("v1", "sd-l", "n01440764", 0)
        True
        >>> len(make_image_id("v1", "sd-l", "n01440764", 1))
        16
    """
    place = _name_place(version, split, wnid, index, replicate=replicate)
    return hash_bytes((f"{place}/{setting}" if setting else place).encode())[:16]


def make_adopted_id(pixel_sha256: str, wnid: str, copy: int) -> str:
    """Identity of an image that was made elsewhere: 16 hex digits.

    It follows from the pixels and the class alone, so that a set has the same ids from a folder, an archive
    or
    a table.

    Args:
        pixel_sha256: Hash of the decoded pixels, see `images.decoding.hash_pixels`.
        wnid: The class.
        copy: 0 for the first image of a class with these pixels, 1 for its first copy, and so on.

    Example:
        >>> make_adopted_id("ab" * 32, "n01440764", 0) == make_adopted_id("ab" * 32, "n01440764", 1)
        False
    """
    return hash_bytes(f"{pixel_sha256}/{wnid}/{copy}".encode())[:16]


def make_seed(version: str, split: str, wnid: str, index: int, *, replicate: int = 0) -> int:
    """Seed of an image's own generator, an int in [0, 2**63), from the same identity as its id.

    Args:
        version: Version name.
        split: Split name.
        wnid: The class.
        index: Number of the image within its class.
        replicate: Which of several renderings with other seeds; 0 for the only one.

    Example:
        >>> make_seed("v1", "sd-l", "n01440764", 0) == make_seed("v1", "sd-l", "n01440764", 1)
        False
    """
    # The prefix separates the two hashes: without it the first digits of the seed would be those of the id.
    place = _name_place(version, split, wnid, index, replicate=replicate)
    digest = hashlib.sha256(f"seed/{place}".encode()).digest()
    # 63 bits and not 64: releases store the seed in a signed int64 column.
    return int.from_bytes(digest[:8], "big") % 2**63


def _name_place(version: str, split: str, wnid: str, index: int, *, replicate: int) -> str:
    # Replicate 0 is not named: the ids and seeds of releases without replicates must stay what they are.
    return f"{version}/{split}/{wnid}/{index}" + (f"/replicate={replicate}" if replicate else "")


# Most file systems allow 255 bytes a name; the hash, a suffix and the `.tmp` of an unfinished write must fit
# behind the slug.
MAX_LENGTH = 100


def make_slug(name: str) -> str:
    """A file name for a model or split: readable, never a path, different names never clash in practice.

    Letters, digits, dot, dash and underscore stay; a run of anything else becomes one dash. Where that loses
    something beyond the usual separators, or the name is long, or it names a folder inside another on this
    machine, a short hash of the whole name is added.

    Example:
        >>> make_slug("timm:resnet50.a1_in1k"), make_slug("v1/sd-l")
        ('timm-resnet50.a1_in1k', 'v1-sd-l')
        >>> make_slug("../a b")
        'a-b-2c2c791a'
        >>> make_slug("folder:a-b"), make_slug("folder:a/b")
        ('folder-a-b', 'folder-a-b-77b4db4a')
    """
    # Stripped of dots: a leading one hides a file, and '..' alone is a path.
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip(".-") or "unnamed"
    # Only a single ':' or '/' between words is plain: 'a//b' would otherwise have the slug of 'a/b'.
    plain = re.fullmatch(r"[A-Za-z0-9._-]+(?:[:/][A-Za-z0-9._-]+)*", name) is not None
    # Registered names that differ in a separator alone are few and looked after; paths are anything.
    plain = plain and not re.search(r"(?:^|:)(?:folder|local-dir):.*[:/]", name)
    if plain and len(slug) <= MAX_LENGTH:
        return slug
    return f"{slug[:MAX_LENGTH]}-{hash_bytes(name.encode())[:8]}"
