"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.command import Command

COMMANDS = (
    Command("build", "Build splits of a version from a generator", "imagenet_g.generation.cli_build"),
    Command("verify", "Check a release and how well it can be remade", "imagenet_g.generation.cli_verify"),
    Command("inspect", "Show everything known about one image", "imagenet_g.generation.cli_inspect"),
    Command("gallery", "Make a contact sheet of a release", "imagenet_g.generation.cli_gallery"),
    Command("publish", "Check a release and put it on the Hub", "imagenet_g.generation.cli_publish"),
    Command("train", "Train a generator and a CLIP from pictures", "imagenet_g.generation.cli_train"),
    Command("captions", "Write prompts far from their class", "imagenet_g.generation.cli_captions"),
    Command("diff", "Say what changed between two versions", "imagenet_g.generation.cli_diff"),
)  # fmt: skip
