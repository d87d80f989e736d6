"""Attributions: an activation followed back to the pixels of an image, as pictures."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from netdissect.results import Visualization
from netdissect.visualization.context import LookContext, PictureKind
from netdissect.visualization.crops import crop
from netdissect.visualization.exemplars import top_exemplars
from netdissect.visualization.pictures import beside, shown


@dataclass(frozen=True)
class Attribution:
    """A way to attribute activations to pixels.

    ``compute`` takes activations, images (n 3 H W), units (n) and positions (n 2), and returns signed numbers for all
    pixels (n 3 H W). ``draw`` makes a picture of one image's numbers.
    """

    compute: Callable[..., Float[Tensor, "n 3 H W"]]
    draw: Callable[[Tensor], Image.Image]

    def look(self, context: LookContext, units: Sequence[int], kind: PictureKind) -> Iterator[Visualization]:
        """Yield the attributions of the units' top images, each beside the piece of its image."""
        exemplars = [
            exemplar for unit in units for exemplar in top_exemplars(context.layer, unit, context.options.images)
        ]
        device = context.activations.device
        for batch in context.batches(kind.variant or kind.method, exemplars):
            batch_shown = [context.show(exemplar) for exemplar in batch]
            attributed = self.compute(
                context.activations,
                context.feed([each.image for each in batch_shown]),
                torch.tensor([exemplar.unit for exemplar in batch], device=device),
                torch.tensor([exemplar.position for exemplar in batch], device=device),
            )
            for each, numbers in zip(batch_shown, attributed, strict=True):
                piece = shown(crop(each.image, each.box))
                # In the proportions of the image, not of the network's input.
                picture = crop(self.draw(numbers), each.box).resize(piece.size)
                yield each.drawn(kind, beside(piece, picture), "" if numbers.any() else "; zero everywhere")
