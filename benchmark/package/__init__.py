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
    from imagenet_g.baselines.api.comparing import Comparison, compare
    from imagenet_g.baselines.api.frames import baselines, effective_robustness, published_tables
    from imagenet_g.benchmark.api.datasets import SplitDataset, load_split
    from imagenet_g.benchmark.api.evaluating import evaluate
    from imagenet_g.benchmark.api.frames import score, versions
    from imagenet_g.benchmark.api.predictions import load_predictions
    from imagenet_g.benchmark.api.rerunning import Rerun, rerun
    from imagenet_g.benchmark.api.results import Results
    from imagenet_g.benchmark.errors import ImagenetGError

__all__ = [
    "Comparison",
    "ImagenetGError",
    "Rerun",
    "Results",
    "SplitDataset",
    "__version__",
    "baselines",
    "compare",
    "effective_robustness",
    "evaluate",
    "load_predictions",
    "load_split",
    "published_tables",
    "rerun",
    "score",
    "versions",
]

__version__: str

_ADDRESSES = {
    "Comparison": "imagenet_g.baselines.api.comparing",
    "ImagenetGError": "imagenet_g.benchmark.errors",
    "Rerun": "imagenet_g.benchmark.api.rerunning",
    "Results": "imagenet_g.benchmark.api.results",
    "SplitDataset": "imagenet_g.benchmark.api.datasets",
    "compare": "imagenet_g.baselines.api.comparing",
    "effective_robustness": "imagenet_g.baselines.api.frames",
    "evaluate": "imagenet_g.benchmark.api.evaluating",
    "load_predictions": "imagenet_g.benchmark.api.predictions",
    "load_split": "imagenet_g.benchmark.api.datasets",
    "published_tables": "imagenet_g.baselines.api.frames",
    "rerun": "imagenet_g.benchmark.api.rerunning",
    "score": "imagenet_g.benchmark.api.frames",
    "versions": "imagenet_g.benchmark.api.frames",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("imagenet-g")
    if name == "baselines":
        # The folder itself, which can be called.
        return import_module("imagenet_g.baselines")
    if name not in _ADDRESSES:
        raise AttributeError(f"module 'imagenet_g' has no attribute '{name}'")
    found: object = getattr(import_module(_ADDRESSES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
