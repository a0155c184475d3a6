"""The subcommands of `imagenet-g` that this folder adds.

A table, so that `imagenet-g --help` can list every command without importing what runs it.
"""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Command

COMMANDS = (
    Command("evaluate", "Score models on splits", "imagenet_g.benchmark.commands.evaluate"),
    Command("models", "Search the models that can be evaluated", "imagenet_g.benchmark.commands.models"),
    Command(
        "splits", "List the splits that are known and what is on hand", "imagenet_g.benchmark.commands.splits"
    ),
    Command(
        "download", "Fetch a version or a split of it from the Hub", "imagenet_g.benchmark.commands.download"
    ),
    Command(
        "versions",
        "List the versions: where they lie and what made them",
        "imagenet_g.benchmark.commands.versions",
    ),
    Command(
        "distance",
        "Measure how far a split lies from a reference, by CLIP",
        "imagenet_g.benchmark.commands.distance",
    ),
    Command("score", "Recompute a result from stored predictions", "imagenet_g.benchmark.commands.score"),
    Command("show", "Print a result file", "imagenet_g.benchmark.commands.show"),
    Command(
        "publish-results",
        "Put results and their predictions on the Hub",
        "imagenet_g.benchmark.commands.publish_results",
    ),
)
