"""A layer's activations as a function of images, which can be differentiated."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netdissect.engine.batches import Preprocess
from netdissect.engine.capture import Passes, capture
from netdissect.engine.view import View
from netdissect.measure.maps import maps_of
from netdissect.measure.network import prepared
from netdissect.networks.running import forward, out_of_memory
from netdissect.types import NetdissectError, one_line


@contextmanager
def activations_of(
    model: nn.Module, view: View, preprocess: Preprocess, device: torch.device
) -> Iterator["Activations"]:
    """The activations of ``view`` while the block lasts, whatever mode its caller is in.

    The model is in evaluation mode on ``device``, and its parameters ask for no gradients; it is put back as it was.
    """
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast(device.type, enabled=False),
        prepared(model, device),
        _constant(model),
    ):
        yield Activations(model, view, preprocess, device)


class Activations:
    """Maps of a view as a function of RGB images in 0..1 of the network's size."""

    def __init__(self, model: nn.Module, view: View, preprocess: Preprocess, device: torch.device) -> None:
        self.model = model
        self.view = view.to(device)
        self.preprocess = preprocess
        self.device = device

    @property
    def name(self) -> str:
        return self.view.name

    def __call__(
        self, images: Float[Tensor, "n 3 H W"], rule: AbstractContextManager[Any] | None = None
    ) -> Float[Tensor, "n v h w"]:
        """The maps; those of a vector have one position. ``rule`` is entered while the network runs (see ``rules``).

        Raises ``NetdissectError`` if the network does not take the images, the layer is laid out otherwise than it
        was, or ``images`` ask for a gradient that does not lead to them.
        """
        maps: list[Tensor] = []
        layer = self.view.layer

        def take(_: str, output: Any) -> None:
            maps.append(maps_of(layer, output, len(images), self.device))

        with capture(self.model, {layer.name: layer.source}, take, gradients=True) as passes, rule or nullcontext():
            self._run(images, passes)
        if images.requires_grad and not maps[0].requires_grad:
            raise NetdissectError(
                f"layer {layer.name} cannot be differentiated: no gradient leads from it to the image"
            )
        basis = self.view.basis
        # Not ``View.of``, which writes its products into place, where no gradient leads to.
        return maps[0] if basis is None else torch.einsum("nuhw,vu->nvhw", maps[0], basis)

    def _run(self, images: Tensor, passes: Passes) -> None:
        passes.begin()
        forward(self.model, self.preprocess.feed(images), gradients=images.requires_grad)
        if passes.failure is not None:
            raise passes.failure
        if not passes.taken:
            raise NetdissectError(f"layer {self.view.layer.name} is not used in every forward pass")

    def gradient(self, total: Float[Tensor, ""], images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n 3 H W"]:
        """That of ``total``, which follows from ``images``. Raises ``NetdissectError`` where there is none."""
        with self.differentiating(len(images)):
            (found,) = torch.autograd.grad(total, images)
        return found

    @contextmanager
    def differentiating(self, images: int) -> Iterator[None]:
        """Raises what goes wrong when so many images' gradients are computed as ``NetdissectError``."""
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
    """No parameter asks for a gradient meanwhile: that of images alone is wanted, and takes half the time."""
    # One that was made in inference mode can be asked for nothing, and says so itself where it stands in the way.
    asked = [one for one in model.parameters() if one.requires_grad and not one.is_inference()]
    try:
        for parameter in asked:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)
