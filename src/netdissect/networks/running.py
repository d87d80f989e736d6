"""Running a network in evaluation mode, with its failures in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.types import NetdissectError, one_line


class StopForward(BaseException):
    """Raised in a hook to end a forward pass whose rest is not needed."""


def device_of(model: nn.Module) -> torch.device | None:
    """Return the device of the model's first tensor, None if it has no tensor.

    >>> device_of(nn.Linear(2, 2)), device_of(nn.ReLU())
    (device(type='cpu'), None)
    """
    return next((tensor.device for tensor in [*model.parameters(), *model.buffers()]), None)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Keep the model in evaluation mode while the block lasts, then restore each module's mode.

    >>> model = nn.Dropout()
    >>> with evaluating(model):
    ...     model.training
    False
    >>> model.training
    True
    """
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def out_of_memory(images: int) -> NetdissectError:
    """Return the error for a batch of so many images that does not fit into memory."""
    return NetdissectError(f"out of memory with {images} images at a time: take a smaller batch")


def forward(model: nn.Module, images: Float[Tensor, "n channels H W"], *, gradients: bool = False) -> None:
    """Run the network once, with images in its own precision, for the sake of its hooks.

    With ``gradients``, the tensors that hooks get can be differentiated. Raises ``NetdissectError`` if the network does
    not take the images.

    >>> forward(nn.Linear(3, 2), torch.zeros(1, 4, 8, 8))
    Traceback (most recent call last):
    netdissect.types.NetdissectError: the network cannot take images of 8x8: RuntimeError: ...
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
