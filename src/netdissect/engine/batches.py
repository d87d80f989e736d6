"""From a concept dataset to batches that a network takes, read ahead by threads while the network works."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from netdissect.concepts.base import ConceptDataset, Labels, listed_numbers, unlisted_number
from netdissect.engine.parallel import in_order
from netdissect.types import BadSampleError, NetdissectError


@dataclass(frozen=True)
class Preprocess:
    """What a network is fed: RGB in 0..1, squashed to ``size`` (H, W), less ``mean``, over ``std``, per channel."""

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def squash(self, image: Image.Image) -> UInt8[np.ndarray, "H W 3"]:
        """The image's pixels at the network's size."""
        height, width = self.size
        if image.mode != "RGB":
            image = image.convert("RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.array(image)

    def normalize(self, pixels: UInt8[Tensor, "n H W 3"]) -> Float[Tensor, "n 3 H W"]:
        """What the network takes, on the device of ``pixels``; channels-last, as these are."""
        images = pixels.permute(0, 3, 1, 2).float().div_(255)
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=pixels.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return images.sub_(mean).div_(std)


@dataclass(frozen=True)
class Batch:
    """``n`` images at the network's size, with their indices in the dataset and their labels.

    ``end`` is how many of the images to read are read or left out by now.
    """

    indices: list[int]
    pixels: UInt8[Tensor, "n H W 3"]
    labels: list[Labels]
    end: int


class Reader:
    """Reads the images of ``order`` in batches; with ``skip_bad`` it leaves out what cannot be read.

    ``skipped`` maps the index of each image left out to the reason. Label maps are read with their images, so that an
    image without one is left out of the thresholds too. ``workers`` threads read ahead, each one image at a time; with
    0 the caller's own does, when asked.
    """

    def __init__(
        self,
        data: ConceptDataset,
        preprocess: Preprocess,
        batch_size: int,
        *,
        order: Sequence[int] | None = None,
        workers: int = 0,
        skip_bad: bool = False,
    ) -> None:
        self.data = data
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.order = range(len(data)) if order is None else order
        self.workers = workers
        self.skip_bad = skip_bad
        self.skipped: dict[int, str] = {}
        self._listed = listed_numbers(data.concepts)

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yields the batches after the first ``start`` images. Raises ``BadSampleError`` unless ``skip_bad``."""
        indices: list[int] = []
        pixels: list[np.ndarray] = []
        labels: list[Labels] = []
        ahead = 2 * self.batch_size + self.workers
        samples = in_order(self._read, self.order[start:], self.workers, ahead)
        for end, (index, sample) in enumerate(samples, start + 1):
            if isinstance(sample, BadSampleError):
                if not self.skip_bad:
                    raise sample
                self.skipped[index] = str(sample)
                continue
            indices.append(index)
            pixels.append(sample[0])
            labels.append(sample[1])
            if len(indices) == self.batch_size:
                yield Batch(indices, torch.from_numpy(np.stack(pixels)), labels, end)
                indices, pixels, labels = [], [], []
        if indices:
            yield Batch(indices, torch.from_numpy(np.stack(pixels)), labels, len(self.order))

    def _read(self, index: int) -> tuple[np.ndarray, Labels] | BadSampleError:
        try:
            return self.preprocess.squash(self.data.image(index)), self._labels(index)
        except BadSampleError as error:
            return error

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
