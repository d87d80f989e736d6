"""What chosen layers return while a network runs. Every hook lives in a ``with``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.networks.running import StopForward
from netdissect.types import NetdissectError


class Outputs(dict[str, Any]):
    """A copy of what each layer returned in a pass: a copy, since the next module may work in place.

    With ``take``, layers and what they return go there at once instead, before another module may work on it, and are
    not copied; and a pass ends as soon as all ``layers`` have returned. What ``take`` raises ends it too, and becomes
    ``failure``: the network is not to blame for it, nor may it catch it.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.take: Callable[[str, Any], None] | None = None
        self.failure: Exception | None = None


@contextmanager
def capture(model: nn.Module, layers: Sequence[str]) -> Iterator[Outputs]:
    """A dict that each forward pass fills.

    Clear the dict between passes; a layer that finds its place taken was called twice in one pass, and raises
    ``NetdissectError``. The hooks are gone when the block ends.
    """
    outputs = Outputs(layers)
    hooks = []
    try:
        for layer in layers:
            hooks.append(model.get_submodule(layer).register_forward_hook(_keep(layer, outputs)))
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


def _keep(layer: str, outputs: Outputs) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, args: Any, output: Any) -> None:
        if layer in outputs:
            raise NetdissectError(f"layer {layer} is called more than once in a pass: its outputs cannot be told apart")
        if outputs.take is None:
            outputs[layer] = output.detach().clone() if isinstance(output, Tensor) else output
            return
        outputs[layer] = None
        try:
            with _as_outside(output):
                outputs.take(layer, output.detach() if isinstance(output, Tensor) else output)
        except Exception as error:
            outputs.failure = error
            raise StopForward from error
        if len(outputs) == len(outputs.layers):
            raise StopForward

    return hook


@contextmanager
def _as_outside(output: Any) -> Iterator[None]:
    """Without the modes that a network, or its caller, may run in."""
    kind = output.device.type if isinstance(output, Tensor) else "cpu"
    with torch.inference_mode(False), torch.no_grad(), torch.autocast(kind, enabled=False):
        yield


def activation_maps(layer: str, output: Any, images: int) -> Float[Tensor, "n u h w"]:
    """A layer's output as activation maps in float32, channels-last; a vector ``(n, u)`` gives maps of one position.

    Raises ``NetdissectError`` if it is neither.
    """
    if not isinstance(output, Tensor):
        raise NetdissectError(
            f"layer {layer} returns a {type(output).__name__}, neither a map (n,u,h,w) nor a vector (n,u)"
        )
    if output.ndim not in (2, 4) or output.shape[0] != images or not output.is_floating_point():
        shape = ",".join(map(str, output.shape))
        raise NetdissectError(
            f"layer {layer} returns {str(output.dtype).removeprefix('torch.')} ({shape}) for {images} images, "
            "neither a map (n,u,h,w) nor a vector (n,u)"
        )
    if output.numel() == 0:
        raise NetdissectError(f"layer {layer} returns an empty map ({','.join(map(str, output.shape))})")
    maps = output if output.ndim == 4 else output[:, :, None, None]
    return maps.to(torch.float32).contiguous(memory_format=torch.channels_last)
