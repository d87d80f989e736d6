"""What the engine asks of a concept dataset."""

import hashlib
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool
from PIL import Image

from netdissect.labels import Labels
from netdissect.types import UNLABELLED, Concept, NetdissectError


@runtime_checkable
class ConceptDataset(Protocol):
    """Images whose pixels are labelled with concepts.

    ``concepts`` ascend by number and list every number that ``labels`` may return. All label maps have ``label_shape``
    (sh, sw); an image may have any size, and is squashed, never cropped, to the network's.

    Several threads call ``image`` and ``labels`` at once, unless a dissection has no ``workers``: a file handle or a
    buffer may not be shared between calls.
    """

    @property
    def name(self) -> str: ...

    @property
    def concepts(self) -> tuple[Concept, ...]: ...

    @property
    def label_shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def image(self, index: int) -> Image.Image:
        """The image in RGB. Raises ``BadSampleError`` if it cannot be read."""
        ...

    def labels(self, index: int) -> Labels:
        """The concepts of the image. Raises ``BadSampleError`` if they cannot be read."""
        ...

    def image_name(self, index: int) -> str:
        """What a person calls the image: a file name, say. Asked of every image before the first is read."""
        ...

    def fingerprint(self) -> str:
        """A hash of the dataset: another one where images or labels were exchanged."""
        ...


#: Concept numbers are looked up in tables of this length at most.
LARGEST_NUMBER = 2**20


def check_dataset(data: ConceptDataset) -> None:
    """Raises ``NetdissectError`` if ``data`` does not keep to the protocol, as far as can be told without images."""
    if not isinstance(data, ConceptDataset):
        needed = ("name", "concepts", "label_shape", "__len__", "image", "labels", "image_name", "fingerprint")
        missing = [attribute for attribute in needed if not hasattr(data, attribute)]
        raise NetdissectError(f"a {type(data).__name__} is not a concept dataset: it has no {', '.join(missing)}")
    if len(data) == 0:
        raise NetdissectError(f"{data.name}: the dataset has no images")
    numbers = [concept.number for concept in data.concepts]
    if not numbers:
        raise NetdissectError(f"{data.name}: the dataset lists no concepts")
    if numbers != sorted(set(numbers)) or numbers[0] < 1 or numbers[-1] > LARGEST_NUMBER:
        raise NetdissectError(f"{data.name}: concept numbers must ascend, from 1 on, to {LARGEST_NUMBER} at most")


def listed_numbers(concepts: Sequence[Concept]) -> Bool[np.ndarray, " numbers"]:
    """Per number up to the largest whether label maps may hold it: a concept's, or 0 for unlabelled pixels."""
    listed = np.zeros(max(concept.number for concept in concepts) + 1, dtype=bool)
    listed[[UNLABELLED, *(concept.number for concept in concepts)]] = True
    return listed


def unlisted_number(numbers: np.ndarray, listed: Bool[np.ndarray, " numbers"]) -> int | None:
    """The smallest of ``numbers``, integers of any shape, that is not listed; None if all are."""
    if not numbers.size:
        return None
    if numbers.min() >= 0 and numbers.max() < len(listed) and listed[numbers.astype(np.int64, copy=False)].all():
        return None
    inside = (numbers >= 0) & (numbers < len(listed))
    unlisted = numbers[~(inside & listed[np.where(inside, numbers, UNLABELLED).astype(np.int64)])]
    return int(unlisted.min()) if unlisted.size else None


def checked_labels(data: ConceptDataset, index: int, listed: Bool[np.ndarray, " numbers"]) -> Labels:
    """The labels of an image, found to keep to the protocol; somebody's own dataset may not.

    ``listed`` is what ``listed_numbers`` tells of the dataset. Raises ``NetdissectError``, and what ``labels`` raises.
    """
    labels = data.labels(index)
    maps, whole = np.asarray(labels.maps), np.array(labels.whole, dtype=np.int64)
    shape = tuple(data.label_shape)
    where = f"{data.name}: {data.image_name(index)}"
    if maps.ndim != 3 or maps.shape[1:] != shape or not np.issubdtype(maps.dtype, np.integer):
        raise NetdissectError(
            f"{where}: its label maps are {maps.dtype} {maps.shape}, not whole numbers (layers, {shape[0]}, {shape[1]})"
        )
    for numbers in (maps, whole):
        unlisted = unlisted_number(numbers, listed)
        if unlisted is not None:
            raise NetdissectError(f"{where}: label {unlisted} is not among the dataset's concepts")
    return Labels(maps.astype(np.int32, copy=False), tuple(whole.tolist()))


class Subset:
    """Some images of a dataset, in the given order; itself a ``ConceptDataset``."""

    def __init__(self, data: ConceptDataset, indices: Sequence[int]) -> None:
        self._data = data
        self._indices = tuple(indices)

    @property
    def name(self) -> str:
        return self._data.name

    @property
    def concepts(self) -> tuple[Concept, ...]:
        return self._data.concepts

    @property
    def label_shape(self) -> tuple[int, int]:
        return self._data.label_shape

    def __len__(self) -> int:
        return len(self._indices)

    def image(self, index: int) -> Image.Image:
        return self._data.image(self._indices[index])

    def labels(self, index: int) -> Labels:
        return self._data.labels(self._indices[index])

    def image_name(self, index: int) -> str:
        return self._data.image_name(self._indices[index])

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self._data.fingerprint()} {self._indices}".encode()).hexdigest()


def sample(data: ConceptDataset, limit: int, seed: int) -> ConceptDataset:
    """At most ``limit`` images of ``data``, drawn without replacement by ``seed``, in the dataset's order.

    Drawn rather than taken from the front, since the first images of a folder are often frames of one film.
    Raises ``NetdissectError`` if ``limit`` is below 1 or ``seed`` below 0.
    """
    if limit < 1:
        raise NetdissectError(f"a limit of {limit} leaves no images")
    if seed < 0:
        raise NetdissectError(f"a seed is 0 or greater, not {seed}")
    if limit >= len(data):
        return data
    drawn = np.random.default_rng(seed).choice(len(data), size=limit, replace=False)
    return Subset(data, sorted(int(index) for index in drawn))
