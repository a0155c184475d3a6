"""The subcommands of `imagenet-g` that this folder adds."""

from __future__ import annotations

from imagenet_g.benchmark.commands.command import Circle, Command

_HERE = "imagenet_g.generation.commands"

COMMANDS = (
    Command("build", "Build splits of a version with a generator", f"{_HERE}.build", Circle.MAKERS, 10),
    Command(
        "adopt",
        "Take a set made elsewhere as a release",
        "imagenet_g.generation.adopting.command",
        Circle.MAKERS,
        15,
    ),
    Command(
        "verify",
        "Check a release and how closely it can be regenerated",
        f"{_HERE}.verify",
        Circle.MAKERS,
        20,
    ),
    Command(
        "sibling",
        "Private twins of a version's images, which find who read its labels",
        "imagenet_g.generation.sealing.command",
        Circle.MAKERS,
        35,
    ),
    Command("publish", "Check a release and upload it to the Hub", f"{_HERE}.publish", Circle.MAKERS, 30),
    Command(
        "critique",
        "Say how good the images of a split are",
        "imagenet_g.generation.critique.command",
        Circle.MAKERS,
        25,
    ),
    Command("filter", "Filter any images as a release filters its own", f"{_HERE}.filter", Circle.MAKERS, 45),
    Command("diff", "Show the differences between two versions", f"{_HERE}.diff", Circle.MAKERS, 50),
    Command("train", "Train a generator and a CLIP on captioned images", f"{_HERE}.train", Circle.MAKERS, 60),
    Command(
        "captions", "Train and freeze captions far from their class", f"{_HERE}.captions", Circle.MAKERS, 70
    ),
    Command(
        "finetune",
        "Train a Stable Diffusion further on images of a split",
        "imagenet_g.generation.finetuning.command",
        Circle.MAKERS,
        62,
    ),
    Command(
        "convert",
        "Convert the class-conditional LDM of CompVis for diffusers",
        "imagenet_g.generation.converting.command",
        Circle.MAKERS,
        65,
    ),
    Command("gallery", "Make a contact sheet of a release", f"{_HERE}.gallery", Circle.MAKERS, 130),
    Command("inspect", "Show the full record of one image", f"{_HERE}.inspect_image", Circle.MAKERS, 140),
    Command(
        "fidelity",
        "Test a trained generator for copies and for prompt fidelity",
        f"{_HERE}.fidelity",
        Circle.LAB,
        10,
    ),
    Command(
        "caption-trial",
        "Test whether caption training learns from its reward",
        f"{_HERE}.caption_trial",
        Circle.LAB,
        20,
    ),
    Command("renditions", "Rebuild the embedded split of emoji art", f"{_HERE}.renditions", Circle.LAB, 30),
    Command(
        "read-classes",
        "Choose drawn classes that classifiers can read",
        "imagenet_g.generation.edition.command",
        Circle.LAB,
        35,
    ),
    Command("embed", "Copy built splits into the embedded edition", f"{_HERE}.embed", Circle.LAB, 40),
)
