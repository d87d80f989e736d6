"""Which layers of a network can be dissected, what their outputs are, and which ones a caller means."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.engine.field import Field
from netdissect.networks.layouts import Layout, LayoutError, layout_of
from netdissect.networks.observe import Observation, ObservedTensor, observe
from netdissect.networks.paper import PAPER, paper_layers
from netdissect.networks.receptive import NoFieldError, field_of_maps
from netdissect.networks.sources import HEADS, INPUT, OUTPUT, Source, has_heads
from netdissect.types import NetdissectError, nearest


@dataclass(frozen=True)
class LayerInfo:
    """A layer that can be dissected: its maps are ``(units, h, w)``, or ``(units,)`` for a vector.

    ``output`` is the shape of what it returns for one image, without the dimension of images, and ``layout`` how this
    is laid out. ``field`` is its receptive field; None where it has none, which ``no_field`` explains.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    output: tuple[int, ...]
    layout: Layout
    source: Source
    field: Field | None = None
    no_field: str = ""

    @property
    def units(self) -> int:
        return self.shape[0]


def list_layers(
    model: nn.Module, size: tuple[int, int] = (224, 224), *, channels: int = 3, layout: str | None = None
) -> list[LayerInfo]:
    """The layers whose output for one black image of ``size`` (H, W) can be dissected, with their receptive fields.

    In the order in which they finish. ``layout``, one of ``choices.LAYOUTS``, says how outputs with as many dimensions
    as it has letters are laid out; without it that is inferred. Raises ``NetdissectError`` if the network does not take
    an image of that size and number of channels.
    """
    return _listed(observe(model, torch.zeros(1, channels, *size, dtype=torch.float32)), layout)


def find_layers(
    model: nn.Module,
    names: Sequence[str],
    image: Float[Tensor, "1 channels H W"],
    *,
    layout: str | None = None,
    spec: str = "",
) -> list[LayerInfo]:
    """The layers that ``names`` mean: names, patterns, or ``paper`` for those that the paper dissects in ``spec``.

    In a pattern ``*`` stands for anything but a dot, ``**`` for anything, ``?`` for one character; one that ends with
    ``@input`` is of what modules are given. The network runs once, on ``image``.

    Raises ``NetdissectError`` for a layer that is not there or cannot be dissected, if none is named, or one twice, and
    if the network does not take the image.
    """
    if not names:
        raise NetdissectError("no layer is named; 'netdissect layers MODEL' lists them")
    observation = observe(model, image)
    chosen: dict[str, LayerInfo] = {}
    for name in names:
        if list(names).count(name) > 1:
            raise NetdissectError(f"layer {name} is named twice")
        if name in observation.seen:
            chosen[name] = _layer(observation, name, layout)
        elif name == PAPER:
            chosen |= {of_paper: _layer(observation, of_paper, layout) for of_paper in paper_layers(spec)}
        elif "*" in name or "?" in name:
            listed = _listed(observation, layout, inputs=name.endswith(f"@{INPUT}"))
            chosen |= {info.name: info for info in _matching(listed, name)}
        else:
            raise _unknown(model, observation, name)
    return list(chosen.values())


def _listed(observation: Observation, layout: str | None, *, inputs: bool = False) -> list[LayerInfo]:
    """All but what modules are given, which others have returned; or that alone, with ``inputs``."""
    found = []
    for name, seen in observation.seen.items():
        if seen.usable and (seen.source.side == INPUT) == inputs:
            try:
                # Of outputs of several kinds, the layout is said for those with as many dimensions.
                fits = layout if layout is not None and len(layout) == len(seen.shape) else None
                found.append(_info(name, seen, observation.size, fits))
            except LayoutError:
                continue
    return found


def _layer(observation: Observation, name: str, layout: str | None) -> LayerInfo:
    if name not in observation.seen:  # of the paper, but not in this variant
        raise NetdissectError(f"the network has no layer {name!r}, which the paper dissects")
    seen = observation.seen[name]
    try:
        if not seen.usable:
            raise LayoutError
        return _info(name, seen, observation.size, layout)
    except LayoutError as error:
        shape = ",".join(map(str, seen.shape))
        raise NetdissectError(f"layer {name} returns {seen.dtype} ({shape}) for one image, {error}") from error


def _info(name: str, seen: ObservedTensor, image: tuple[int, int], asked: str | None) -> LayerInfo:
    layout = layout_of(seen.shape, seen.positions, image, lost=bool(seen.lost), asked=asked)
    shape = layout.shape(seen.shape)
    if layout.name == "nu":
        return LayerInfo(name, seen.type, shape, seen.shape[1:], layout, seen.source, None, "a vector")
    of_maps, no_field = None, seen.lost or "it sees nothing of the image"
    if seen.positions is not None:
        height, width = (axis.rearranged(layout.maps) for axis in seen.positions)
        try:
            of_maps, no_field = field_of_maps((height, width)), ""
        except NoFieldError as error:
            no_field = str(error)
    return LayerInfo(name, seen.type, shape, seen.shape[1:], layout, seen.source, of_maps, no_field)


def _matching(layers: Sequence[LayerInfo], pattern: str) -> list[LayerInfo]:
    parts = {"**": ".*", "*": r"[^.]*", "?": r"[^.]"}
    expression = "".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*|\?)", pattern))
    found = [info for info in layers if re.fullmatch(expression, info.name)]
    if not found:
        raise NetdissectError(f"no layer that can be dissected is like {pattern!r}")
    return found


def _unknown(model: nn.Module, observation: Observation, name: str) -> NetdissectError:
    """Why there is nothing of that name: what a person may have meant instead."""
    modules = dict(model.named_modules())
    module, _, side = name.partition("@")
    module, side = (module, side) if side in (INPUT, HEADS) else (name, OUTPUT)
    several = [
        other for other, seen in observation.seen.items() if (seen.source.module, seen.source.side) == (module, side)
    ]
    if several:
        calls = observation.calls[module, side]
        what = f"is called {calls} times in a pass" if calls > 1 else "has several tensors"
        return NetdissectError(f"layer {name} {what}: name {' or '.join(several[:4])}{' ...' if several[4:] else ''}")
    other_names = dict(model.named_modules(remove_duplicate=False))
    if module in other_names and module not in modules:
        own = next(own for own, other in modules.items() if other is other_names[module])
        return NetdissectError(f"layer {module} is another name of {own}: name it so")
    if not module or module not in modules:
        known = [*observation.seen, *filter(None, modules)]
        return NetdissectError(f"the network has no layer {name!r}{nearest(name, list(dict.fromkeys(known)))}")
    if side == HEADS and not has_heads(modules[module]):
        return NetdissectError(f"layer {module} is no torch.nn.MultiheadAttention, whose heads alone are known")
    if observation.calls[module, side]:
        return NetdissectError(f"layer {name} returns no tensor")
    return NetdissectError(f"layer {name} is not called in the network's forward pass")
