"""Each unit's top images: those in which it responds most."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass
class TopImages:
    """Each unit's images of highest activation, best first; ties go to the image of lower index.

    Places not taken yet have image -1 and activation ``-inf``.
    """

    image: Int64[Tensor, "u t"]
    activation: Float[Tensor, "u t"]

    @classmethod
    def empty(cls, units: int, images: int, device: torch.device | None = None) -> "TopImages":
        return cls(
            torch.full((units, images), -1, dtype=torch.int64, device=device),
            torch.full((units, images), -torch.inf, dtype=torch.float32, device=device),
        )

    def update(self, images: Int64[Tensor, " n"], peaks: Float[Tensor, "n u"]) -> None:
        """Takes in the highest activations of ``n`` more images, which have these indices."""
        last_image, last_activation = self.image[:, -1], self.activation[:, -1]
        better = (peaks > last_activation) | ((peaks == last_activation) & (images[:, None] < last_image))
        # Only units with a new entry are rewritten: after the first batches that is a few.
        units = better.any(dim=0).nonzero()[:, 0]
        if len(units):
            self._keep_best(units, images.expand(len(units), -1), peaks[:, units].T)

    def holds(self, images: Int64[Tensor, " n"]) -> Bool[Tensor, "n u"]:
        """Whether each of these images is among the unit's top images so far."""
        return (self.image == images[:, None, None]).any(dim=2)

    def __add__(self, other: "TopImages") -> "TopImages":
        total = TopImages(self.image.clone(), self.activation.clone())
        units = torch.arange(self.image.shape[0], device=self.image.device)
        total._keep_best(units, other.image, other.activation)
        return total

    def _keep_best(self, units: Tensor, image: Tensor, activation: Tensor) -> None:
        images = torch.cat([self.image[units], image], dim=1)
        activations = torch.cat([self.activation[units], activation], dim=1)
        by_image = images.argsort(dim=1, stable=True)
        by_activation = activations.gather(1, by_image).argsort(dim=1, descending=True, stable=True)
        best = by_image.gather(1, by_activation)[:, : self.image.shape[1]]
        self.image[units] = images.gather(1, best)
        self.activation[units] = activations.gather(1, best)
