"""All pictures of a layer's units, method by method."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn

from netdissect.concepts.base import ConceptDataset
from netdissect.engine.batches import Preprocess
from netdissect.engine.view import View
from netdissect.results import LayerResult, Visualization
from netdissect.types import OnProgress, no_progress, plain_text
from netdissect.visualization.activations import Activations, activations_of
from netdissect.visualization.crops import Box, Place, crop, marked, place_of, receptive_box
from netdissect.visualization.deconvnet import project_back
from netdissect.visualization.inception import excite
from netdissect.visualization.model_image import model_image
from netdissect.visualization.options import VisualizationOptions
from netdissect.visualization.pictures import beside, color_picture, jpeg_of, magnitude_picture, picture_of, pixels_of
from netdissect.visualization.saliency import gradient, guided, integrated, smoothed
from netdissect.visualization.spots import Spot, level_spots, top_spots
from netdissect.visualization.units import check_units

#: Images that the network takes at a time.
_TOGETHER = 8

#: Images of each level below the top.
_IMAGES_OF_LEVEL = 2

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
    looks: VisualizationOptions, model: nn.Module, view: View, preprocess: Preprocess, device: torch.device
) -> None:
    """Raises ``NetdissectError`` for what ``visualized`` would: a unit that is not there, a layer without gradients."""
    _check_named(looks, view)
    if looks.methods == ("top",):
        return
    with activations_of(model, view, preprocess, device) as activations:
        image = torch.zeros(1, 3, *preprocess.size, device=device, requires_grad=True)
        activations.gradient(activations(image).sum(), image)


def visualized(
    model: nn.Module,
    view: View,
    layer: LayerResult,
    data: ConceptDataset,
    preprocess: Preprocess,
    looks: VisualizationOptions,
    *,
    device: torch.device,
    on_progress: OnProgress = no_progress,
) -> LayerResult:
    """``layer`` with pictures of its units: unit by unit, of each in the order of methods.

    ``layer`` is the result of ``view``, ``data`` and ``preprocess`` are what it follows from. Raises
    ``NetdissectError`` for a layer that cannot be differentiated, and what reading images raises.
    """
    _check_named(looks, view)
    units = looks.units_of(layer)
    made: dict[int, list[Visualization]] = {unit: [] for unit in units}
    with activations_of(model, view, preprocess, device) as activations:
        looker = _Looker(activations, layer, data, looks, on_progress)
        ways = (looker.top, looker.deconvnet, looker.backprop, looker.inceptionism)
        for way in ways:
            if units and way.__name__ in looks.methods:
                for visualization in way(units):
                    made[visualization.unit].append(visualization)
    return replace(layer, visualizations=tuple(one for of_unit in made.values() for one in of_unit))


def _check_named(looks: VisualizationOptions, view: View) -> None:
    if not isinstance(looks.units, str):
        check_units(view, looks.units)


@dataclass(frozen=True)
class _Seen:
    """A spot of a unit: the image, also as the network takes it, the piece that is looked at, and the activation."""

    unit: int
    spot: Spot
    name: str
    image: Image.Image
    pixels: Float[Tensor, "3 H W"]
    position: tuple[int, int]
    box: Box
    place: Place | None
    activation: float

    def drawn(self, method: str, variant: str, picture: Image.Image) -> Visualization:
        row, column = self.position
        caption = f"{self.spot.words}: {self.activation:.4g} at {row}, {column}"
        return Visualization(self.unit, method, variant, caption, self.activation, jpeg_of(picture), self.name)


class _Looker:
    """Looks at units of one layer."""

    def __init__(
        self,
        activations: Activations,
        layer: LayerResult,
        data: ConceptDataset,
        looks: VisualizationOptions,
        on_progress: OnProgress,
    ) -> None:
        self.activations = activations
        self.layer = layer
        self.data = data
        self.looks = looks
        self.on_progress = on_progress
        sample = {*layer.sample}
        names = ((plain_text(data.image_name(index)), index) for index in range(len(data)))
        self._index_of = {name: index for name, index in names if name in sample}

    def top(self, units: Sequence[int]) -> Iterator[Visualization]:
        """The images at the top, and some along the range, each with its receptive field framed, and that alone."""
        spots = []
        for unit in units:
            highest = top_spots(self.layer, unit, self.looks.images)
            below = level_spots(self.layer, unit, self._index_of, _IMAGES_OF_LEVEL, above=len(highest))
            spots += [(unit, spot) for spot in (*highest, *below)]
        for batch in self._seen("top", spots):
            for seen in batch:
                whole, piece = marked(seen.image, seen.box, seen.place), crop(seen.image, seen.box)
                yield seen.drawn("top", seen.spot.among, whole if piece.size == whole.size else beside(whole, piece))

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
        excited = excite(self.activations, units, self.looks.excitation, self.on_progress)
        for unit, images, reached in zip(units, excited.images, excited.activations.tolist(), strict=True):
            words = "no image was found that excites it" if unit in excited.notes else "made to excite it"
            for image, activation in zip(images, reached, strict=True):
                yield self._made(unit, "inceptionism", "", words, image, activation)

    def _projected(
        self, units: Sequence[int], method: str, variant: str, way: _Way, draw: Callable[[Tensor], Image.Image]
    ) -> Iterator[Visualization]:
        """What ``way`` gives of the units' top images, each beside the piece of the image."""
        spots = [(unit, spot) for unit in units for spot in top_spots(self.layer, unit, self.looks.images)]
        device = self.activations.device
        for batch in self._seen(variant or method, spots):
            found = way(
                self.activations,
                torch.stack([seen.pixels for seen in batch]).to(device),
                torch.tensor([seen.unit for seen in batch], device=device),
                torch.tensor([seen.position for seen in batch], device=device),
            )
            for seen, numbers in zip(batch, found, strict=True):
                picture = draw(numbers).resize(seen.image.size)
                yield seen.drawn(method, variant, beside(crop(seen.image, seen.box), crop(picture, seen.box)))

    def _seen(self, doing: str, spots: Sequence[tuple[int, Spot]]) -> Iterator[list[_Seen]]:
        """The spots, looked at, some at a time."""
        self.on_progress(doing, 0, len(spots))
        for start in range(0, len(spots), _TOGETHER):
            some = spots[start : start + _TOGETHER]
            images = [self.data.image(spot.index).convert("RGB") for _, spot in some]
            pixels = torch.stack([pixels_of(image, self.activations.preprocess.size) for image in images])
            with torch.no_grad():
                maps = self.activations(pixels.to(self.activations.device)).cpu()
            yield [self._see(*each) for each in zip(some, images, pixels, maps, strict=True)]
            self.on_progress(doing, start + len(some), len(spots))

    def _see(self, of_unit: tuple[int, Spot], image: Image.Image, pixels: Tensor, maps: Tensor) -> _Seen:
        unit, spot = of_unit
        row, column = spot.position or divmod(int(maps[unit].argmax()), maps.shape[2])
        view, size = self.activations.view, self.activations.preprocess.size
        box = receptive_box(view.field, row, column, size)
        place = place_of(view.field, row, column, view.shape[1:], size)
        name = plain_text(self.data.image_name(spot.index))
        return _Seen(unit, spot, name, image, pixels, (row, column), box, place, float(maps[unit, row, column]))

    def _made(
        self, unit: int, method: str, variant: str, words: str, pixels: Float[Tensor, "3 H W"], activation: float
    ) -> Visualization:
        caption = f"{words}: {activation:.4g}; the images' highest is {self.layer.top_activation[unit, 0]:.4g}"
        return Visualization(unit, method, variant, caption, activation, jpeg_of(picture_of(pixels)))

    def _highest(self, unit: int, pixels: Float[Tensor, "3 H W"]) -> float:
        """The unit's highest activation on the image as it is shown, of 256 levels."""
        fed = pixels_of(picture_of(pixels), self.activations.preprocess.size)[None].to(self.activations.device)
        with torch.no_grad():
            return float(self.activations(fed)[0, unit].max())
