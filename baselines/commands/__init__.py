"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Command

COMMANDS = (
    Command(
        "baselines",
        "List, fit, measure and apply what scores are compared with",
        "imagenet_g.baselines.commands.baselines",
    ),
    Command("compare", "Compare models on stored predictions", "imagenet_g.baselines.commands.compare"),
    Command(
        "expect", "Say what to expect of a model before it is run", "imagenet_g.baselines.commands.expect"
    ),
    Command(
        "plan-sample", "Say how many images resolve a difference", "imagenet_g.baselines.commands.plan_sample"
    ),
    Command("published", "Print published tables and their slips", "imagenet_g.baselines.commands.published"),
)
