"""Images made from noise that excite a unit: inceptionism, or feature visualization.

After Mordvintsev, Olah, Tyka, "Inceptionism", 2015, and Olah, Mordvintsev, Schubert, "Feature Visualization", 2017.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netdissect.inference.differentiate import Activations
from netdissect.numbers import number_above, whole_number
from netdissect.types import NetdissectError, OnProgress, no_progress
from netdissect.visualization.parametrization import PARAMETRIZATIONS
from netdissect.visualization.priors import contrast, similarity, total_variation
from netdissect.visualization.robustness import draw_movements, moved
from netdissect.visualization.rules import redirected
from netdissect.visualization.units import check_units

#: Where in its map a unit is excited: in the middle alone, or everywhere.
POSITIONS = ("center", "mean")

#: Activations are told to be no smaller: squares of gradients are float32.
_LEAST = 1e-9

#: The deviation of the noise that images begin with, before the sigmoid.
_NOISE = 0.1


@dataclass(frozen=True)
class Excitation:
    """How images are made: by ``steps`` of Adam, ``diverse`` images of each unit.

    The first step changes numbers by ``learning_rate``, later ones by less, linearly to none. A unit is excited at the
    "center" of its map, or everywhere ("mean"), which shows what its channel looks for; a vector's has but one place.
    Images are parametrized by "fourier" or "pixels". With ``transformations`` they are moved a little at random in each
    step of the first half; in the second half, where they lie still, they grow as sharp as the network sees them.

    Weights against contrast (``l2``), differences of neighbours (``total_variation``) and images of one unit being
    alike (``diversity``) are relative to an activation as large as the layer's are (root mean square): so they mean
    the same for every layer.

    Raises ``NetdissectError`` for what makes no sense.
    """

    steps: int = 128
    learning_rate: float | int = 0.15
    diverse: int = 1
    parametrization: str = "fourier"
    transformations: bool = True
    l2: float | int = 0
    total_variation: float | int = 0
    diversity: float | int = 1
    position: str = "mean"
    seed: int = 0

    def __post_init__(self) -> None:
        plain = {
            "steps": whole_number(self.steps, "number of steps"),
            "diverse": whole_number(self.diverse, "number of diverse images"),
            "seed": whole_number(self.seed, "seed of inceptionism", least=0),
            "learning_rate": number_above(self.learning_rate, "learning rate", 0),
            "l2": number_above(self.l2, "weight l2", 0, or_equal=True),
            "total_variation": number_above(self.total_variation, "weight total_variation", 0, or_equal=True),
            "diversity": number_above(self.diversity, "weight diversity", 0, or_equal=True),
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)
        for what, chosen, known in (
            ("parametrization", self.parametrization, PARAMETRIZATIONS),
            ("position", self.position, POSITIONS),
        ):
            if chosen not in known:
                raise NetdissectError(f"no {what} {chosen!r}: it is {' or '.join(known)}")


@dataclass(frozen=True, eq=False)
class Excited:
    """For each unit its ``diverse`` images, of 256 levels in 0..1, and the unit's highest activation on each.

    ``raised`` tells whether any of them excites it more than the noise did from which they were made. If not, they are
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
    """Images that excite the units, from noise, which with all chances belongs to the seed, the unit and the image.

    ``batch_size`` of them are made at a time, but all of one unit together. Other units make no difference but where
    the network's own numbers depend on how many images it is given, as they do by about 1e-7, which grows from step to
    step. On a CPU the same call gives the same bits.

    Raises ``NetdissectError`` for a unit that is not there, and where the network cannot be differentiated.
    """
    check_units(activations.view, units)
    at_a_time = max(1, batch_size // how.diverse)
    batches = [units[begin : begin + at_a_time] for begin in range(0, len(units), at_a_time)]
    done = []
    for place, batch in enumerate(batches):

        def on_step(step: int, before: int = place * how.steps) -> None:
            on_progress("inceptionism", before + step, len(batches) * how.steps)

        done.append(_Ascent(activations, batch, how).run(on_step))
    return Excited(
        torch.cat([one.images for one in done]),
        torch.cat([one.activations for one in done]),
        torch.cat([one.raised for one in done]),
    )


class _Ascent:
    """A batch of images on its way up."""

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
        self.places = torch.arange(len(chances), device=device)
        self.of_images = torch.tensor(units, device=device).repeat_interleave(how.diverse)

    def run(self, on_step: Callable[[int], None]) -> Excited:
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
        """Of all images' totals, each of which depends on its own image, or on those of its unit."""
        pixels = self.parametrization.pixels(self.numbers)
        images = pixels.detach().requires_grad_()
        seen = moved(images, self.movements[:, step]) if step < self.movements.shape[1] else images
        maps = self.activations(seen, redirected())  # a unit may be silent on noise, which leaves it no gradient
        gradient = self.activations.gradient(self.total(maps, images), images)
        # Where a network has no finite gradient, its image stays as it is, and others go on.
        gradient = gradient.nan_to_num(nan=0, posinf=0, neginf=0)
        return torch.autograd.grad(pixels, self.numbers, gradient)[0]

    def total(self, maps: Float[Tensor, "n u h w"], images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, ""]:
        """What is raised."""
        how = self.how
        of_units = maps[self.places, self.of_images]
        if how.position == "center":
            raised = of_units[:, maps.shape[2] // 2, maps.shape[3] // 2]
        else:
            raised = of_units.mean(dim=(1, 2))
        total = (raised / _usual(maps)).sum()
        if how.l2:
            total = total - how.l2 * contrast(images).sum()
        if how.total_variation:
            total = total - how.total_variation * total_variation(images).sum()
        if how.diversity and how.diverse > 1:
            alike = similarity(maps.unflatten(0, (-1, how.diverse)))
            # As long as a unit is silent on one of its images, that is all that counts there: see ``redirected``.
            heard = of_units.detach().flatten(1).any(dim=1).unflatten(0, (-1, how.diverse)).all(dim=1)
            total = total - how.diversity * (alike * heard).sum()
        return total

    @torch.no_grad()
    def measured(self) -> tuple[Float[Tensor, "n 3 H W"], Float[Tensor, " n"]]:
        """The images as pictures are, of 256 levels, and their units' highest activations on them."""
        images = (self.parametrization.pixels(self.numbers) * 255).round() / 255
        return images, self.activations(images)[self.places, self.of_images].amax(dim=(1, 2))


def _usual(maps: Float[Tensor, "n u h w"]) -> Float[Tensor, " n"]:
    """How large each image's activations are (root mean square), of those that are numbers; 1 where all are silent."""
    finite = maps.detach().nan_to_num(nan=0, posinf=0, neginf=0)
    size = finite.square().mean(dim=(1, 2, 3)).sqrt()
    return torch.where(size > 0, size, 1).clamp(min=_LEAST)
