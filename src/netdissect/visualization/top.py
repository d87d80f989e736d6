"""Top activated images: the images that excite a unit most, and some along the range."""

from collections.abc import Iterator, Sequence

from netdissect.results import Visualization
from netdissect.visualization.context import LookContext, PictureKind
from netdissect.visualization.crops import WHOLE, crop, marked
from netdissect.visualization.exemplars import Exemplar, level_exemplars, named_indices, top_exemplars
from netdissect.visualization.methods import Method
from netdissect.visualization.pictures import beside, shown

#: The number of images at each level below the top.
_IMAGES_PER_LEVEL = 2


class Top(Method):
    """Top activated images with their receptive fields.

    Girshick, Donahue, Darrell, Malik, "Rich feature hierarchies for accurate object detection and semantic
    segmentation", CVPR 2014.
    """

    title = "Top activated images (Girshick et al. 2014)"
    text = (
        "The receptive field where the unit is highest, framed in the image and alone: of the images that excite it "
        "most, and of some along the range, since the top alone flatters."
    )
    needs_gradients = False

    def look(self, context: LookContext, units: Sequence[int]) -> Iterator[Visualization]:
        """Yield each exemplar's image with its receptive field framed, beside the field alone."""
        exemplars: list[Exemplar] = []
        sample = context.layer.sample
        indices = named_indices(context.data, sample.image_names if sample else ())
        for unit in units:
            highest = top_exemplars(context.layer, unit, context.options.images)
            known = {exemplar.index for exemplar in highest}
            exemplars += [*highest, *level_exemplars(context.layer, unit, indices, _IMAGES_PER_LEVEL, known)]
        for batch in context.batches(self.name, context.located(exemplars)):
            for exemplar in batch:
                each = context.show(exemplar)
                picture = marked(shown(each.image), each.box, each.centre)
                if each.box != WHOLE:
                    picture = beside(picture, crop(each.image, each.box))
                yield each.drawn(PictureKind(self.name, exemplar.group), picture)
