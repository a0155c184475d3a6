"""The kinds of corruption of ImageNet-C, and an image under one of them, by a seed of its own.

Source: Hendrycks and Dietterich 2019; the functions are those of the library imagecorruptions-imaug. They
draw from NumPy's global state, which is seeded for each image and restored. Two kinds have a state of their
own, and would differ from run to run without a seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import numpy as np
import numpy.typing as npt

from imagenet_g.benchmark.errors import DataError, InputError, UnknownNameError

Pixels = npt.NDArray[np.uint8]
COMMON = (
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur",
    "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
)  # fmt: skip
"""The fifteen of ImageNet-C."""
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
"""Four more, which its authors set apart for validation."""
KINDS = (*COMMON, *EXTRA)
SEVERITIES = (1, 2, 3, 4, 5)
LIBRARY = "imagecorruptions-imaug"
USUAL_PX = 224
"""Side of the images that the strengths of each severity were chosen for."""
SMALLEST_PX = 32
"""The library takes no smaller side."""
_OWN_STATE = ("glass_blur", "impulse_noise")


def choose_kinds(names: Sequence[str]) -> tuple[str, ...]:
    """Kinds by their names, in the order of `KINDS` and each once; all without names.

    Raises:
        UnknownNameError: There is no such kind.

    Example:
        >>> choose_kinds(["fog", "snow", "fog"])
        ('snow', 'fog')
    """
    for name in names:
        if name not in KINDS:
            raise UnknownNameError("corruption", name, KINDS)
    return tuple(kind for kind in KINDS if not names or kind in names)


def load_library() -> ModuleType:
    """The library's module.

    Raises:
        InputError: It is not installed, or what it is built on cannot be loaded.
    """
    try:
        # By the distribution: an older one, whose fog and glass_blur fail today, has a module of this name.
        version(LIBRARY)
    except PackageNotFoundError as error:
        raise InputError(
            f"Corruptions need {LIBRARY}. Install it: pip install 'imagenet-g[corruptions]'"
        ) from error
    try:
        import imagecorruptions
    except ImportError as error:
        raise InputError(
            f"{LIBRARY} cannot be loaded: {error}. OpenCV needs the system's OpenGL library; on Debian and "
            "Ubuntu: apt-get install libgl1"
        ) from error
    module: ModuleType = imagecorruptions
    return module


def corrupt_pixels(library: ModuleType, pixels: Pixels, *, kind: str, severity: int, seed: int) -> Pixels:
    """An image under a corruption; the same for the same arguments and versions of libraries.

    Args:
        library: Of `load_library`.
        pixels: `(H, W, 3)`, both sides at least `SMALLEST_PX`.
        kind: One of `KINDS`.
        severity: One of `SEVERITIES`.
        seed: Below 2**32.

    Returns:
        `(H, W, 3)`; as in the library, fractions of a level are cut off.

    Raises:
        DataError: The image is too small.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST_PX:
        raise DataError(f"{width} x {height} pixels; a side has at least {SMALLEST_PX}")
    own = {"seed": seed} if kind in _OWN_STATE else {}
    with _seed_numpy(seed):
        made: Pixels = library.corrupt(pixels, severity=severity, corruption_name=kind, **own)
    return made


def choose_seed(seed: int, kind: str, image_id: str) -> int:
    """Seed of one image under one kind, below 2**32, whatever is made before it.

    The severity is left out: a severer image has the same snowflakes, only more of them.

    Args:
        seed: Of the set.
        kind: Of the corruption.
        image_id: Of the source image, in its split.

    Example:
        >>> choose_seed(0, "fog", "a") == choose_seed(0, "fog", "a") != choose_seed(0, "snow", "a")
        True
    """
    digest = hashlib.sha256(f"corrupt/{seed}/{kind}/{image_id}".encode()).digest()
    # 32 bits, because NumPy's global state takes no more.
    return int.from_bytes(digest[:4], "big")


@contextmanager
def _seed_numpy(seed: int) -> Iterator[None]:
    """NumPy's global state seeded inside, and outside as it was."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
