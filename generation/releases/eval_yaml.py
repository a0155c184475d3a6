"""`eval.yaml` of a published release: its splits as tasks of the Hub's own evaluation format.

By it a data set can be registered as a benchmark; see "Eval.yaml specification" in
https://huggingface.co/docs/hub/eval-results. The Hub's staff register it, and keep the list of the names of
evaluation frameworks.
"""

from __future__ import annotations

import yaml  # type: ignore[import-untyped]

from imagenet_g.benchmark.publishing.eval_tasks import EVAL_FRAMEWORK, make_task_id
from imagenet_g.benchmark.splits.manifests import Manifest


def make_eval_table(manifest: Manifest) -> dict[str, object]:
    """The content of `eval.yaml`: what it measures, and a task for each split that is no training set.

    Args:
        manifest: Of the release.
    """
    notice = f" {manifest.notice}" if manifest.notice else ""
    return {
        "name": f"ImageNet-G {manifest.version}",
        "description": (
            f"{manifest.title}. Image classification on images unlike the photos of ImageNet, its classes "
            "as labels. The value of a task is top-1 accuracy in percent; accuracy gap and effective "
            f"robustness are in the notes of each value.{notice}"
        ),
        "evaluation_framework": EVAL_FRAMEWORK,
        "tasks": [
            {"id": make_task_id(manifest.version, name), "config": name, "split": split.hub_split}
            for name, split in manifest.splits.items()
            if split.role == "test"
        ],
    }


def format_eval_yaml(manifest: Manifest) -> str:
    """The text of `eval.yaml`."""
    return str(yaml.safe_dump(make_eval_table(manifest), sort_keys=False, allow_unicode=True))
