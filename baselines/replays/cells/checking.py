"""What an experiment's cells need, looked for before hours of training."""

from __future__ import annotations

from importlib.util import find_spec

from imagenet_g.baselines.replays.cells.encoded import open_probe_sets
from imagenet_g.baselines.replays.evaluating import ReplayPlace
from imagenet_g.baselines.replays.experiments import ExperimentSpec
from imagenet_g.benchmark.catalogue.catalogue import load_split
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.models.clip_encoders import load_clip_encoder
from imagenet_g.benchmark.splits.references import parse_split_ref


def validate_cells(place: ReplayPlace, experiment: ExperimentSpec) -> None:
    """Open every set and split, load every CLIP, and look for the libraries of probes and plots.

    Raises:
        InputError: A library is missing, or a set is not here.
        ImagenetGError: As opening splits and loading CLIPs.
    """
    require_extras(experiment)
    open_probe_sets(place, experiment)
    if (distances := experiment.distances) is None:
        return
    for ref in distances.refs:
        load_split(parse_split_ref(ref), data=place.data, cache=place.cache.folder)
    for column in distances.clips:
        load_clip_encoder(column.clip)


def require_extras(experiment: ExperimentSpec) -> None:
    """Refuse an experiment whose extras are not installed.

    Raises:
        InputError: One is missing, with the command that installs it.
    """
    needs = [("plots", "matplotlib")] if experiment.plot else []
    needs += [("probe", "sklearn"), ("probe", "optuna")] if "probe" in experiment.measures else []
    # Found and not imported: an import takes seconds, and this one is for the message alone.
    for extra, name in needs:
        if find_spec(name) is None:
            raise InputError(
                f"Experiment '{experiment.name}' needs {name}. Install it: pip install 'imagenet-g[{extra}]'"
            )
