"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Command

_HERE = "imagenet_g.generation.commands"

COMMANDS = (
    Command("build", "Build splits of a version from a generator", f"{_HERE}.build"),
    Command("verify", "Check a release and how well it can be remade", f"{_HERE}.verify"),
    Command("inspect", "Show everything known about one image", f"{_HERE}.inspect_image"),
    Command("gallery", "Make a contact sheet of a release", f"{_HERE}.gallery"),
    Command("publish", "Check a release and put it on the Hub", f"{_HERE}.publish"),
    Command("train", "Train a generator and a CLIP from pictures", f"{_HERE}.train"),
    Command("captions", "Write prompts far from their class", f"{_HERE}.captions"),
    Command("diff", "Say what changed between two versions", f"{_HERE}.diff"),
)  # fmt: skip
