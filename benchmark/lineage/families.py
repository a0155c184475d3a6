"""Families of generators: which are kin, since when their images are public, which CLIPs they read with."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from functools import cache as remember
from importlib.resources import files

from imagenet_g.benchmark.records import FileModel


class FamilySpec(FileModel):
    """A row of `data/generator_families.toml`, which explains the keys."""

    name: str
    title: str
    released: date | None = None
    source: str
    members: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    text_encoders: tuple[str, ...] = ()
    image_encoders: tuple[str, ...] = ()


def read_families() -> str:
    """The text of the table."""
    return (files("imagenet_g.benchmark.data") / "generator_families.toml").read_text(encoding="utf-8")


@remember
def load_families() -> tuple[FamilySpec, ...]:
    """Known families."""
    return tuple(FamilySpec.model_validate(table) for table in tomllib.loads(read_families())["family"])


def normalize_generator(name: str) -> str:
    """A generator's name without owner, punctuation and version letter: "sd-1.5" is "stablediffusion15".

    Example:
        >>> normalize_generator("SD-1.5"), normalize_generator("runwayml/stable-diffusion-v1-5")
        ('stablediffusion15', 'stablediffusion15')
        >>> normalize_generator("SDXL"), normalize_generator("packaged:mini-sd")
        ('sdxl', 'minisd')
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("packaged:").split("/")[-1])
    # Only before a number: `sdxl` and `sd-turbo` are other models.
    plain = re.sub(r"^sd(?=v?\d)", "stablediffusion", plain)
    return re.sub(r"v(?=\d)", "", plain)


def find_family(name: str) -> FamilySpec | None:
    """The family of a generator by its name; None where the name does not say.

    Example:
        >>> [find_family(name).name for name in ("SimianLuo/LCM_Dreamshaper_v7", "sd-1.4", "sdxl-turbo")]
        ['stable-diffusion-1', 'stable-diffusion-1', 'stable-diffusion-xl']
        >>> find_family("Stable Diffusion") is None  # of which version is not said
        True
    """
    plain = normalize_generator(name)
    # Whole names first: a pattern of another family could find a part of one.
    for family in load_families():
        if plain in family.members:
            return family
    fitting = [
        family for family in load_families() if any(re.search(pattern, plain) for pattern in family.patterns)
    ]
    # A name that two families claim is of neither for certain.
    return fitting[0] if len(fitting) == 1 else None
