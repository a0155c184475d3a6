"""Which backend runs a model: named by the user, or chosen by the work ahead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError

from imagenet_g.benchmark.backends.settings import BackendName, InferenceSettings, RunSettings
from imagenet_g.benchmark.environment import choose_workers, find_version
from imagenet_g.benchmark.errors import InputError

BACKENDS: tuple[str, ...] = ("auto", "torch", "openvino")
_MEMORY_FORMAT = "channels-last"
"""Convolutions run up to twice as fast with it; other layers are not affected."""
_BATCH_SIZES = {"cpu": 8, "cuda": 256, "mps": 64}
"""On a CPU larger batches outgrow its caches and are slower (`make bench` shows it)."""
_OPENVINO_BATCH_SIZE = 4
"""One core computes a batch; larger ones are slower, and single images no faster."""
_WORTHWHILE = 1.05
"""A batch of twice the size takes twice the memory, and loses twice as much when a run is interrupted."""
_COMPILE_SECONDS = 2.0
_COMPILE_SECONDS_A_WEIGHT = 0.05e-6
_GAIN_CORE_SECONDS = 0.02
_GAIN_CORE_SECONDS_A_WEIGHT = 3e-9
"""Measured on two cores from EfficientNet-Lite0 to ViT-B: what a first compilation costs, and what an image
then costs less, in seconds of one core. Both grow with the number of weights."""
_LEAST_WEIGHTS = 20_000
"""A model of fewer has next to nothing to compute, and so to gain."""


def is_installed() -> bool:
    """Whether OpenVINO can be imported; it is not imported for the answer.

    Example:
        >>> isinstance(is_installed(), bool)
        True
    """
    try:
        return bool(find_version("openvino"))
    except PackageNotFoundError:
        return False


def require_backend(requested: str, *, dtype: str, device: str = "cpu") -> None:
    """Refuse a backend that cannot run.

    Args:
        requested: One of `BACKENDS`.
        dtype: In which the model is to run.
        device: On which; of "auto" it is known only later.

    Raises:
        InputError: OpenVINO is not installed, or it was asked for low precision or another device.

    Example:
        >>> require_backend("openvino", dtype="bfloat16")
        Traceback (most recent call last):
        ...
        imagenet_g.benchmark.errors.InputError: --backend openvino computes in float32 on the CPU, ...
    """
    if requested != "openvino":
        return
    if dtype != "float32" or device.partition(":")[0] not in ("cpu", "auto"):
        raise InputError(
            f"--backend openvino computes in float32 on the CPU, and this run is in {dtype} on '{device}'. "
            "Leave --backend away, or add --device cpu --dtype float32."
        )
    if not is_installed():
        raise InputError(
            "--backend openvino needs OpenVINO, which is not installed: pip install 'imagenet-g[openvino]'"
        )


def list_candidates(requested: str, *, dtype: str, device: str) -> tuple[BackendName, ...]:
    """The backends that may run a model, all with the answers of float32 where there are several.

    Args:
        requested: One of `BACKENDS`.
        dtype: In which the model is to run.
        device: On which: "cpu", "cuda" or "mps".

    Raises:
        InputError: As `require_backend`.

    Example:
        >>> list_candidates("auto", dtype="float32", device="cuda")
        ('torch',)
    """
    require_backend(requested, dtype=dtype, device=device)
    if requested == "openvino":
        return ("openvino",)
    if requested == "torch" or device != "cpu" or dtype != "float32" or not is_installed():
        return ("torch",)
    return ("torch", "openvino")


def choose_backend(
    candidates: Sequence[BackendName], *, num_rows: int, num_parameters: int, num_cores: int
) -> BackendName:
    """The backend that is done first, from the whole work and the size of the model.

    Nothing is measured here and no kept model is looked for: the parts of one job, on machines of one kind,
    must choose alike.

    Args:
        candidates: The backends that may run it.
        num_rows: Images of all splits that must be run.
        num_parameters: Of the model.
        num_cores: That it runs on.

    Example:
        >>> both = ("torch", "openvino")
        >>> choose_backend(both, num_rows=1000, num_parameters=4_700_000, num_cores=2)
        'openvino'
        >>> choose_backend(both, num_rows=100, num_parameters=4_700_000, num_cores=2)
        'torch'
        >>> choose_backend(both, num_rows=100_000, num_parameters=10, num_cores=2)
        'torch'
    """
    if len(candidates) == 1:
        return candidates[0]
    if num_parameters < _LEAST_WEIGHTS:
        return "torch"
    cost = _COMPILE_SECONDS + _COMPILE_SECONDS_A_WEIGHT * num_parameters
    gain = (_GAIN_CORE_SECONDS + _GAIN_CORE_SECONDS_A_WEIGHT * num_parameters) / num_cores
    return "openvino" if num_rows * gain > cost else "torch"


def name_backend(backend: BackendName, device: str, *, compiled: bool = False) -> str:
    """A backend with all that decides its bits, as keys and records have it.

    Args:
        backend: What computes.
        device: The kind: "cpu", "cuda" or "mps".
        compiled: Whether PyTorch compiles the module.

    Example:
        >>> name_backend("torch", "cpu").startswith("torch-")
        True
    """
    if backend == "openvino":
        return f"openvino-{find_version('openvino')}/{device}/f32"
    return f"torch-{find_version('torch')}/{device}/{_MEMORY_FORMAT}" + ("/compiled" if compiled else "")


def choose_batch_size(backend: BackendName, device: str) -> int:
    """Images per forward pass, where the user names no number.

    Args:
        backend: What computes.
        device: As torch names it; only the kind decides.

    Example:
        >>> choose_batch_size("torch", "cuda:1"), choose_batch_size("openvino", "cpu")
        (256, 4)
    """
    return _OPENVINO_BATCH_SIZE if backend == "openvino" else _BATCH_SIZES[device.partition(":")[0]]


def choose_settings(asked: RunSettings, *, backend: BackendName, device: str) -> InferenceSettings:
    """How a model runs: what was asked for, and the defaults for the rest.

    Args:
        asked: As requested.
        backend: What computes.
        device: As torch names it.
    """
    return InferenceSettings(
        device=device,
        dtype=asked.dtype,
        batch_size=asked.batch_size or choose_batch_size(backend, device),
        workers=asked.workers or choose_workers(device),
        feeding=asked.feeding,
        backend=backend,
        compile=asked.compile,
    )


def probe_batch_size(measure: Callable[[int], float | None], *, start: int, most: int) -> int:
    """The smallest batch size from which on larger ones gain nothing, found by doubling.

    Args:
        measure: From a batch size to images per second; None where memory does not hold it.
        start: The first size that is tried; where memory does not hold it, it is the answer all the same,
            and is halved as the run goes.
        most: No larger size is tried.

    Example:
        >>> rates = {64: 900.0, 128: 1500.0, 256: 1530.0, 512: None}
        >>> probe_batch_size(rates.__getitem__, start=64, most=2048)
        128
    """
    best, rate = start, measure(start)
    while rate is not None and 2 * best <= most:
        larger = measure(2 * best)
        if larger is None or larger < rate * _WORTHWHILE:
            break
        best, rate = 2 * best, larger
    return best
