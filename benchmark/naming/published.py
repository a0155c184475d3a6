"""Published clean accuracies, looked up by model spec.

`data/published_top1.csv` was transcribed from the tables named in `SOURCES`; its accuracies are fractions,
one column for each class set. Nothing here imports more than the standard library and the result types.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from imagenet_g.benchmark.records import PublishedAccuracy

REAL_SET = "imagenet-val"
IMAGES_BY_CLASS_SET = {"all": 50_000, "imagenet-r": 10_000, "imagenet-a": 10_000}
"""ImageNet-val has 50 images a class; the sets R and A cover 200 classes each."""
SOURCES = {
    "timm": "timm results-imagenet.csv (2025-10-30)",
    "timm-224": "timm results-imagenet.csv (2025-10-30), at 224 px where timm now evaluates at 288 px",
    "timm-twin": "timm results-imagenet.csv (2025-10-30), for timm's copy of the same weights",
    "torchvision": "torchvision 0.29.2, metadata of the weights",
    "open_clip": "open_clip docs/openclip_results.csv",
}
_TIMM_SUBSETS = {
    "imagenet-r": "results-imagenet-r-clean.csv",
    "imagenet-a": "results-imagenet-a-clean.csv",
}


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One row of the table.

    Attributes:
        spec: Resolved model spec, such as "timm:resnet50.a1_in1k".
        params_m: Parameters in millions, as the source rounds them.
        accuracies: Published top-1, one for each class set the source has.
    """

    spec: str
    params_m: float
    accuracies: tuple[PublishedAccuracy, ...]

    @property
    def top1(self) -> float:
        """Top-1 on the whole of ImageNet-val, a fraction."""
        return self.accuracies[0].top1


def load_published_accuracies(spec: str) -> tuple[PublishedAccuracy, ...]:
    """Published ImageNet-val top-1 of a resolved spec, all classes first; empty when unknown.

    Example:
        >>> [figure.class_set for figure in load_published_accuracies("timm:resnet50.a1_in1k")]
        ['all', 'imagenet-r', 'imagenet-a']
        >>> load_published_accuracies("timm:no-such-model")
        ()
    """
    model = load_published_models().get(spec)
    return model.accuracies if model else ()


@cache
def load_published_models() -> dict[str, PublishedModel]:
    """The whole table by spec. Do not mutate: all callers share one dict."""
    text = (files("imagenet_g.benchmark.data") / "published_top1.csv").read_text(encoding="utf-8")
    return {row["spec"]: _parse_row(row) for row in csv.DictReader(text.splitlines())}


def _parse_row(row: dict[str, str]) -> PublishedModel:
    accuracies = tuple(
        PublishedAccuracy(
            set=REAL_SET,
            class_set=class_set,
            top1=float(row[class_set]),
            n=num_images,
            source=_format_source(row["source"], class_set),
        )
        for class_set, num_images in IMAGES_BY_CLASS_SET.items()
        if row[class_set]
    )
    return PublishedModel(row["spec"], float(row["params_m"]), accuracies)


def _format_source(source: str, class_set: str) -> str:
    table = _TIMM_SUBSETS.get(class_set, "results-imagenet.csv")
    return SOURCES[source].replace("results-imagenet.csv", table)
