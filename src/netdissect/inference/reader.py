"""Batches of a concept dataset, read ahead by threads while the network works."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from netdissect.concepts.base import ConceptDataset, checked_labels, listed_numbers
from netdissect.inference.preprocess import Preprocess
from netdissect.labels import Labels
from netdissect.parallel import in_order
from netdissect.types import BadSampleError, NetdissectError


@dataclass(frozen=True)
class Batch:
    """``n`` images as ``Preprocess.squash`` makes them, with their indices in the dataset and their labels.

    ``end`` counts the images that are read or left out so far.
    """

    indices: list[int]
    pixels: UInt8[Tensor, "n H W channels"]
    labels: list[Labels]
    end: int


class Reader:
    """Reads the images of ``order`` in batches; with ``skip_bad`` it leaves out images that cannot be read.

    ``skipped`` maps the index of each image left out to the reason. Label maps are read with their images, so that an
    image without labels is left out of the thresholds too. ``workers`` threads read ahead, each one image at a time;
    with 0 the caller's own thread reads in between.
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
        """Return the network's input for the first image that can be read.

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
        """Yield the batches after the first ``start`` images. Raises ``BadSampleError`` unless ``skip_bad``."""
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
