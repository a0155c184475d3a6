"""ImageNet-G from Python: `import imagenet_g as ig`.

    results = ig.evaluate("timm:resnet50", splits="v1/sd-l", reference="imagenet-val", baseline="testbed")
    results.to_frame()

Names only: what stands behind one is imported when it is used. The names of `__all__` follow semantic
versioning; everything else may change.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagenet_g.benchmark.api.evaluating import evaluate
    from imagenet_g.benchmark.api.results import Results
    from imagenet_g.benchmark.errors import ImagenetGError

__all__ = [
    "ImagenetGError",
    "Results",
    "__version__",
    "evaluate",
]

__version__: str

_API = "imagenet_g.benchmark.api"
_ADDRESSES = {
    "ImagenetGError": "imagenet_g.benchmark.errors",
    "Results": f"{_API}.results",
    "evaluate": f"{_API}.evaluating",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("imagenet-g")
    if name not in _ADDRESSES:
        raise AttributeError(f"module 'imagenet_g' has no attribute '{name}'")
    found: object = getattr(import_module(_ADDRESSES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
