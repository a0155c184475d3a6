"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Circle, Command

_HERE = "imagenet_g.baselines.commands"

COMMANDS = (
    Command("compare", "Compare models on stored predictions", f"{_HERE}.compare", Circle.EVERYDAY, 20),
    Command(
        "baselines",
        "List, fit, measure and apply baselines for scores",
        f"{_HERE}.baselines",
        Circle.MAKERS,
        80,
    ),
    Command(
        "expect", "Predict the accuracy of a model before running it", f"{_HERE}.expect", Circle.MAKERS, 90
    ),
    Command("published", "Print published tables and their errors", f"{_HERE}.published", Circle.MAKERS, 100),
    Command(
        "features",
        "Measure the features of models on splits",
        f"{_HERE}.features_of_models.features",
        Circle.MAKERS,
        105,
    ),
    Command(
        "probe",
        "Fit linear probes on features of models",
        f"{_HERE}.features_of_models.probe",
        Circle.MAKERS,
        106,
    ),
    Command(
        "plan-sample",
        "Compute the sample size for a given difference",
        f"{_HERE}.plan_sample",
        Circle.MAKERS,
        110,
    ),
)
