"""What is kept of a layer's maps for people to look at: each unit's top images and the histogram of its activations."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass
class TopImages:
    """Each unit's images of highest activation, with the maps, best first; ties go to the image of lower index.

    Places not taken yet have image -1 and activation ``-inf``.
    """

    image: Int64[Tensor, "u t"]
    activation: Float[Tensor, "u t"]
    maps: Float[Tensor, "u t h w"]

    @classmethod
    def empty(cls, units: int, height: int, width: int, images: int, device: torch.device | None = None) -> "TopImages":
        return cls(
            torch.full((units, images), -1, dtype=torch.int64, device=device),
            torch.full((units, images), -torch.inf, dtype=torch.float32, device=device),
            torch.zeros(units, images, height, width, dtype=torch.float32, device=device),
        )

    def update(self, images: Int64[Tensor, " n"], maps: Float[Tensor, "n u h w"]) -> None:
        """Takes in the maps of ``n`` more images, which have these indices."""
        peaks = maps.amax(dim=(2, 3)).T
        # Only units with a new entry are rewritten: after the first batches that is a few.
        last_image, last_activation = self.image[:, -1:], self.activation[:, -1:]
        better = (peaks > last_activation) | ((peaks == last_activation) & (images < last_image))
        units = better.any(dim=1).nonzero()[:, 0]
        self._keep_best(units, images.expand(len(units), -1), peaks[units], maps[:, units].transpose(0, 1))

    def __add__(self, other: "TopImages") -> "TopImages":
        total = TopImages(self.image.clone(), self.activation.clone(), self.maps.clone())
        units = torch.arange(self.image.shape[0], device=self.image.device)
        total._keep_best(units, other.image, other.activation, other.maps)
        return total

    def _keep_best(self, units: Tensor, image: Tensor, activation: Tensor, maps: Tensor) -> None:
        images = torch.cat([self.image[units], image], dim=1)
        activations = torch.cat([self.activation[units], activation], dim=1)
        by_image = images.argsort(dim=1, stable=True)
        by_activation = activations.gather(1, by_image).argsort(dim=1, descending=True, stable=True)
        best = by_image.gather(1, by_activation)[:, : self.image.shape[1]]
        self.image[units] = images.gather(1, best)
        self.activation[units] = activations.gather(1, best)
        both = torch.cat([self.maps[units], maps], dim=1)
        self.maps[units] = both.gather(1, best[:, :, None, None].expand(-1, -1, *both.shape[2:]))


@dataclass
class Histogram:
    """How many of each unit's activations fall into equal bins between ``low`` and ``high``; the last bin is closed."""

    low: Float[Tensor, " u"]
    high: Float[Tensor, " u"]
    counts: Int64[Tensor, "u b"]

    @classmethod
    def empty(cls, low: Float[Tensor, " u"], high: Float[Tensor, " u"], bins: int = 64) -> "Histogram":
        return cls(low, high, torch.zeros(len(low), bins, dtype=torch.int64, device=low.device))

    def update(self, values: Float[Tensor, "u m"]) -> None:
        units, bins = self.counts.shape
        extent = self.high - self.low
        extent = torch.where(extent > 0, extent, torch.ones_like(extent))
        share = (values - self.low[:, None]) / extent[:, None]  # a quotient, as its reciprocal may overflow
        place = (share * bins).long().clamp_(0, bins - 1)
        place += torch.arange(units, device=place.device)[:, None] * bins
        self.counts += torch.bincount(place.flatten(), minlength=units * bins).reshape(units, bins)

    def __add__(self, other: "Histogram") -> "Histogram":
        if not (torch.equal(self.low, other.low) and torch.equal(self.high, other.high)):
            raise ValueError("only histograms of the same bins add up")
        return Histogram(self.low, self.high, self.counts + other.counts)


@dataclass
class Extent:
    """Each unit's smallest and largest activation."""

    low: Float[Tensor, " u"]
    high: Float[Tensor, " u"]

    @classmethod
    def empty(cls, units: int, device: torch.device | None = None) -> "Extent":
        full = torch.full((units,), torch.inf, dtype=torch.float32, device=device)
        return cls(full, -full)

    def update(self, values: Float[Tensor, "u m"]) -> None:
        self.low = torch.minimum(self.low, values.amin(dim=1))
        self.high = torch.maximum(self.high, values.amax(dim=1))

    def __add__(self, other: "Extent") -> "Extent":
        return Extent(torch.minimum(self.low, other.low), torch.maximum(self.high, other.high))
