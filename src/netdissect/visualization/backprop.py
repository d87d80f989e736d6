"""Back-propagation: the gradient of a unit's activation in its variants, and the model image by ascent."""

from collections.abc import Iterator, Sequence

from netdissect.results import Visualization
from netdissect.visualization.attribution import Attribution
from netdissect.visualization.context import LookContext, PictureKind
from netdissect.visualization.methods import Method
from netdissect.visualization.model_image import model_image
from netdissect.visualization.pictures import color_picture, magnitude_picture
from netdissect.visualization.registries import VARIANTS
from netdissect.visualization.saliency import gradient, guided, integrated, smoothed

#: Drawn as in their papers: magnitudes, but for guided backpropagation, whose signs are drawn too.
GRADIENT = Attribution(gradient, magnitude_picture)
GUIDED = Attribution(guided, color_picture)
SMOOTHED = Attribution(smoothed, magnitude_picture)
INTEGRATED = Attribution(integrated, magnitude_picture)


class Ascent:
    """The model image of a unit, from the mean image on (see ``model_image``)."""

    def look(self, context: LookContext, units: Sequence[int], kind: PictureKind) -> Iterator[Visualization]:
        """Yield an image per unit."""
        for index, unit in enumerate(units):

            def on_step(doing: str, done: int, total: int, before: int = index) -> None:
                context.on_progress(doing, before * total + done, len(units) * total)

            pixels = model_image(context.activations, unit, on_progress=on_step)
            yield context.made(kind, unit, pixels, context.highest_on(unit, pixels), "model image")


ASCENT = Ascent()


class Backprop(Method):
    """The gradient of the activation with respect to the image, in the variants asked for.

    Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2014; see ``saliency`` for the variants.
    """

    title = "Back-propagation (Simonyan et al. 2014)"
    text = (
        "The receptive field, and the activation's gradient with respect to it: brightness tells its magnitude, the "
        "colors of the guided one its sign, around gray. By ascent: pixels that raise the activation, from the mean "
        "image on."
    )

    def look(self, context: LookContext, units: Sequence[int]) -> Iterator[Visualization]:
        """Yield the pictures of each variant."""
        for variant in context.options.variants:
            yield from VARIANTS[variant].look(context, units, PictureKind(self.name, variant))
