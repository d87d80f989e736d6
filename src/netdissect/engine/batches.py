"""From a concept dataset to batches that a network takes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from netdissect.concepts.base import ConceptDataset, Labels, listed_numbers, unlisted_number
from netdissect.types import BadSampleError, NetdissectError


@dataclass(frozen=True)
class Preprocess:
    """What a network is fed: RGB in 0..1, squashed to ``size`` (H, W), less ``mean``, over ``std``, per channel."""

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __call__(self, image: Image.Image) -> Float[Tensor, "3 H W"]:
        height, width = self.size
        image = image.convert("RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div_(255)
        return pixels.sub_(_channels(self.mean)).div_(_channels(self.std))


def _channels(values: tuple[float, float, float]) -> Float[Tensor, "3 1 1"]:
    return torch.tensor(values, dtype=torch.float32, device="cpu")[:, None, None]


@dataclass(frozen=True)
class Batch:
    """``n`` images as the network takes them, with their indices in the dataset and their labels."""

    indices: list[int]
    images: Float[Tensor, "n 3 H W"]
    labels: list[Labels]


class Reader:
    """Reads a dataset in batches, any number of times; with ``skip_bad`` it leaves out what cannot be read.

    ``skipped`` maps the index of each image left out to the reason. Label maps are read with their images, so that an
    image without one is left out of the thresholds too.
    """

    def __init__(
        self, data: ConceptDataset, preprocess: Preprocess, batch_size: int, *, skip_bad: bool = False
    ) -> None:
        self.data = data
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.skip_bad = skip_bad
        self.skipped: dict[int, str] = {}
        self._listed = listed_numbers(data.concepts)

    def __iter__(self) -> Iterator[Batch]:
        """Yields batches in the dataset's order. Raises ``BadSampleError`` unless ``skip_bad``."""
        indices: list[int] = []
        images: list[Tensor] = []
        labels: list[Labels] = []
        for index in range(len(self.data)):
            if index in self.skipped:
                continue
            try:
                image, label = self.preprocess(self.data.image(index)), self._labels(index)
            except BadSampleError as error:
                if not self.skip_bad:
                    raise
                self.skipped[index] = str(error)
                continue
            indices.append(index)
            images.append(image)
            labels.append(label)
            if len(indices) == self.batch_size:
                yield Batch(indices, torch.stack(images), labels)
                indices, images, labels = [], [], []
        if indices:
            yield Batch(indices, torch.stack(images), labels)

    def _labels(self, index: int) -> Labels:
        """The labels of an image, found to keep to the protocol; somebody's own dataset may not."""
        labels = self.data.labels(index)
        maps, whole = np.asarray(labels.maps), np.array(labels.whole, dtype=np.int64)
        shape = tuple(self.data.label_shape)
        if maps.ndim != 3 or maps.shape[1:] != shape or not np.issubdtype(maps.dtype, np.integer):
            raise NetdissectError(
                f"{self._where(index)}: its label maps are {maps.dtype} {maps.shape}, "
                f"not whole numbers (layers, {shape[0]}, {shape[1]})"
            )
        for numbers in (maps, whole):
            unlisted = unlisted_number(numbers, self._listed)
            if unlisted is not None:
                raise NetdissectError(f"{self._where(index)}: label {unlisted} is not among the dataset's concepts")
        return Labels(maps.astype(np.int32, copy=False), tuple(whole.tolist()))

    def _where(self, index: int) -> str:
        return f"{self.data.name}: {self.data.image_name(index)}"
