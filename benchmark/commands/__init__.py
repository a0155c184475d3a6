"""The subcommands of `imagenet-g` that this folder adds.

A table, so that `imagenet-g --help` can list every command without importing what runs it.
"""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Circle, Command

_HERE = "imagenet_g.benchmark.commands"

COMMANDS = (
    Command("evaluate", "Score models on splits", f"{_HERE}.evaluate", Circle.EVERYDAY, 10),
    Command("merge", "Join what 'evaluate --rows' has left", f"{_HERE}.merge", Circle.EVERYDAY, 15),
    Command("score", "Recompute a result from stored predictions", f"{_HERE}.score", Circle.EVERYDAY, 30),
    Command("show", "Print a result file", f"{_HERE}.stored.show", Circle.EVERYDAY, 40),
    Command(
        "rerun",
        "Run a stored result again and say what differs",
        f"{_HERE}.stored.rerun",
        Circle.EVERYDAY,
        42,
    ),
    Command("plot", "Draw accuracy by strength of shift", f"{_HERE}.plot", Circle.EVERYDAY, 45),
    Command("models", "Search the models that can be evaluated", f"{_HERE}.models", Circle.EVERYDAY, 50),
    Command("splits", "List the splits and where their images are", f"{_HERE}.splits", Circle.EVERYDAY, 60),
    Command(
        "download",
        "Download a version or one of its splits from the Hub",
        f"{_HERE}.download",
        Circle.EVERYDAY,
        70,
    ),
    Command(
        "versions",
        "List the versions with their location and generator",
        f"{_HERE}.versions",
        Circle.MAKERS,
        40,
    ),
    Command(
        "distance",
        "Measure the CLIP distance between a split and a reference",
        f"{_HERE}.distance",
        Circle.MAKERS,
        120,
    ),
    Command(
        "export-mcq",
        "Write multiple-choice questions for vision-language models",
        "imagenet_g.benchmark.outside_answers.command",
        Circle.MAKERS,
        125,
    ),
    Command(
        "publish-results",
        "Upload results and their predictions to the Hub",
        f"{_HERE}.publish_results",
        Circle.MAKERS,
        170,
    ),
)
