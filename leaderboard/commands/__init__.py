"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Command

COMMANDS = (
    Command("submit", "Turn a result into a submission", "imagenet_g.leaderboard.commands.submit"),
    Command("validate", "Check submissions and recompute them", "imagenet_g.leaderboard.commands.validate"),
    Command(
        "verify-submission",
        "Run a submitted model again and compare",
        "imagenet_g.leaderboard.commands.verify_submission",
    ),
    Command("leaderboard", "Build, show or export the board", "imagenet_g.leaderboard.commands.leaderboard"),
)
