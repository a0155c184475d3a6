"""Frozen captions as the prompts of a split: found, checked against the pinned hash, assigned to images.

Image `index` of a class takes caption `index` of the class, best first, modulo their number: more images per
class never change the first ones.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.classes import load_classes
from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError
from imagenet_g.benchmark.file_stamps import FileStamp, make_stamp
from imagenet_g.generation.captions.files import SUFFIX, CaptionSet, load_captions
from imagenet_g.generation.captions.records import CaptionHeader
from imagenet_g.generation.specs.inputs import CaptionPromptSpec
from imagenet_g.generation.specs.version import SplitSpec

if TYPE_CHECKING:
    from pydantic import JsonValue


def make_caption_prompts(spec: CaptionPromptSpec, class_index: int, count: int) -> list[str]:
    """Captions of the first `count` images of a class, in index order.

    Raises:
        DataError: The captions are not available, are not the pinned ones, or the class has no caption.
        InputError: The spec pins no hash.
    """
    captions = load_pinned_captions(spec).captions_of(load_classes()[class_index].wnid)
    return [captions[index % len(captions)] for index in range(count)]


def load_pinned_captions(spec: CaptionPromptSpec) -> CaptionSet:
    """The captions of a spec, checked against the hash it pins.

    Raises:
        UnknownNameError: No caption file of this name ships with the package.
        DataError: The file does not exist, or holds other captions.
        InputError: The spec pins no hash; the message gives the hash to pin.
    """
    path = find_caption_file(spec.file)
    if not path.is_file():
        raise DataError(
            f"There is no caption file '{spec.file}', which the prompts come from. Write one with "
            "'imagenet-g captions train' and 'captions write', or bring the one that the spec is for."
        )
    captions = _load(path, make_stamp(path))
    found = captions.header.content_sha256
    if spec.sha256 is None:
        raise InputError(
            f"Captions '{spec.file}' are not pinned, and other captions would give another split. Write "
            f'sha256 = "{found}" beside file in the spec.'
        )
    if found != spec.sha256:
        raise DataError(
            f"Captions '{spec.file}' are not those of the spec: their content hash is {found}, the spec pins "
            f"{spec.sha256}. Use the file the spec was written for, or pin this one under another version."
        )
    return captions


def find_caption_file(name_or_path: str) -> Path:
    """Path of a caption file that ships with the package, or of the file itself.

    Raises:
        UnknownNameError: No caption file of this name ships with the package.
    """
    if name_or_path.endswith(SUFFIX):
        return Path(name_or_path)
    shipped = list_caption_files()
    if name_or_path not in shipped:
        raise UnknownNameError(
            "captions",
            name_or_path,
            shipped,
            hint=f"Give the path of a caption file, which ends with {SUFFIX}.",
        )
    return shipped[name_or_path]


def list_caption_files() -> dict[str, Path]:
    """Caption files that ship with the package, by name."""
    folder = Path(str(files("imagenet_g.generation.data") / "captions"))
    return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}


def describe_caption_prompts(spec: CaptionPromptSpec) -> dict[str, JsonValue]:
    """What decides the prompts: the captions, but not the path of their file."""
    # Part of a hashed recipe: a path would make the same captions another recipe on another machine.
    return {"recipe": spec.recipe, "file": Path(spec.file).name, "sha256": spec.sha256}


def load_caption_header(split: SplitSpec) -> CaptionHeader | None:
    """Header of a split's caption file, with the model's card; None for other prompts."""
    if not isinstance(split.prompts, CaptionPromptSpec):
        return None
    return load_pinned_captions(split.prompts).header


@cache
def _load(path: Path, stamp: FileStamp) -> CaptionSet:
    # The stamp is part of the key, so that a file written anew in the same process is read again.
    # Asked for once a class, and parsed once.
    return load_captions(path)
