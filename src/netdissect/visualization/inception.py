"""Images made from noise that excite a unit: inceptionism, or feature visualization.

After Mordvintsev, Olah, Tyka, "Inceptionism", 2015, and Olah, Mordvintsev, Schubert, "Feature Visualization", 2017.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netdissect.inference.differentiate import Activations
from netdissect.results import Visualization
from netdissect.types import OnProgress, no_progress
from netdissect.visualization.context import LookContext, PictureKind
from netdissect.visualization.methods import Method
from netdissect.visualization.options import Excitation
from netdissect.visualization.priors import contrast, similarity, total_variation
from netdissect.visualization.registries import PARAMETRIZATIONS
from netdissect.visualization.robustness import draw_movements, moved
from netdissect.visualization.rules import redirected
from netdissect.visualization.units import check_units

#: The least size of activations by which they are divided: squares of gradients are float32.
_LEAST = 1e-9

#: The deviation of the noise that images begin with, before the sigmoid.
_NOISE = 0.1


@dataclass(frozen=True, eq=False)
class Excited:
    """Images of each unit, of 256 levels in 0..1, and the unit's highest activation on each.

    ``raised`` is whether any image excites the unit more than the noise that it was made from. If not, the images are
    not worth looking at: the unit is dead, say, or saturated by noise already.
    """

    images: Float[Tensor, "u diverse 3 H W"]
    activations: Float[Tensor, "u diverse"]
    raised: Bool[Tensor, " u"]


_DEFAULT = Excitation()


def excite(
    activations: Activations,
    units: Sequence[int],
    how: Excitation = _DEFAULT,
    on_progress: OnProgress = no_progress,
    *,
    batch_size: int = 8,
) -> Excited:
    """Make images that excite the units, from noise. All random numbers follow from the seed, the unit and the image.

    ``batch_size`` images are made at a time, but all images of a unit together. Other units make a difference only as
    far as the network's numbers depend on the size of a batch: by about 1e-7, which grows from step to step. On a CPU
    the same call gives the same bits.

    Raises ``NetdissectError`` for an unknown unit, and for a network that cannot be differentiated.
    """
    check_units(activations.view, units)
    at_a_time = max(1, batch_size // how.diverse)
    batches = [units[begin : begin + at_a_time] for begin in range(0, len(units), at_a_time)]
    done = []
    for index, batch in enumerate(batches):

        def on_step(step: int, before: int = index * how.steps) -> None:
            on_progress("inceptionism", before + step, len(batches) * how.steps)

        done.append(_Ascent(activations, batch, how).run(on_step))
    return Excited(
        torch.cat([excited.images for excited in done]),
        torch.cat([excited.activations for excited in done]),
        torch.cat([excited.raised for excited in done]),
    )


class _Ascent:
    """Gradient ascent on a batch of images."""

    def __init__(self, activations: Activations, units: Sequence[int], how: Excitation) -> None:
        self.activations = activations
        self.units = units
        self.how = how
        device = activations.device
        self.parametrization = PARAMETRIZATIONS[how.parametrization](activations.preprocess.size, device)
        chances = [np.random.default_rng([how.seed, unit, image]) for unit in units for image in range(how.diverse)]
        noise = [chance.standard_normal(self.parametrization.shape, dtype=np.float32) for chance in chances]
        self.numbers = torch.from_numpy(_NOISE * np.stack(noise)).to(device).requires_grad_()
        count = (how.steps + 1) // 2 if how.transformations else 0
        movements = [draw_movements(chance, count) for chance in chances]
        self.movements = torch.from_numpy(np.stack(movements)).to(device)
        self.rows = torch.arange(len(chances), device=device)
        self.units_of_images = torch.tensor(units, device=device).repeat_interleave(how.diverse)

    def run(self, on_step: Callable[[int], None]) -> Excited:
        """Return the images after all steps."""
        optimizer = torch.optim.Adam([self.numbers], lr=float(self.how.learning_rate), maximize=True)
        slower = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0, total_iters=self.how.steps)
        _, noise = self.measured()
        on_step(0)
        for step in range(self.how.steps):
            self.numbers.grad = self.gradient(step)
            optimizer.step()
            slower.step()
            on_step(step + 1)
        images, highest = self.measured()
        shape = (len(self.units), self.how.diverse)
        raised = (highest > noise).unflatten(0, shape).any(dim=1)  # what is not a number is not raised either
        return Excited(images.unflatten(0, shape), highest.unflatten(0, shape), raised)

    def gradient(self, step: int) -> Tensor:
        """Return the gradient of all images' totals. A total depends on its own image, or on the images of its unit."""
        pixels = self.parametrization.pixels(self.numbers)
        images = pixels.detach().requires_grad_()
        seen = moved(images, self.movements[:, step]) if step < self.movements.shape[1] else images
        maps = self.activations(seen, redirected())  # a unit may be silent on noise, which leaves it no gradient
        gradient = self.activations.gradient(self.total(maps, images), images)
        # Where a network has no finite gradient, its image stays as it is, and others go on.
        gradient = gradient.nan_to_num(nan=0, posinf=0, neginf=0)
        return torch.autograd.grad(pixels, self.numbers, gradient)[0]

    def total(self, maps: Float[Tensor, "n u h w"], images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, ""]:
        """Return the total that ascent raises: activations less the weighted priors."""
        how = self.how
        own_maps = maps[self.rows, self.units_of_images]
        if how.position == "center":
            raised = own_maps[:, maps.shape[2] // 2, maps.shape[3] // 2]
        else:
            raised = own_maps.mean(dim=(1, 2))
        total = (raised / _usual(maps)).sum()
        if how.l2:
            total = total - how.l2 * contrast(images).sum()
        if how.total_variation:
            total = total - how.total_variation * total_variation(images).sum()
        if how.diversity and how.diverse > 1:
            alike = similarity(maps.unflatten(0, (-1, how.diverse)))
            # While a unit is silent on one of its images, exciting it is all that counts: see ``redirected``.
            heard = own_maps.detach().flatten(1).any(dim=1).unflatten(0, (-1, how.diverse)).all(dim=1)
            total = total - how.diversity * (alike * heard).sum()
        return total

    @torch.no_grad()
    def measured(self) -> tuple[Float[Tensor, "n 3 H W"], Float[Tensor, " n"]]:
        """Return the images in 256 levels, as pictures are, and their units' highest activations on them."""
        images = (self.parametrization.pixels(self.numbers) * 255).round() / 255
        return images, self.activations(images)[self.rows, self.units_of_images].amax(dim=(1, 2))


def _usual(maps: Float[Tensor, "n u h w"]) -> Float[Tensor, " n"]:
    """Return the size of each image's finite activations (root mean square); 1 where all units are silent."""
    finite = maps.detach().nan_to_num(nan=0, posinf=0, neginf=0)
    size = finite.square().mean(dim=(1, 2, 3)).sqrt()
    return torch.where(size > 0, size, 1).clamp(min=_LEAST)


class Inceptionism(Method):
    """Images made to excite a unit, from noise.

    Mordvintsev, Olah, Tyka, "Inceptionism: going deeper into neural networks", 2015.
    """

    title = "Inceptionism (Mordvintsev et al. 2015)"
    text = "Images made from noise to excite the unit."
    excites = True

    def look(self, context: LookContext, units: Sequence[int]) -> Iterator[Visualization]:
        """Yield the images of each unit."""
        how, kind = context.options.excitation, PictureKind(self.name)
        excited = excite(context.activations, units, how, context.on_progress, batch_size=context.batch_size)
        for row, unit in enumerate(units):
            words = "made to excite it" if excited.raised[row] else "no image was found that excites it more than noise"
            for pixels, activation in zip(excited.images[row], excited.activations[row].tolist(), strict=True):
                yield context.made(kind, unit, pixels, activation, words)
