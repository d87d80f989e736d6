"""A layer's activations as a function of images that can be differentiated."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.bases import BasisView
from netdissect.inference.capture import capture
from netdissect.inference.maps import maps_of
from netdissect.inference.preprocess import Preprocess
from netdissect.inference.runner import NetworkRunner
from netdissect.networks.running import forward, out_of_memory
from netdissect.types import NetdissectError, one_line


@contextmanager
def differentiating(runner: NetworkRunner, view: BasisView) -> Iterator["Activations"]:
    """Give the activations of ``view`` while the block lasts, whatever mode its caller is in.

    The network is in evaluation mode on its device, and its parameters ask for no gradients; it is put back afterwards.
    """
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(runner.device.type, enabled=False),
        runner.ready(),
        _constant(runner.model),
    ):
        yield Activations(runner, view)


class Activations:
    """Maps of a view as a function of RGB images in 0..1 of the network's size."""

    def __init__(self, runner: NetworkRunner, view: BasisView) -> None:
        self.runner = runner
        self.view = view.to(runner.device)

    @property
    def name(self) -> str:
        """The view's name."""
        return self.view.name

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return self.runner.device

    @property
    def preprocess(self) -> Preprocess:
        """The network's preprocessing."""
        return self.runner.preprocess

    def __call__(
        self, images: Float[Tensor, "n 3 H W"], rule: AbstractContextManager[Any] | None = None
    ) -> Float[Tensor, "n v h w"]:
        """Return the maps; a vector has maps of one position. ``rule`` is entered while the network runs.

        Raises ``NetdissectError`` if the network does not take the images, if the layer is laid out otherwise than it
        was, or if ``images`` ask for a gradient that does not lead to them.
        """
        maps: list[Tensor] = []
        layer = self.view.layer

        def take(_: str, output: Any) -> None:
            maps.append(maps_of(layer, output, len(images), self.device))

        model, gradients = self.runner.model, images.requires_grad
        with capture(model, {layer.name: layer.source}, take, gradients=True) as passes, rule or nullcontext():
            passes.begin()
            forward(model, self.preprocess.feed(images), gradients=gradients)
            passes.check()
        if gradients and not maps[0].requires_grad:
            raise NetdissectError(
                f"layer {layer.name} cannot be differentiated: no gradient leads from it to the image"
            )
        return self.view(maps[0])

    def gradient(self, total: Float[Tensor, ""], images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n 3 H W"]:
        """Return the gradient of ``total``, which follows from ``images``. Raises ``NetdissectError`` without any."""
        with self.differentiating(len(images)):
            (found,) = torch.autograd.grad(total, images)
        return found

    @contextmanager
    def differentiating(self, images: int) -> Iterator[None]:
        """Raise as ``NetdissectError`` an error in computing the gradients of so many images."""
        try:
            yield
        except NetdissectError:
            raise
        except torch.OutOfMemoryError as error:
            raise out_of_memory(images) from error
        except Exception as error:  # somebody's own gradient may raise anything
            reason = one_line(error)
            raise NetdissectError(f"layer {self.view.layer.name} cannot be differentiated: {reason}") from error


@contextmanager
def _constant(model: nn.Module) -> Iterator[None]:
    """Let no parameter ask for a gradient meanwhile: the gradient of images alone takes half the time."""
    # A parameter that was made in inference mode cannot be changed, and says so itself where it stands in the way.
    parameters = [each for each in model.parameters() if each.requires_grad and not each.is_inference()]
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
