"""The context that methods of looking share: a layer, its activations, its images and their pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from netdissect.concepts.base import ConceptDataset
from netdissect.inference.differentiate import Activations
from netdissect.results import LayerResult, Visualization
from netdissect.types import OnProgress, no_progress, plain_text
from netdissect.visualization.crops import Box, Point, centre_of, receptive_box
from netdissect.visualization.exemplars import Exemplar
from netdissect.visualization.options import VisualizationOptions
from netdissect.visualization.pictures import jpeg_of, picture_of, pixels_of, shown

_Item = TypeVar("_Item")


class PictureKind(NamedTuple):
    """The method that a picture is made by, and its variant."""

    method: str
    variant: str = ""


@dataclass(frozen=True)
class ShownExemplar:
    """An exemplar, its image, and the box and the centre of the receptive field; ``centre`` is None for a vector."""

    exemplar: Exemplar
    name: str
    image: Image.Image
    box: Box
    centre: Point | None

    def drawn(self, kind: PictureKind, picture: Image.Image, note: str = "") -> Visualization:
        """Return ``picture`` with a caption about the exemplar."""
        exemplar = self.exemplar
        assert exemplar.position is not None
        position = "" if self.centre is None else " at {}, {}".format(*exemplar.position)
        caption = f"{exemplar.description}: {exemplar.activation:.4g}{position}{note}"
        return Visualization(exemplar.unit, *kind, caption, exemplar.activation, jpeg_of(picture), self.name)


@dataclass(frozen=True)
class LookContext:
    """A layer to look at: its activations and its result, the images, and the options.

    ``batch_size`` images at most go through the network at a time.
    """

    activations: Activations
    layer: LayerResult
    data: ConceptDataset
    options: VisualizationOptions
    batch_size: int
    on_progress: OnProgress = no_progress

    def batches(self, doing: str, items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
        """Yield the items in batches, and report progress after each."""
        self.on_progress(doing, 0, len(items))
        for start in range(0, len(items), self.batch_size):
            yield items[start : start + self.batch_size]
            self.on_progress(doing, min(start + self.batch_size, len(items)), len(items))

    def feed(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 3 H W"]:
        """Return images as the network sees them, on its device."""
        size = self.activations.preprocess.size
        return torch.stack([pixels_of(image, size) for image in images]).to(self.activations.device)

    def show(self, exemplar: Exemplar) -> ShownExemplar:
        """Return an exemplar whose position is known, with its image."""
        view, size = self.activations.view, self.activations.preprocess.size
        assert exemplar.position is not None
        box = receptive_box(view.field, *exemplar.position, size)
        centre = centre_of(view.field, *exemplar.position, view.shape[1:], size)
        name = plain_text(self.data.image_name(exemplar.index))
        return ShownExemplar(exemplar, name, self._image(exemplar.index), box, centre)

    def located(self, exemplars: Sequence[Exemplar]) -> list[Exemplar]:
        """Return the exemplars with their positions. Images of unknown positions go through the network once."""
        wanted: dict[int, list[int]] = {}
        for exemplar in exemplars:
            if exemplar.position is None:
                wanted.setdefault(exemplar.index, []).append(exemplar.unit)
        positions: dict[tuple[int, int], tuple[int, int]] = {}
        for batch in self.batches("positions", list(wanted)) if wanted else ():
            with torch.no_grad():
                all_maps = self.activations(self.feed([self._image(index) for index in batch]))
            for index, maps in zip(batch, all_maps, strict=True):
                highest = maps.flatten(1).argmax(dim=1).tolist()
                positions |= {(unit, index): divmod(highest[unit], maps.shape[2]) for unit in wanted[index]}
        return [
            replace(exemplar, position=exemplar.position or positions[exemplar.unit, exemplar.index])
            for exemplar in exemplars
        ]

    def made(
        self, kind: PictureKind, unit: int, pixels: Float[Tensor, "3 H W"], activation: float, description: str
    ) -> Visualization:
        """Return an image that was made for a unit, as a picture."""
        caption = f"{description}: {activation:.4g}"
        if self.layer.top is not None:
            caption += f"; the images' highest is {self.layer.top.activation[unit, 0]:.4g}"
        return Visualization(unit, *kind, caption, activation, jpeg_of(shown(picture_of(pixels))))

    def highest_on(self, unit: int, pixels: Float[Tensor, "3 H W"]) -> float:
        """Return the unit's highest activation on an image as it is shown, in 256 levels."""
        with torch.no_grad():
            return float(self.activations(self.feed([picture_of(pixels)]))[0, unit].max())

    def _image(self, index: int) -> Image.Image:
        return self.data.image(index).convert("RGB")
