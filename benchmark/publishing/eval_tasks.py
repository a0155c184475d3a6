"""The names that a version's `eval.yaml` and the results in models' repositories share.

One task a split, named by the whole reference, such as "v1/sd-l": a repository may hold one version after
another, and the Hub gathers values by task, whatever the revision.
"""

from __future__ import annotations

from imagenet_g.benchmark.identity import make_slug

EVAL_FRAMEWORK = "imagenet-g"
"""The identifier of `evaluation_framework`; the Hub's staff keep the list of those that it accepts."""
EVAL_YAML = "eval.yaml"
EVAL_FOLDER = ".eval_results"
FORMAT_PAGE = "https://huggingface.co/docs/hub/eval-results"


def make_task_id(version: str, split: str) -> str:
    """The task of a split.

    Example:
        >>> make_task_id("v1", "sd-l")
        'v1/sd-l'
    """
    return f"{version}/{split}"


def make_eval_path(version: str, split: str) -> str:
    """The file of a split's value in a model's repository: one a task, so that no two meet.

    The separator is in no name of a version or split: "mini" and "v2-real" differ from "mini-v2" and "real".

    Example:
        >>> make_eval_path("v1", "sd-l")
        '.eval_results/imagenet-g~v1~sd-l.yaml'
    """
    return f"{EVAL_FOLDER}/{EVAL_FRAMEWORK}~{make_slug(version)}~{make_slug(split)}.yaml"
