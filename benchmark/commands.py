"""The subcommands of `imagenet-g` that this folder adds.

A table, so that `imagenet-g --help` can list every command without importing what runs it.
"""

from __future__ import annotations

from imagenet_g.benchmark.command import Command

COMMANDS = (
    Command("evaluate", "Score models on splits", "imagenet_g.benchmark.cli_evaluate"),
    Command("models", "Search the models that can be evaluated", "imagenet_g.benchmark.cli_models"),
    Command(
        "splits", "List the splits that are known and what is on hand", "imagenet_g.benchmark.cli_splits"
    ),
    Command("download", "Fetch a version or a split of it from the Hub", "imagenet_g.benchmark.cli_download"),
    Command(
        "versions",
        "List the versions: where they lie and what made them",
        "imagenet_g.benchmark.cli_versions",
    ),
    Command(
        "distance",
        "Measure how far a split lies from a reference, by CLIP",
        "imagenet_g.benchmark.cli_distance",
    ),
    Command("score", "Recompute a result from stored predictions", "imagenet_g.benchmark.cli_score"),
    Command("show", "Print a result file", "imagenet_g.benchmark.cli_show"),
    Command(
        "publish-results",
        "Put results and their predictions on the Hub",
        "imagenet_g.benchmark.cli_publish_results",
    ),
)
