"""The layers of a network that can be dissected, their outputs, and their names."""

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
    """A layer that can be dissected. The ``shape`` of its maps is ``(units, h, w)``, or ``(units,)`` for a vector.

    ``output`` is the shape of its output for one image, without the dimension of images, and ``layout`` the output's
    layout. ``field`` is its receptive field, None if it has none, for the reason ``no_field``.
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
        """The number of units."""
        return self.shape[0]


def list_layers(
    model: nn.Module, size: tuple[int, int] = (224, 224), *, channels: int = 3, layout: str | None = None
) -> list[LayerInfo]:
    """Return the layers that can be dissected, in the order in which they finish, with their receptive fields.

    The network runs once, on a black image of ``size`` (H, W). ``layout``, one of ``choices.LAYOUTS``, is the layout of
    outputs with as many dimensions as it has letters; without it, layouts are inferred. Raises ``NetdissectError`` if
    the network does not take an image of this size and number of channels.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Flatten())
    >>> [(layer.name, layer.type, layer.shape) for layer in list_layers(network, (6, 8))]
    [('0', 'Conv2d', (8, 4, 6)), ('1', 'MaxPool2d', (8, 2, 3)), ('2', 'Flatten', (48,))]
    >>> list_layers(network, (6, 8))[1].field.summary()
    {'size': 4, 'step': 2, 'first': 1.5}
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
    """Return the layers that ``names`` mean: names, patterns, or ``paper`` for the layers of ``spec`` in the paper.

    In a pattern ``*`` stands for anything but a dot, ``**`` for anything, ``?`` for one character but a dot. A pattern
    that ends with ``@input`` finds the inputs of modules. The network runs once, on ``image``.

    Raises ``NetdissectError`` for a layer that does not exist or cannot be dissected, for no name, for a name given
    twice, and if the network does not take the image.

    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    >>> [layer.name for layer in find_layers(network, ["1", "*@input"], torch.zeros(1, 3, 8, 8))]
    ['1', '0@input', '1@input']
    """
    if not names:
        raise NetdissectError("no layer is named; 'netdissect layers MODEL' lists them")
    observation = observe(model, image)
    chosen: dict[str, LayerInfo] = {}
    for name in names:
        if list(names).count(name) > 1:
            raise NetdissectError(f"layer {name} is named twice")
        if name in observation.tensors:
            chosen[name] = _layer(observation, name, layout)
        elif name == PAPER:
            chosen |= {layer: _layer(observation, layer, layout) for layer in paper_layers(spec)}
        elif "*" in name or "?" in name:
            listed = _listed(observation, layout, inputs=name.endswith(f"@{INPUT}"))
            chosen |= {info.name: info for info in _matching(listed, name)}
        else:
            raise _unknown(model, observation, name)
    return list(chosen.values())


def _listed(observation: Observation, layout: str | None, *, inputs: bool = False) -> list[LayerInfo]:
    """Return all layers but the inputs of modules, which other modules have returned; with ``inputs`` these alone."""
    found = []
    for name, tensor in observation.tensors.items():
        if tensor.usable and (tensor.source.side == INPUT) == inputs:
            try:
                # The layout is meant for outputs with as many dimensions alone.
                fits = layout if layout is not None and len(layout) == len(tensor.shape) else None
                found.append(_info(name, tensor, observation.size, fits))
            except LayoutError:
                continue
    return found


def _layer(observation: Observation, name: str, layout: str | None) -> LayerInfo:
    """Return the layer called ``name``. Raises ``NetdissectError`` if it cannot be dissected."""
    if name not in observation.tensors:  # a layer of the paper that this variant lacks
        raise NetdissectError(f"the network has no layer {name!r}, which the paper dissects")
    tensor = observation.tensors[name]
    try:
        if not tensor.usable:
            raise LayoutError
        return _info(name, tensor, observation.size, layout)
    except LayoutError as error:
        shape = ",".join(map(str, tensor.shape))
        raise NetdissectError(f"layer {name} returns {tensor.dtype} ({shape}) for one image, {error}") from error


def _info(name: str, tensor: ObservedTensor, image: tuple[int, int], asked: str | None) -> LayerInfo:
    """Return the layer of a tensor; ``asked`` is its layout if the caller gave it. Raises ``LayoutError``."""
    layout = layout_of(tensor.shape, tensor.positions, image, lost=bool(tensor.lost), asked=asked)
    shape, output = layout.shape(tensor.shape), tensor.shape[1:]
    if layout.name == "nu":
        return LayerInfo(name, tensor.type, shape, output, layout, tensor.source, None, "a vector")
    field, no_field = None, tensor.lost or "it sees nothing of the image"
    if tensor.positions is not None:
        height, width = (axis.rearranged(layout.maps) for axis in tensor.positions)
        try:
            field, no_field = field_of_maps((height, width)), ""
        except NoFieldError as error:
            no_field = str(error)
    return LayerInfo(name, tensor.type, shape, output, layout, tensor.source, field, no_field)


def _matching(layers: Sequence[LayerInfo], pattern: str) -> list[LayerInfo]:
    """Return the layers whose names match the pattern. Raises ``NetdissectError`` if none does."""
    parts = {"**": ".*", "*": r"[^.]*", "?": r"[^.]"}
    expression = "".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*|\?)", pattern))
    found = [info for info in layers if re.fullmatch(expression, info.name)]
    if not found:
        raise NetdissectError(f"no layer that can be dissected is like {pattern!r}")
    return found


def _unknown(model: nn.Module, observation: Observation, name: str) -> NetdissectError:
    """Return the error for a name that no layer has, with the layer that a person may have meant."""
    modules = dict(model.named_modules())
    module, _, side = name.partition("@")
    module, side = (module, side) if side in (INPUT, HEADS) else (name, OUTPUT)
    several = [
        other
        for other, tensor in observation.tensors.items()
        if (tensor.source.module, tensor.source.side) == (module, side)
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
        known = [*observation.tensors, *filter(None, modules)]
        return NetdissectError(f"the network has no layer {name!r}{nearest(name, list(dict.fromkeys(known)))}")
    if side == HEADS and not has_heads(modules[module]):
        return NetdissectError(f"layer {module} is no torch.nn.MultiheadAttention, whose heads alone are known")
    if observation.calls[module, side]:
        return NetdissectError(f"layer {name} returns no tensor")
    return NetdissectError(f"layer {name} is not called in the network's forward pass")
