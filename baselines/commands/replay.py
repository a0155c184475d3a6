"""`imagenet-g baselines replay`: experiments of papers, repeated on the splits of a version."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.terminal.text import print_block, print_line

if TYPE_CHECKING:
    from imagenet_g.baselines.replays.experiments import ExperimentsSpec
    from imagenet_g.baselines.replays.records import ExperimentsRecord

PAGE_NAME = "replay.md"
RECORD_NAME = "replay.json"


def run_replay_command(arguments: Namespace) -> int:
    """Run the chosen experiments of a file and write their page, print the plan, or list the shipped files.

    Raises:
        InputError: No output is named, or the file cannot be used.
    """
    from imagenet_g.baselines.replays.experiment_files import list_experiments, load_experiments

    if arguments.replay is None:
        print_block("\n".join(list_experiments()))
        return 0
    spec = load_experiments(arguments.replay).choose(arguments.only)
    if arguments.dry_run:
        return print_plan(spec, arguments)
    if arguments.out is None:
        raise InputError("Name the folder of results and page: --out DIR.")
    found = run_chosen(spec, arguments)
    write_experiments(arguments.out, found, spec)
    for experiment in found.experiments:
        for claim in experiment.claims:
            print_line(f"{claim.verdict:10} {experiment.name}: {claim.text}")
    print_line(f"wrote {arguments.out / PAGE_NAME}")
    return 0


def print_plan(spec: ExperimentsSpec, arguments: Namespace) -> int:
    """What the chosen experiments would take; nothing is fetched or trained."""
    import torch

    from imagenet_g.baselines.replays.experiment_plan import plan_experiments
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.evaluation.cache import choose_cache_folder

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    text = plan_experiments(
        spec,
        seeds=arguments.seeds,
        data=parse_data_pairs(arguments.data),
        cache=choose_cache_folder(arguments.cache),
        out=arguments.out,
        device=choose_device(arguments.device),
    )
    print_block(text)
    return 0


def run_chosen(spec: ExperimentsSpec, arguments: Namespace) -> ExperimentsRecord:
    """Train and evaluate what is missing."""
    import torch

    from imagenet_g.baselines.replays.evaluating import ReplayPlace
    from imagenet_g.baselines.replays.experiment_run import run_experiments
    from imagenet_g.benchmark.backends.settings import RunSettings
    from imagenet_g.benchmark.catalogue.catalogue import parse_data_pairs
    from imagenet_g.benchmark.devices import choose_device
    from imagenet_g.benchmark.evaluation.cache import Cache, choose_cache_folder
    from imagenet_g.benchmark.storage import validate_writable
    from imagenet_g.benchmark.terminal.progress import ProgressListener

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    # Before hours of training whose results could not be stored.
    validate_writable(arguments.out)
    with ProgressListener() as listener:
        place = ReplayPlace(
            data=parse_data_pairs(arguments.data),
            settings=RunSettings(device=choose_device(arguments.device), workers=arguments.threads),
            out=arguments.out,
            cache=Cache(choose_cache_folder(arguments.cache)),
            listener=listener,
        )
        return run_experiments(place, spec, seeds=arguments.seeds)


def write_experiments(folder: Path, found: ExperimentsRecord, spec: ExperimentsSpec) -> None:
    """Write the record, the figures and the page.

    Raises:
        StorageError: The folder cannot be written.
    """
    from imagenet_g.baselines.papers.tables import load_papers
    from imagenet_g.baselines.replays.cells.plots import draw_plot
    from imagenet_g.baselines.replays.experiment_page import format_experiments
    from imagenet_g.benchmark.storage import write_text

    # The record first: the page can be written again from it, not the other way round.
    write_text(folder / RECORD_NAME, found.model_dump_json(indent=1) + "\n")
    plotted = {one.name: one for one in spec.experiments if one.plot is not None}
    for one in found.experiments:
        if one.name in plotted:
            draw_plot(plotted[one.name], one.numbers, folder)
    write_text(folder / PAGE_NAME, format_experiments(found, spec, load_papers()))
