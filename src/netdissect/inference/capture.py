"""Capturing what chosen layers return while a network runs. Every hook lives in a ``with``."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.choices import LAYOUTS
from netdissect.networks.layouts import Layout
from netdissect.networks.running import StopForward
from netdissect.networks.sources import Source, tensor_at, watched
from netdissect.types import NetdissectError

#: Called with a layer's name and its output.
Take = Callable[[str, Any], None]


class Passes:
    """Forward passes that are captured: call ``begin`` before each, and ``check`` after it.

    An error that ``take`` raises ends the pass, and ``check`` raises it again: the network is not to blame for it, nor
    may it catch it.
    """

    def __init__(self, sources: Mapping[str, Source], take: Take, *, gradients: bool = False) -> None:
        self.sources = dict(sources)
        self.take = take
        self.gradients = gradients
        self.taken: set[str] = set()
        self._failure: Exception | None = None
        self._calls: Counter[tuple[str, str]] = Counter()

    def begin(self) -> None:
        """Forget the pass before."""
        self.taken.clear()
        self._failure = None
        self._calls.clear()

    def check(self) -> None:
        """Raise the error that ended the pass; ``NetdissectError`` for a layer that the pass did not use."""
        if self._failure is not None:
            raise self._failure
        for layer in self.sources:
            if layer not in self.taken:
                raise NetdissectError(f"layer {layer} is not used in every forward pass")

    def see(self, module: str, side: str, value: Any) -> None:
        """Take the value at a source, and end the pass once all sources are taken."""
        call = self._calls[module, side]
        self._calls[module, side] += 1
        for layer, source in self.sources.items():
            if (source.module, source.side) == (module, side) and source.call in (None, call):
                self._take(layer, tensor_at(value, source.path))
        if len(self.taken) == len(self.sources):
            raise StopForward

    def _take(self, layer: str, output: Any) -> None:
        if layer in self.taken:
            raise NetdissectError(f"layer {layer} is called more than once in a pass: its outputs cannot be told apart")
        self.taken.add(layer)
        try:
            if self.gradients:
                self.take(layer, output)
            else:
                with _as_outside(output):
                    self.take(layer, output.detach() if isinstance(output, Tensor) else output)
        except Exception as error:
            self._failure = error
            raise StopForward from error


@contextmanager
def capture(
    model: nn.Module, sources: Mapping[str, Source], take: Take, *, gradients: bool = False
) -> Iterator[Passes]:
    """Give the values at ``sources`` in each forward pass to ``take``, by layer, before another module changes them.

    Values are not copied. A pass ends as soon as all sources are taken. A source without the number of a call that is
    called twice in one pass raises ``NetdissectError``. The hooks are gone when the block ends. With ``gradients``
    values come with the graph that made them.
    """
    passes = Passes(sources, take, gradients=gradients)
    sides: dict[str, frozenset[str]] = {}
    for source in sources.values():
        sides[source.module] = sides.get(source.module, frozenset()) | {source.side}
    with watched(model, sides, passes.see):
        yield passes


@contextmanager
def _as_outside(output: Any) -> Iterator[None]:
    """Leave the modes that a network, or its caller, may run in."""
    kind = output.device.type if isinstance(output, Tensor) else "cpu"
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(kind, enabled=False):
        yield


def activation_maps(layer: str, output: Any, images: int, layout: Layout) -> Float[Tensor, "n u h w"]:
    """Return a layer's output, laid out as ``layout`` says, as activation maps in float32, channels-last in memory.

    A vector gives maps of one position. Raises ``NetdissectError`` if the output is not laid out so.
    """
    if not isinstance(output, Tensor):
        raise NetdissectError(f"layer {layer} returns a {type(output).__name__}, not a tensor")
    shape = ",".join(map(str, output.shape))
    if output.ndim != len(layout.name) or output.shape[0] != images or not output.is_floating_point():
        raise NetdissectError(
            f"layer {layer} returns {str(output.dtype).removeprefix('torch.')} ({shape}) for {images} images, "
            f"not {LAYOUTS[layout.name]} ({','.join(layout.name)})"
        )
    if output.numel() == 0:
        raise NetdissectError(f"layer {layer} returns an empty map ({shape})")
    try:
        maps = layout.maps(output)
    except (RuntimeError, IndexError) as error:
        raise NetdissectError(f"layer {layer} returns ({shape}), which has other tokens than for one image") from error
    return maps.to(torch.float32).contiguous(memory_format=torch.channels_last)
