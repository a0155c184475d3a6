"""How a run uses its machine: where parts of a pipeline wait, what is compiled, which kernels attend.

None of it is part of a recipe. It is chosen for a run and recorded with its shards, because a plan must be
the same on an 8 GB card and on an 80 GB one. Pixels may differ in their last bits (tiles of an autoencoder:
by more), so that `verify` expects R1 where it runs in another way than the build.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from imagenet_g.benchmark.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from imagenet_g.generation.specs.generator import GeneratorSpec

Offload = Literal["none", "model", "sequential"]
CHOICES = "machine."
"""Before the names of choices among the facts of a run."""
_NETWORKS = ("transformer", "transformer_2", "unet", "prior")


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOptions:
    """Choices of a run.

    Attributes:
        offload: "model": a part of the pipeline is on the GPU only while it runs; "sequential": a layer at a
            time, which is slow and needs least memory.
        compile: Compile the denoising network.
        attention: Attention backend of diffusers, such as "native" or "flash"; None for its own choice.
        attention_slicing: Attend in slices, for cards of little memory.
        vae_tiling: Decode large images in tiles that overlap.
        vae_slicing: Decode the images of a batch one by one.
    """

    offload: Offload = "none"
    compile: bool = False
    attention: str | None = None
    attention_slicing: bool = False
    vae_tiling: bool = False
    vae_slicing: bool = False

    def describe(self) -> dict[str, str]:
        """What was chosen, as facts of a run; nothing for a run without choices.

        Example:
            >>> MachineOptions(offload="model", vae_tiling=True).describe()
            {'machine.offload': 'model', 'machine.vae_tiling': 'True'}
        """
        plain = MachineOptions()
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            f"{CHOICES}{name}": str(value) for name, value in values.items() if value != getattr(plain, name)
        }


def choose_machine(spec: GeneratorSpec, chosen: MachineOptions) -> MachineOptions:
    """The choices that a generator runs with: those of the run, then what an older spec says.

    Args:
        spec: The generator.
        chosen: By the command line.

    Returns:
        Nothing for a generator that runs no pipeline.
    """
    if not spec.takes_machine:
        return MachineOptions()
    plain = MachineOptions()
    old = {
        key: value for key, value in spec.machine_hints.items() if getattr(chosen, key) == getattr(plain, key)
    }
    return replace(chosen, **old)


def tune_pipeline(pipe: Any, machine: MachineOptions, device: str) -> None:  # noqa: ANN401
    """Apply the choices to a loaded pipeline, and move it to its device.

    Raises:
        InputError: The pipeline has no part that a choice is about, or nothing can be moved off a CPU.
        UnknownNameError: diffusers has no such attention backend.
    """
    if machine.attention is not None:
        _set_attention(pipe, machine.attention)
    if machine.attention_slicing:
        pipe.enable_attention_slicing()
    _set_decoding(pipe, machine)
    _place(pipe, machine.offload, device)
    if machine.compile:
        import torch

        for name in _list_networks(pipe):
            setattr(pipe, name, torch.compile(getattr(pipe, name)))


def _list_networks(pipe: Any) -> list[str]:  # noqa: ANN401
    return [name for name in _NETWORKS if getattr(pipe, name, None) is not None]


def _place(pipe: Any, offload: Offload, device: str) -> None:  # noqa: ANN401
    # On a CPU every part is where it would be moved to.
    if offload == "none" or device == "cpu":
        pipe.to(device)
    elif offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_sequential_cpu_offload(device=device)


def _set_decoding(pipe: Any, machine: MachineOptions) -> None:  # noqa: ANN401
    vae = getattr(pipe, "vae", None)
    for wanted, method in ((machine.vae_tiling, "enable_tiling"), (machine.vae_slicing, "enable_slicing")):
        if not wanted:
            continue
        if not hasattr(vae, method):
            option = f"--vae-{method.removeprefix('enable_')}"
            raise InputError(f"{type(pipe).__name__} has no autoencoder for {option}; leave it out.")
        getattr(vae, method)()


def _set_attention(pipe: Any, backend: str) -> None:  # noqa: ANN401
    from diffusers.models.attention_dispatch import AttentionBackendName

    # Kernels of the Hub are code that is downloaded and run.
    known = [one.value for one in AttentionBackendName if not one.value.endswith("_hub")]
    if backend not in known:
        raise UnknownNameError("attention backend", backend, known, where="of diffusers")
    taken = [name for name in _list_networks(pipe) if _takes_backend(getattr(pipe, name))]
    if not taken:
        raise InputError(
            f"The network of {type(pipe).__name__} chooses its attention itself; leave out --attention "
            f"{backend}."
        )
    for name in taken:
        try:
            getattr(pipe, name).set_attention_backend(backend)
        except (ImportError, RuntimeError, ValueError) as error:
            raise InputError(f"--attention {backend} cannot be used here: {error}") from error


def _takes_backend(network: Any) -> bool:  # noqa: ANN401
    processors = getattr(network, "attn_processors", {}).values()
    return any(hasattr(one, "_attention_backend") for one in processors)
