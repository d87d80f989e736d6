"""Which layers of a network can be dissected."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netdissect.networks.load import nearest
from netdissect.networks.running import device_of, evaluating, forward
from netdissect.types import NetdissectError


@dataclass(frozen=True)
class LayerInfo:
    """A layer that can be dissected: its output is ``(units, h, w)``, or ``(units,)`` for a vector."""

    name: str
    type: str
    shape: tuple[int, ...]

    @property
    def units(self) -> int:
        return self.shape[0]


def list_layers(model: nn.Module, size: tuple[int, int] = (224, 224)) -> list[LayerInfo]:
    """The layers whose output for one black image of ``size`` (H, W) is a map or a vector, and that run once in a pass.

    In the order in which they finish. Raises ``NetdissectError`` if the network does not take such an image.
    """
    calls: list[tuple[str, LayerInfo | None]] = []
    with evaluating(model), _observed(model, calls):
        forward(model, torch.zeros(1, 3, *size, dtype=torch.float32, device=device_of(model) or "cpu"))
    times = Counter(name for name, _ in calls)
    return [info for name, info in calls if info is not None and times[name] == 1]


def check_layers(model: nn.Module, names: Sequence[str]) -> None:
    """Raises ``NetdissectError`` with the nearest names for an unknown layer, or if none is named, or one twice."""
    known = [name for name, _ in model.named_modules() if name]
    if not names:
        raise NetdissectError("no layer is named; 'netdissect layers MODEL' lists them")
    for name in names:
        if name not in known:
            raise NetdissectError(f"the network has no layer {name!r}{nearest(name, known)}")
        if list(names).count(name) > 1:
            raise NetdissectError(f"layer {name} is named twice")


@contextmanager
def _observed(model: nn.Module, calls: list[tuple[str, LayerInfo | None]]) -> Iterator[None]:
    """Appends a layer to ``calls`` each time it is called, with None where its output cannot be dissected."""
    hooks = []
    try:
        for name, module in model.named_modules():
            if name:
                hooks.append(module.register_forward_hook(_note(name, calls)))
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _note(name: str, calls: list[tuple[str, LayerInfo | None]]) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        info = None
        floats = isinstance(output, Tensor) and output.is_floating_point()
        if floats and output.ndim in (2, 4) and output.shape[0] == 1 and output.numel():
            info = LayerInfo(name, type(module).__name__, tuple(output.shape[1:]))
        calls.append((name, info))

    return hook
