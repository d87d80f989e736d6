"""All pictures of a layer's units, method by method."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from netdissect.concepts.base import ConceptDataset
from netdissect.engine.batches import Preprocess
from netdissect.engine.view import View
from netdissect.results import LayerResult, Pictures, Visualization
from netdissect.types import OnProgress, no_progress, plain_text
from netdissect.visualization.activations import Activations, activations_of
from netdissect.visualization.crops import WHOLE, Box, Place, crop, marked, place_of, receptive_box
from netdissect.visualization.deconvnet import project_back
from netdissect.visualization.inception import excite
from netdissect.visualization.model_image import model_image
from netdissect.visualization.options import VisualizationOptions
from netdissect.visualization.pictures import (
    beside,
    color_picture,
    jpeg_of,
    magnitude_picture,
    picture_of,
    pixels_of,
    shown,
)
from netdissect.visualization.saliency import gradient, guided, integrated, smoothed
from netdissect.visualization.spots import Spot, level_spots, named_indices, top_spots
from netdissect.visualization.units import check_units

#: Images that the network takes at a time, at most: with gradients a batch takes several times the memory.
_TOGETHER = 8

#: Images of each level below the top.
_IMAGES_OF_LEVEL = 2

_T = TypeVar("_T")

#: From activations, images, units and positions to numbers for every pixel.
_Way = Callable[..., Float[Tensor, "n 3 H W"]]

#: The gradients that back-propagation shows, and how they are drawn: as their papers do.
_GRADIENTS: Mapping[str, tuple[_Way, Callable[[Tensor], Image.Image]]] = {
    "gradient": (gradient, magnitude_picture),
    "guided": (guided, color_picture),
    "smoothed": (smoothed, magnitude_picture),
    "integrated": (integrated, magnitude_picture),
}


def check_looks(
    looks: VisualizationOptions,
    model: nn.Module,
    view: View,
    preprocess: Preprocess,
    device: torch.device,
    batch_size: int,
) -> None:
    """Raises ``NetdissectError`` for a unit that is not there, and a layer without gradients where these are needed.

    Asked before the work, with as many images as ``visualized`` takes at a time.
    """
    _check_named(looks, view)
    if looks.methods == ("top",):
        return
    with activations_of(model, view, preprocess, device) as activations:
        images = torch.zeros(min(_TOGETHER, batch_size), 3, *preprocess.size, device=device, requires_grad=True)
        activations.gradient(activations(images).sum(), images)


def visualized(
    model: nn.Module,
    view: View,
    layer: LayerResult,
    data: ConceptDataset,
    preprocess: Preprocess,
    looks: VisualizationOptions,
    *,
    device: torch.device,
    batch_size: int,
    on_progress: OnProgress = no_progress,
) -> LayerResult:
    """``layer`` with pictures of its units: unit by unit, of each in the order of methods.

    ``layer`` is the result of ``view``, ``data`` and ``preprocess`` are what it follows from. At most ``batch_size``
    images go through the network at a time. Raises ``NetdissectError`` for a layer that cannot be differentiated, and
    what reading images raises.
    """
    _check_named(looks, view)
    units = looks.units_of(layer)
    made: dict[int, list[Visualization]] = {unit: [] for unit in units}
    with activations_of(model, view, preprocess, device) as activations:
        looker = _Looker(activations, layer, data, looks, min(_TOGETHER, batch_size), on_progress)
        ways = {
            "top": looker.top,
            "deconvnet": looker.deconvnet,
            "backprop": looker.backprop,
            "inceptionism": looker.inceptionism,
        }
        for method in looks.methods if units else ():
            for visualization in ways[method](units):
                made[visualization.unit].append(visualization)
    pictures = tuple(picture for of_unit in made.values() for picture in of_unit)
    return replace(layer, pictures=Pictures(pictures) if pictures else None)


def _check_named(looks: VisualizationOptions, view: View) -> None:
    if not isinstance(looks.units, str):
        check_units(view, looks.units)


@dataclass(frozen=True)
class _Seen:
    """A spot, its image, and the piece of that which is looked at."""

    spot: Spot
    name: str
    image: Image.Image
    box: Box
    place: Place | None

    def drawn(self, method: str, variant: str, picture: Image.Image, note: str = "") -> Visualization:
        spot = self.spot
        assert spot.position is not None
        there = "" if self.place is None else " at {}, {}".format(*spot.position)
        caption = f"{spot.words}: {spot.activation:.4g}{there}{note}"
        return Visualization(spot.unit, method, variant, caption, spot.activation, jpeg_of(picture), self.name)


class _Looker:
    """Looks at units of one layer."""

    def __init__(
        self,
        activations: Activations,
        layer: LayerResult,
        data: ConceptDataset,
        looks: VisualizationOptions,
        together: int,
        on_progress: OnProgress,
    ) -> None:
        self.activations = activations
        self.layer = layer
        self.data = data
        self.looks = looks
        self.together = together
        self.on_progress = on_progress

    def top(self, units: Sequence[int]) -> Iterator[Visualization]:
        """The images at the top, and some along the range, each with its receptive field framed, and that alone."""
        spots: list[Spot] = []
        indices = named_indices(self.data, () if self.layer.sample is None else self.layer.sample.image_names)
        for unit in units:
            highest = top_spots(self.layer, unit, self.looks.images)
            below = level_spots(self.layer, unit, indices, _IMAGES_OF_LEVEL, {spot.index for spot in highest})
            spots += [*highest, *below]
        for batch in self._batches("top", self._placed(spots)):
            for spot in batch:
                seen = self._see(spot)
                picture = marked(shown(seen.image), seen.box, seen.place)
                if seen.box != WHOLE:
                    picture = beside(picture, crop(seen.image, seen.box))
                yield seen.drawn("top", spot.among, picture)

    def deconvnet(self, units: Sequence[int]) -> Iterator[Visualization]:
        """The activation alone projected back to the image, beside the piece of it that it comes from."""
        yield from self._projected(units, "deconvnet", "", project_back, color_picture)

    def backprop(self, units: Sequence[int]) -> Iterator[Visualization]:
        """The gradient of the activation in its variants, each beside the piece of the image, and the model image."""
        for variant, (way, draw) in _GRADIENTS.items():
            if variant in self.looks.variants:
                yield from self._projected(units, "backprop", variant, way, draw)
        if "ascent" in self.looks.variants:
            for place, unit in enumerate(units):

                def on_step(doing: str, done: int, total: int, before: int = place) -> None:
                    self.on_progress(doing, before * total + done, len(units) * total)

                made = model_image(self.activations, unit, on_progress=on_step)
                yield self._made(unit, "backprop", "ascent", "model image", made, self._highest(unit, made))

    def inceptionism(self, units: Sequence[int]) -> Iterator[Visualization]:
        """Images made to excite the unit."""
        excited = excite(self.activations, units, self.looks.excitation, self.on_progress, batch_size=self.together)
        all_of_it = zip(units, excited.images, excited.activations.tolist(), excited.raised.tolist(), strict=True)
        for unit, images, reached, raised in all_of_it:
            words = "made to excite it" if raised else "no image was found that excites it more than noise"
            for image, activation in zip(images, reached, strict=True):
                yield self._made(unit, "inceptionism", "", words, image, activation)

    def _projected(
        self, units: Sequence[int], method: str, variant: str, way: _Way, draw: Callable[[Tensor], Image.Image]
    ) -> Iterator[Visualization]:
        """What ``way`` gives of the units' top images, each beside the piece of the image."""
        spots = [spot for unit in units for spot in top_spots(self.layer, unit, self.looks.images)]
        device = self.activations.device
        for batch in self._batches(variant or method, spots):
            looked_at = [self._see(spot) for spot in batch]
            found = way(
                self.activations,
                self._fed([seen.image for seen in looked_at]),
                torch.tensor([spot.unit for spot in batch], device=device),
                torch.tensor([spot.position for spot in batch], device=device),
            )
            for seen, numbers in zip(looked_at, found, strict=True):
                piece = shown(crop(seen.image, seen.box))
                picture = crop(draw(numbers), seen.box).resize(piece.size)  # proportions of the image, not as squashed
                yield seen.drawn(method, variant, beside(piece, picture), "" if numbers.any() else "; zero everywhere")

    def _batches(self, doing: str, things: Sequence[_T]) -> Iterator[Sequence[_T]]:
        """As many at a time as go through the network together, telling how far it is."""
        self.on_progress(doing, 0, len(things))
        for start in range(0, len(things), self.together):
            yield things[start : start + self.together]
            self.on_progress(doing, min(start + self.together, len(things)), len(things))

    def _placed(self, spots: Sequence[Spot]) -> list[Spot]:
        """The spots with their positions: each image whose maps are needed goes through the network once."""
        wanted: dict[int, list[int]] = {}
        for spot in spots:
            if spot.position is None:
                wanted.setdefault(spot.index, []).append(spot.unit)
        positions: dict[tuple[int, int], tuple[int, int]] = {}
        for batch in self._batches("positions", list(wanted)) if wanted else ():
            with torch.no_grad():
                all_maps = self.activations(self._fed([self._image(index) for index in batch]))
            for index, maps in zip(batch, all_maps, strict=True):
                highest = maps.flatten(1).argmax(dim=1).tolist()
                positions |= {(unit, index): divmod(highest[unit], maps.shape[2]) for unit in wanted[index]}
        return [replace(spot, position=spot.position or positions[spot.unit, spot.index]) for spot in spots]

    def _image(self, index: int) -> Image.Image:
        return self.data.image(index).convert("RGB")

    def _fed(self, images: Sequence[Image.Image]) -> Float[Tensor, "n 3 H W"]:
        size = self.activations.preprocess.size
        return torch.stack([pixels_of(image, size) for image in images]).to(self.activations.device)

    def _see(self, spot: Spot) -> _Seen:
        view, size = self.activations.view, self.activations.preprocess.size
        assert spot.position is not None
        box = receptive_box(view.field, *spot.position, size)
        place = place_of(view.field, *spot.position, view.shape[1:], size)
        return _Seen(spot, plain_text(self.data.image_name(spot.index)), self._image(spot.index), box, place)

    def _made(
        self, unit: int, method: str, variant: str, words: str, pixels: Float[Tensor, "3 H W"], activation: float
    ) -> Visualization:
        caption = f"{words}: {activation:.4g}"
        if self.layer.top is not None:
            caption += f"; the images' highest is {self.layer.top.activation[unit, 0]:.4g}"
        return Visualization(unit, method, variant, caption, activation, jpeg_of(shown(picture_of(pixels))))

    def _highest(self, unit: int, pixels: Float[Tensor, "3 H W"]) -> float:
        """The unit's highest activation on the image as it is shown, of 256 levels."""
        fed = pixels_of(picture_of(pixels), self.activations.preprocess.size)[None].to(self.activations.device)
        with torch.no_grad():
            return float(self.activations(fed)[0, unit].max())
