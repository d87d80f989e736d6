"""From a concept dataset to batches that a network takes, read ahead by threads while the network works."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from netdissect.concepts.base import ConceptDataset, checked_labels, listed_numbers
from netdissect.labels import Labels
from netdissect.networks.expected import CHANNELS
from netdissect.parallel import in_order
from netdissect.types import BadSampleError, NetdissectError

#: The weights of red, green and blue in luminance (ITU-R 601-2), as Pillow has them.
_LUMINANCE = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Preprocess:
    """What a network is fed: images squashed to ``size`` (H, W), less ``mean``, over ``std``.

    ``channels`` are "rgb", "bgr" or "gray" (luminance, one channel), black is 0 and white ``value_range``, 1 or 255.
    Mean and deviation are per channel, in that order and range.
    """

    size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)
    channels: str = "rgb"
    value_range: int = 1

    @property
    def channel_count(self) -> int:
        return CHANNELS[self.channels]

    def squash(self, image: Image.Image) -> UInt8[np.ndarray, "H W channels"]:
        """The image's pixels at the network's size, in its order of channels."""
        height, width = self.size
        mode = "L" if self.channels == "gray" else "RGB"
        if image.mode != mode:
            image = image.convert(mode)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        if self.channels == "bgr":  # Pillow writes the bytes in this order at no cost; numpy would take a pass
            return np.frombuffer(image.tobytes("raw", "BGR"), dtype=np.uint8).reshape(height, width, 3)
        return np.array(image).reshape(height, width, self.channel_count)

    def normalize(self, pixels: UInt8[Tensor, "n H W channels"]) -> Float[Tensor, "n channels H W"]:
        """What the network takes, on the device of ``pixels``; channels-last, as these are."""
        images = pixels.permute(0, 3, 1, 2).float()
        if self.value_range == 1:
            images.div_(255)
        mean, std = (
            torch.tensor(values, dtype=torch.float32, device=pixels.device)[:, None, None]
            for values in (self.mean, self.std)
        )
        return images.sub_(mean).div_(std)

    def feed(self, images: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n channels H W"]:
        """What the network takes of RGB images in 0..1 of the right size; can be differentiated."""
        if self.channels == "gray":
            images = (images * images.new_tensor(_LUMINANCE)[:, None, None]).sum(dim=1, keepdim=True)
        elif self.channels == "bgr":
            images = images.flip(1)
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (images * self.value_range - mean) / std


@dataclass(frozen=True)
class Batch:
    """``n`` images as ``Preprocess.squash`` makes them, with their indices in the dataset and their labels.

    ``end`` is how many of the images to read are read or left out by now.
    """

    indices: list[int]
    pixels: UInt8[Tensor, "n H W channels"]
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

    def first(self) -> Float[Tensor, "1 channels H W"]:
        """What the network is fed of the first image that can be read.

        Raises ``BadSampleError`` unless ``skip_bad``, ``NetdissectError`` if there is none.
        """
        for index in self.order:
            sample = self._read(index)
            if not isinstance(sample, BadSampleError):
                return self.preprocess.normalize(torch.from_numpy(np.stack([sample[0]])))
            if not self.skip_bad:
                raise sample
        raise NetdissectError(f"{self.data.name}: none of its {len(self.order)} images can be read")

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
            return self.preprocess.squash(self.data.image(index)), checked_labels(self.data, index, self._listed)
        except BadSampleError as error:
            return error
