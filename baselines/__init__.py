"""What scores are compared with: standard models, fits and published tables."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class _Folder(ModuleType):
    """This folder, which is a call of the Python API as well: both have the name `imagenet_g.baselines`."""

    def __call__(self, name: str | None = None) -> pd.DataFrame:
        """See `imagenet_g.baselines.api.frames.baselines`."""
        from imagenet_g.baselines.api.frames import baselines

        return baselines(name)


# Any import from this folder makes it an attribute of the package, in the place of a function of that name.
sys.modules[__name__].__class__ = _Folder
