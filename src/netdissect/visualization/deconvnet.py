"""Deconvolution: an activation alone, projected back through the transposed network (Zeiler and Fergus 2014).

From the layer down to the image the signal passes

- convolutions and linear layers: filters are transposed, biases left out;
- rectifiers, of any kind: the positive part of the signal goes on, whatever their input was (``rules.deconvnet``);
- max pooling: the signal goes to the position that was the largest (the switch), and adds up where windows overlap;
  where several are the largest, ``max_pool2d`` takes the first, and ``amax`` gives them equal shares;
- average pooling: the signal is spread evenly over the window;
- batch norm: the signal is multiplied by its scale, the shift left out;
- where paths join (residual sums, concatenations) the signal goes down each of them, and adds up where they part;
- everything else (attention, gates, local normalization, resizing) has its own gradient on this image.

The last step is what the network does to RGB pixels in 0..1 before its first layer: its scale, and order of channels.

Of the image only the switches are used, and the activation. So in a network of convolutions and rectifiers without max
pooling (MobileNet) a unit's pictures on all images are the same, and in deep layers those of all units are nearly so.
Guided backpropagation follows the image there (Springenberg et al. 2015).
"""

from collections.abc import Iterator, Sequence

from jaxtyping import Float, Int64
from torch import Tensor

from netdissect.inference.differentiate import Activations
from netdissect.results import Visualization
from netdissect.visualization.attribution import Attribution
from netdissect.visualization.context import LookContext, PictureKind
from netdissect.visualization.methods import Method
from netdissect.visualization.pictures import color_picture
from netdissect.visualization.rules import deconvnet
from netdissect.visualization.units import activations_at, differentiable


def project_back(
    activations: Activations,
    images: Float[Tensor, "n 3 H W"],
    units: Int64[Tensor, "n"],
    positions: Int64[Tensor, "n 2"],
) -> Float[Tensor, "n 3 H W"]:
    """Return the activation of each image's unit at its position (row, column), projected back to pixels.

    The result is signed, relative to the color that the network takes for 0. All images go through the network at once.
    Raises ``NetdissectError`` for an unknown unit or position, and for a layer that cannot be differentiated.
    """
    images = differentiable(images, activations)
    values = activations_at(activations, images, units, positions, deconvnet())
    return activations.gradient((values * values.detach()).sum(), images)


class Deconvnet(Method):
    """Deconvolution, beside the piece of the image that the activation comes from.

    Zeiler, Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """

    title = "Deconvolution (Zeiler and Fergus 2014)"
    text = "The receptive field, and the activation alone projected back through the network; gray is nothing."

    def look(self, context: LookContext, units: Sequence[int]) -> Iterator[Visualization]:
        """Yield the projections of the units' top images."""
        yield from Attribution(project_back, color_picture).look(context, units, PictureKind(self.name))
