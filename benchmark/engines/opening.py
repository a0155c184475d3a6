"""The engine that a command asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from imagenet_g.benchmark.engines.crew import Crew
from imagenet_g.benchmark.errors import InputError
from imagenet_g.benchmark.evaluation.requests import EvaluationListener, EvaluationOutcome, EvaluationRequest

ENGINES = ("serial", "ray")
MAX_ACTORS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Which processes run an evaluation.

    Attributes:
        engine: One of `ENGINES`.
        devices: Of this machine, one process each; empty for this process alone.
        address: Of a running Ray cluster; None for one on this machine.
        actors: How many actors; None for one a GPU of the cluster, or one.
        cpus: CPUs that each actor reserves.
    """

    engine: str = "serial"
    devices: tuple[str, ...] = ()
    address: str | None = None
    actors: int | None = None
    cpus: float = 1.0

    def __post_init__(self) -> None:
        """Check that the options go together.

        Raises:
            InputError: They do not.
        """
        if self.engine == "serial" and (self.address is not None or self.actors is not None):
            raise InputError("--address and --actors need --engine ray.")
        if self.engine == "ray" and self.devices:
            raise InputError(
                "--devices names those of this machine, and --engine ray takes those of the cluster: give "
                "one of them."
            )

    @property
    def num_processes(self) -> int:
        """How many work at a time, as far as that is known before a cluster is reached."""
        return self.actors or len(self.devices) or 1

    def fit(self, request: EvaluationRequest) -> EvaluationRequest:
        """The request for the process that scores.

        On the first of several devices, so that it finds the answers that were computed there in the cache.
        """
        if not self.devices:
            return request
        return replace(request, settings=replace(request.settings, device=self.devices[0]))


class ProcessChoices(Protocol):
    """The options that decide which processes run an evaluation."""

    @property
    def device(self) -> str:
        """One device."""

    @property
    def devices(self) -> str | None:
        """Several, with commas."""

    @property
    def engine(self) -> str:
        """One of `ENGINES`."""

    @property
    def address(self) -> str | None:
        """Of a Ray cluster."""

    @property
    def actors(self) -> int | None:
        """How many."""

    @property
    def cpus_per_actor(self) -> float:
        """That each reserves."""

    @property
    def rows(self) -> str | None:
        """A share of the rows, for a job of an array."""

    @property
    def keep_features(self) -> bool:
        """Whether features are kept."""


def make_engine_options(arguments: ProcessChoices) -> EngineOptions:
    """Which processes the options ask for.

    Raises:
        InputError: Options contradict each other, or a device is not available.
    """
    devices: tuple[str, ...] = ()
    if arguments.devices is not None:
        from imagenet_g.benchmark.devices import choose_devices

        if arguments.device != "auto":
            raise InputError("--device names one device and --devices several: give one of them.")
        devices = choose_devices(arguments.devices)
    several = len(devices) > 1 or arguments.engine == "ray"
    if several and arguments.rows is not None:
        raise InputError(
            "--rows is for the jobs of an array, each one process; --devices and --engine ray deal out the "
            "rows themselves. Give one of them."
        )
    if several and arguments.keep_features:
        raise InputError("--keep-features goes with one process: leave --devices or --engine ray out.")
    return EngineOptions(
        engine=arguments.engine,
        devices=devices,
        address=arguments.address,
        actors=arguments.actors,
        cpus=arguments.cpus_per_actor,
    )


def evaluate_by(
    options: EngineOptions,
    request: EvaluationRequest,
    listener: EvaluationListener,
    add_lane: Callable[[], EvaluationListener],
) -> tuple[EvaluationOutcome, ...]:
    """Evaluate by the engine that the options name.

    Args:
        options: Which processes.
        request: What to evaluate.
        listener: Receives progress and sentences.
        add_lane: Makes a listener for one of several processes.

    Raises:
        ImagenetGError: As `run_evaluation`, or a cluster cannot be reached.
    """
    request = options.fit(request)
    if options.engine == "serial" and len(options.devices) < 2:
        from imagenet_g.benchmark.evaluation.evaluate import run_evaluation

        return run_evaluation(request, listener)
    from imagenet_g.benchmark.engines.spread import run_spread

    with _open_crew(options, request, listener, add_lane) as crew:
        return run_spread(request, crew, listener)


@contextmanager
def _open_crew(
    options: EngineOptions,
    request: EvaluationRequest,
    listener: EvaluationListener,
    add_lane: Callable[[], EvaluationListener],
) -> Iterator[Crew]:
    crew: Crew
    if options.engine == "ray":
        from imagenet_g.benchmark.engines.ray_crew import RayCrew

        crew = RayCrew(
            request, address=options.address, actors=options.actors, cpus=options.cpus, say=listener.say
        )
    else:
        from imagenet_g.benchmark.engines.processes import ProcessCrew

        crew = ProcessCrew(request, options.devices, [add_lane() for _ in options.devices])
    try:
        yield crew
    finally:
        crew.close()
