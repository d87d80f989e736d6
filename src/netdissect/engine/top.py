"""Each unit's top images: the images with its highest activations."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


@dataclass(eq=False)
class TopImages:
    """Each unit's images of highest activation, best first; an accumulator.

    Ties go to the image of lower index. Where fewer images were seen, the image is -1 and the activation ``-inf``. No
    image may be taken in twice.

    >>> top = TopImages.empty(units=2, images=2)
    >>> top.update(torch.tensor([0, 1, 2]), torch.tensor([[1.0, 5.0], [3.0, 5.0], [2.0, 4.0]]))
    >>> top.image
    tensor([[1, 2],
            [0, 1]])
    """

    image: Int64[Tensor, "u t"]
    activation: Float[Tensor, "u t"]

    @classmethod
    def empty(cls, units: int, images: int, device: torch.device | None = None) -> "TopImages":
        """Return an empty list of top images, with room for ``images`` per unit."""
        return cls(
            torch.full((units, images), -1, dtype=torch.int64, device=device),
            torch.full((units, images), -torch.inf, dtype=torch.float32, device=device),
        )

    def update(self, images: Int64[Tensor, " n"], peaks: Float[Tensor, "n u"]) -> None:
        """Take in the highest activations of ``n`` more images, given the images' indices."""
        last_image, last_activation = self.image[:, -1], self.activation[:, -1]
        better = (peaks > last_activation) | ((peaks == last_activation) & (images[:, None] < last_image))
        # Only units with a new entry are rewritten: a few, after the first batches.
        units = better.any(dim=0).nonzero()[:, 0]
        if len(units):
            self._keep_best(units, images.expand(len(units), -1), peaks[:, units].T)

    def holds(self, images: Int64[Tensor, " n"]) -> Bool[Tensor, "n u"]:
        """Return whether each image is among each unit's top images so far."""
        return (self.image == images[:, None, None]).any(dim=2)

    def __add__(self, other: "TopImages") -> "TopImages":
        """Return the top images among those of both."""
        total = TopImages(*self.compute())
        units = torch.arange(self.image.shape[0], device=self.image.device)
        total._keep_best(units, other.image, other.activation)
        return total

    def compute(self) -> tuple[Int64[Tensor, "u t"], Float[Tensor, "u t"]]:
        """Return the images and their activations so far."""
        return self.image.clone(), self.activation.clone()

    def state(self) -> dict[str, Tensor]:
        """Return the images and activations by name, not copied."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "TopImages":
        """Return the top images that were saved."""
        return cls(**state)

    def _keep_best(self, units: Tensor, image: Tensor, activation: Tensor) -> None:
        """Merge some entries into the rows of these units."""
        images = torch.cat([self.image[units], image], dim=1)
        activations = torch.cat([self.activation[units], activation], dim=1)
        by_image = images.argsort(dim=1, stable=True)
        by_activation = activations.gather(1, by_image).argsort(dim=1, descending=True, stable=True)
        best = by_image.gather(1, by_activation)[:, : self.image.shape[1]]
        self.image[units] = images.gather(1, best)
        self.activation[units] = activations.gather(1, best)
