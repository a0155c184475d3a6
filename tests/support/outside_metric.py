"""A package outside that adds one metric by its entry point, as any user may write it."""

from __future__ import annotations

from pathlib import Path

MODULE = '''
import numpy as np

from imagenet_g.benchmark.predictions.interval_rules import CLASS_JACKKNIFE
from imagenet_g.benchmark.predictions.metric import PLAIN, Metric


def compute_doubt(images):
    """Mean of -log p of the first answer; an image without a prediction is left out."""
    first = images.top5.probabilities[:, 0].astype(np.float64)
    return float(-np.log(first[first > 0]).mean())


DOUBT = Metric(
    name="doubt",
    title="doubt",
    help="Mean of -log p of the first answer",
    function=compute_doubt,
    interval=CLASS_JACKKNIFE,
    unit=PLAIN,
    higher_is_better=False,
    high=None,
)
'''


def write_package(folder: Path, module: str = MODULE, value: str = "doubting:DOUBT") -> Path:
    """The package as an installer leaves it: a module, and metadata with the entry point."""
    (folder / "doubting.py").write_text(module)
    info = folder / "doubting-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: doubting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[imagenet_g.metrics]\ndoubt = {value}\n")
    return folder
