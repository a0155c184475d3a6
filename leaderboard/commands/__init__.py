"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Circle, Command

_HERE = "imagenet_g.leaderboard.commands"

COMMANDS = (
    Command("submit", "Turn a result into a submission", f"{_HERE}.submit", Circle.EVERYDAY, 80),
    Command("leaderboard", "Build, show or export the board", f"{_HERE}.leaderboard", Circle.EVERYDAY, 90),
    Command("audit", "Have people rate the images of a split", f"{_HERE}.audit", Circle.MAKERS, 145),
    Command(
        "validate", "Check submissions and recompute their numbers", f"{_HERE}.validate", Circle.MAKERS, 150
    ),
    Command(
        "verify-submission",
        "Run a submitted model again and compare",
        f"{_HERE}.verify_submission",
        Circle.MAKERS,
        160,
    ),
)
