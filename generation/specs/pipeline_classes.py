"""Pipeline classes of the installed diffusers, by name, with the arguments of their call."""

from __future__ import annotations

import inspect
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, TypeAlias

from imagenet_g.benchmark.errors import InputError, UnknownNameError
from imagenet_g.benchmark.hub.quiet import ignore_library_warnings

if TYPE_CHECKING:
    from pydantic import JsonValue

PipelineClass: TypeAlias = Any
"""diffusers' pipelines share no typed interface: each class has its own attributes and call arguments."""
OWN_PIPELINES = {
    "ClassConditionalLDMPipeline": "imagenet_g.generation.generators.class_ldm:ClassConditionalLDMPipeline"
}
"""Pipelines of this package, by address: specs are read without a generator's libraries."""


def find_pipeline_class(name: str) -> PipelineClass:
    """A pipeline class of diffusers, or of this package, by name.

    Raises:
        UnknownNameError: The installed diffusers has no such pipeline.
        InputError: diffusers is not installed.
    """
    try:
        import diffusers
    except ImportError as error:
        raise InputError("Building needs diffusers. Run: pip install 'imagenet-g[generate]'") from error
    if name in OWN_PIPELINES:
        with ignore_library_warnings():
            return resolve_name(OWN_PIPELINES[name])
    known = [n for n in dir(diffusers) if n.endswith("Pipeline") or n.startswith("AutoPipelineFor")]
    if name not in known:
        raise UnknownNameError(
            "pipeline",
            name,
            [*known, *OWN_PIPELINES],
            hint=f"The installed diffusers is {diffusers.__version__}.",
        )
    with ignore_library_warnings():
        return getattr(diffusers, name)


def find_call_defaults(name: str) -> dict[str, JsonValue]:
    """Default values of the call by class name; empty for classes that choose another class on loading.

    Raises:
        UnknownNameError: The installed diffusers has no such pipeline.
    """
    found = find_pipeline_class(name)
    return {} if name.startswith("Auto") or name == "DiffusionPipeline" else list_call_defaults(found)


def list_call_arguments(pipeline_class: PipelineClass) -> tuple[str, ...]:
    """Names of the arguments of a pipeline's call."""
    # Without `self`.
    return tuple(inspect.signature(pipeline_class.__call__).parameters)[1:]


def takes_one_text(pipeline_class: PipelineClass) -> bool:
    """Whether a call takes one prompt and no list, by the type that it or its check of inputs declares.

    Example:
        >>> class OneByOne:
        ...     def __call__(self, prompt: str | None = None): ...
        >>> class InBatches:
        ...     def __call__(self, prompt: str | list[str] | None = None): ...
        >>> takes_one_text(OneByOne), takes_one_text(InBatches)
        (True, False)
    """
    # The call of DreamLite's mobile pipeline declares lists, which its check refuses.
    methods = (pipeline_class.__call__, getattr(pipeline_class, "check_inputs", None))
    parameters = (inspect.signature(one).parameters.get("prompt") for one in methods if one is not None)
    declared = [str(prompt.annotation).lower() for prompt in parameters if prompt is not None]
    return any("str" in text and "list" not in text for text in declared)


def list_call_defaults(pipeline_class: PipelineClass) -> dict[str, JsonValue]:
    """Plain default values of a pipeline's call, such as steps and guidance."""
    parameters = inspect.signature(pipeline_class.__call__).parameters
    return {
        name: parameter.default
        for name, parameter in parameters.items()
        # Callbacks and None cannot be recorded as settings.
        if isinstance(parameter.default, bool | int | float | str)
    }
