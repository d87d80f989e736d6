"""Watching a network take one image: what its modules are given and return, and where in the image that looks."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.networks.running import device_of, evaluating, forward
from netdissect.networks.sources import HEADS, INPUT, OUTPUT, Source, has_heads, tensors_in, watched
from netdissect.networks.tracing.operation import Positions
from netdissect.networks.tracing.tracer import FieldTracer, LostError
from netdissect.types import NetdissectError

#: How often each side of each module was seen.
Calls = Counter[tuple[str, str]]


@dataclass(frozen=True)
class ObservedTensor:
    """A tensor that was seen in the pass, and the ``type`` of the module it was seen at.

    ``usable`` says that it holds real floating-point numbers for one image. ``positions`` are those of its elements;
    where they are None, ``lost`` may say why.
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
    """What was seen while a network took one image of ``size`` (H, W) pixels.

    ``seen`` is in the order in which it came, by names as a person writes them: ``conv1``, ``relu#1`` for the second of
    several calls, ``proj@input`` for what a module is given, ``backbone[out]`` for one of several tensors.
    """

    size: tuple[int, int]
    calls: Calls
    seen: dict[str, ObservedTensor]


def observe(model: nn.Module, image: Float[Tensor, "1 channels H W"]) -> Observation:
    """Runs ``model`` once on ``image``, and notes all that its modules are given and return.

    Receptive fields are traced on the way; where a network does not let itself be watched so, they are not. Nothing
    else may run the network meanwhile, in another thread say: that would be seen, too. Raises
    ``NetdissectError`` if the network does not take such an image.
    """
    try:
        return _observed(model, image, FieldTracer())
    except NetdissectError as error:
        observation = _observed(model, image, None)  # raises if being watched is not the reason
        lost = f"the network cannot be watched while it runs: {error}"
        return replace(observation, seen={name: replace(seen, lost=lost) for name, seen in observation.seen.items()})


def _observed(model: nn.Module, image: Tensor, tracer: FieldTracer | None) -> Observation:
    modules = {name: module for name, module in model.named_modules() if name}
    sides = {
        name: frozenset([OUTPUT, INPUT, HEADS] if has_heads(module) else [OUTPUT, INPUT])
        for name, module in modules.items()
    }
    calls: Calls = Counter()
    seen: list[ObservedTensor] = []
    with torch.inference_mode(False), torch.no_grad():
        image = image.to(device_of(model) or "cpu", copy=True)
        with evaluating(model), watched(model, sides, _note(modules, calls, seen, tracer)):
            if tracer is not None:
                tracer.watch(image)
            with tracer or nullcontext():
                forward(model, image)
    return Observation((image.shape[2], image.shape[3]), calls, _by_name(seen, calls))


def _note(
    modules: dict[str, nn.Module], calls: Calls, seen: list[ObservedTensor], tracer: FieldTracer | None
) -> Callable[[str, str, Any], None]:
    def see(module: str, side: str, value: Any) -> None:
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
            seen.append(ObservedTensor(source, kind, dtype, tuple(tensor.shape), usable, positions, lost))
        calls[module, side] += 1

    return see


def _by_name(seen: Sequence[ObservedTensor], calls: Calls) -> dict[str, ObservedTensor]:
    """Names tell calls apart where there are several, and tensors where several can be dissected."""
    every, usable = (
        Counter((each.source.module, each.source.side, each.source.call) for each in some)
        for some in (seen, [each for each in seen if each.usable])
    )
    named = {}
    for each in seen:
        module, side, call, path = each.source.module, each.source.side, each.source.call, each.source.path
        alone = (usable if each.usable else every)[module, side, call] == 1
        name = module if calls[module, side] == 1 else f"{module}#{call}"
        name += "" if side == OUTPUT else f"@{side}"
        name += "" if alone else "".join(f"[{key}]" for key in path)
        only = calls[module, side] == 1
        named[name] = replace(each, source=Source(module, side, None if only else call, path))
    return named
