"""Running somebody's network: in evaluation mode, its failures told in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.types import NetdissectError, one_line


class StopForward(BaseException):
    """Raised in a hook to end a forward pass whose remainder nobody needs."""


def device_of(model: nn.Module) -> torch.device | None:
    """Where the first of the model's tensors is; None if it has none."""
    return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), None)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; every module's mode is put back when the block ends."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def out_of_memory(images: int) -> NetdissectError:
    """What to say where a batch of so many images is too large."""
    return NetdissectError(f"out of memory with {images} images at a time: take a smaller batch")


def forward(model: nn.Module, images: Float[Tensor, "n channels H W"], *, gradients: bool = False) -> None:
    """One pass, on images in the network's own precision, for what its hooks see. Raises ``NetdissectError``.

    With ``gradients``, what they see can be differentiated.
    """
    precision = next((tensor.dtype for tensor in model.parameters() if tensor.is_floating_point()), images.dtype)
    try:
        with torch.set_grad_enabled(gradients):
            model(images.to(precision))
    except StopForward:
        return
    except NetdissectError:
        raise
    except torch.OutOfMemoryError as error:
        raise out_of_memory(len(images)) from error
    except Exception as error:  # somebody's forward pass may raise anything
        size = "x".join(map(str, images.shape[2:]))
        wanted = f"images of {size}, with gradients" if gradients else f"images of {size}"
        reason = f"{type(error).__name__}: {one_line(error)}"
        raise NetdissectError(f"the network cannot take {wanted}: {reason}") from error
