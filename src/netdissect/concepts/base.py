"""The protocol of a concept dataset, checks of it, and samples."""

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

    Several threads call ``image`` and ``labels`` at once, unless a dissection has no ``workers``: two calls may not
    share a file handle or a buffer.
    """

    @property
    def name(self) -> str: ...

    @property
    def concepts(self) -> tuple[Concept, ...]: ...

    @property
    def label_shape(self) -> tuple[int, int]: ...

    def __len__(self) -> int: ...

    def image(self, index: int) -> Image.Image:
        """Return the image in RGB. Raises ``BadSampleError`` if it cannot be read."""
        ...

    def labels(self, index: int) -> Labels:
        """Return the concepts of the image. Raises ``BadSampleError`` if they cannot be read."""
        ...

    def image_name(self, index: int) -> str:
        """Return a name for people, such as a file name. It is asked of every image before the first is read."""
        ...

    def fingerprint(self) -> str:
        """Return a hash of the dataset, which changes when images or labels are exchanged."""
        ...


#: The largest concept number: tables of this length are indexed by it.
LARGEST_NUMBER = 2**20


def check_dataset(data: ConceptDataset) -> None:
    """Raise ``NetdissectError`` if ``data`` breaks the protocol; no image or label is read.

    >>> from netdissect.concepts import Scenes
    >>> check_dataset(Scenes(count=1))
    """
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
    """Return whether label maps may hold each number up to the largest: a concept's, or 0 for unlabelled pixels.

    >>> listed_numbers([Concept(1, "sky", "object"), Concept(3, "road", "object")]).tolist()
    [True, True, False, True]
    """
    listed = np.zeros(max(concept.number for concept in concepts) + 1, dtype=bool)
    listed[[UNLABELLED, *(concept.number for concept in concepts)]] = True
    return listed


def unlisted_number(numbers: np.ndarray, listed: Bool[np.ndarray, " numbers"]) -> int | None:
    """Return the smallest of ``numbers``, integers of any shape, that is not listed; None if all are.

    >>> unlisted_number(np.array([[0, 2], [1, 7]]), np.array([True, True, False]))
    2
    """
    if not numbers.size:
        return None
    if numbers.min() >= 0 and numbers.max() < len(listed) and listed[numbers.astype(np.int64, copy=False)].all():
        return None
    inside = (numbers >= 0) & (numbers < len(listed))
    unlisted = numbers[~(inside & listed[np.where(inside, numbers, UNLABELLED).astype(np.int64)])]
    return int(unlisted.min()) if unlisted.size else None


def checked_labels(data: ConceptDataset, index: int, listed: Bool[np.ndarray, " numbers"]) -> Labels:
    """Return the labels of an image, checked: a dataset of the user's may break the protocol.

    ``listed`` comes from ``listed_numbers``. Raises ``NetdissectError``, and all that ``labels`` raises.
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
    """Some images of a dataset, in the given order; itself a ``ConceptDataset``.

    >>> from netdissect.concepts import Scenes
    >>> scenes = Scenes(count=9, size=(32, 32))
    >>> Subset(scenes, [7, 2]).image_name(0) == scenes.image_name(7)
    True
    """

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
    """Draw at most ``limit`` images of ``data`` by ``seed``, without replacement, in the dataset's order.

    The first images would not do: in a folder they are often frames of one film. Raises ``NetdissectError`` if
    ``limit`` is below 1 or ``seed`` below 0.

    >>> from netdissect.concepts import Scenes
    >>> len(sample(Scenes(count=9, size=(32, 32)), limit=4, seed=0))
    4
    """
    if limit < 1:
        raise NetdissectError(f"a limit of {limit} leaves no images")
    if seed < 0:
        raise NetdissectError(f"a seed is 0 or greater, not {seed}")
    if limit >= len(data):
        return data
    drawn = np.random.default_rng(seed).choice(len(data), size=limit, replace=False)
    return Subset(data, sorted(int(index) for index in drawn))
