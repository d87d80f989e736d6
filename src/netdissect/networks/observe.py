"""Watching a network on one image: the inputs and outputs of its modules, and their positions in the image."""

from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.networks.running import device_of, evaluating, forward
from netdissect.networks.sources import HEADS, INPUT, OUTPUT, Source, TakeValue, has_heads, tensors_in, watched
from netdissect.networks.tracing.operation import Positions
from netdissect.networks.tracing.tracer import FieldTracer, LostError
from netdissect.types import NetdissectError

#: The number of calls of each side of each module.
Calls = Counter[tuple[str, str]]


@dataclass(frozen=True)
class ObservedTensor:
    """A tensor of the pass, and the ``type`` of the module that it is an input or output of.

    It is ``usable`` if it holds real floating-point numbers for one image. ``positions`` are the positions of its
    elements. If they are None, ``lost`` may give the reason.
    """

    source: Source
    type: str
    dtype: str
    shape: tuple[int, ...]
    usable: bool
    positions: Positions | None = None
    lost: str = ""


@dataclass(frozen=True)
class Observation:
    """The tensors of a network's pass on one image of ``size`` (H, W) pixels.

    ``tensors`` are in the order in which they came, by the names that a person writes: ``conv1``, ``relu#1`` for the
    second of several calls, ``proj@input`` for the input of a module, ``backbone[out]`` for one of several tensors.
    """

    size: tuple[int, int]
    calls: Calls
    tensors: dict[str, ObservedTensor]


def observe(model: nn.Module, image: Float[Tensor, "1 channels H W"]) -> Observation:
    """Run ``model`` once on ``image``, and return the inputs and outputs of its modules.

    Receptive fields are traced on the way, unless the network fails when its operations are watched. No other thread
    may run the network meanwhile: its tensors would be noted, too. Raises ``NetdissectError`` if the network does not
    take such an image.

    >>> observation = observe(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), torch.zeros(1, 3, 8, 8))
    >>> list(observation.tensors)
    ['0@input', '0', '1@input', '1']
    """
    try:
        return _observed(model, image, FieldTracer())
    except NetdissectError as error:
        observation = _observed(model, image, None)  # raises if watching is not the reason
        lost = f"the network cannot be watched while it runs: {error}"
        tensors = {name: replace(tensor, lost=lost) for name, tensor in observation.tensors.items()}
        return replace(observation, tensors=tensors)


def _observed(model: nn.Module, image: Tensor, tracer: FieldTracer | None) -> Observation:
    """Run the network once, and return its tensors, with positions if there is a tracer."""
    modules = {name: module for name, module in model.named_modules() if name}
    sides = {
        name: frozenset([OUTPUT, INPUT, HEADS] if has_heads(module) else [OUTPUT, INPUT])
        for name, module in modules.items()
    }
    calls: Calls = Counter()
    tensors: list[ObservedTensor] = []
    with torch.inference_mode(False), torch.no_grad():
        image = image.to(device_of(model) or "cpu", copy=True)
        with evaluating(model), watched(model, sides, _note(modules, calls, tensors, tracer)):
            if tracer is not None:
                tracer.watch(image)
            with tracer or nullcontext():
                forward(model, image)
    return Observation((image.shape[2], image.shape[3]), calls, _by_name(tensors, calls))


def _note(
    modules: dict[str, nn.Module], calls: Calls, tensors: list[ObservedTensor], tracer: FieldTracer | None
) -> TakeValue:
    """Return a function that adds the tensors of a value to ``tensors``, and counts calls."""

    def take(module: str, side: str, value: Any) -> None:
        kind = type(modules[module]).__name__ + ("" if side == OUTPUT else f" {side}")
        for path, tensor in tensors_in(value):
            floats = tensor.is_floating_point() and tensor.layout == torch.strided
            usable = floats and tensor.ndim >= 2 and tensor.shape[0] == 1 and tensor.numel() > 0
            positions, lost = None, ""
            if tracer is not None and usable:
                try:
                    positions = tracer.positions(tensor)
                except LostError as error:
                    lost = str(error)
            source = Source(module, side, calls[module, side], path)
            dtype = str(tensor.dtype).removeprefix("torch.")
            tensors.append(ObservedTensor(source, kind, dtype, tuple(tensor.shape), usable, positions, lost))
        calls[module, side] += 1

    return take


def _by_name(tensors: Sequence[ObservedTensor], calls: Calls) -> dict[str, ObservedTensor]:
    """Return the tensors by name. A name has a call if there are several, and a path if several tensors are usable."""
    every, usable = (
        Counter((each.source.module, each.source.side, each.source.call) for each in counted)
        for counted in (tensors, [each for each in tensors if each.usable])
    )
    named = {}
    for each in tensors:
        module, side, call, path = each.source.module, each.source.side, each.source.call, each.source.path
        alone = (usable if each.usable else every)[module, side, call] == 1
        name = module if calls[module, side] == 1 else f"{module}#{call}"
        name += "" if side == OUTPUT else f"@{side}"
        name += "" if alone else "".join(f"[{key}]" for key in path)
        only = calls[module, side] == 1
        named[name] = replace(each, source=Source(module, side, None if only else call, path))
    return named
