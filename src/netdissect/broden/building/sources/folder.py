"""Your own images and masks: ``images/``, ``labels/`` and ``classes.csv``, the format of ``FolderDataset``."""

from pathlib import Path

import numpy as np

from netdissect.broden.building.category import check_category
from netdissect.broden.building.source import Annotation
from netdissect.concepts.folder import FolderDataset
from netdissect.types import UNLABELLED, BadSampleError, NetdissectError


class Folder:
    """The folder ``root``, a ``Source``: a label map per category of its classes, in ``FolderDataset``'s numbers.

    Classes without a category in ``classes.csv`` have ``category``. An image without a label map of the same stem is a
    bad sample, and so is a label map without an image.

    Raises ``NetdissectError`` as ``FolderDataset`` does, and for a category that Broden cannot have.
    """

    name = "folder"

    def __init__(self, root: Path, category: str = "object") -> None:
        self._data = FolderDataset(root, category=category, skip_bad=True)
        self._names: dict[int, tuple[str, ...]] = {UNLABELLED: ()}
        self._numbers: dict[str, np.ndarray] = {}  # per category: a concept's number at its own index, else 0
        for concept in self._data.concepts:
            checked = check_category(concept.category, str(self._data.classes))
            none = np.zeros(self._data.concepts[-1].number + 1, dtype=np.int32)
            self._numbers.setdefault(checked, none)[concept.number] = concept.number
            self._names[concept.number] = (concept.name,)

    def __len__(self) -> int:
        return len(self._data)

    def image_path(self, index: int) -> Path:
        return self._data.image_path(index)

    def label_files(self, index: int) -> tuple[Path, ...]:
        return (self._data.label_path(index),)

    def annotation(self, index: int) -> Annotation:
        try:
            label_map = self._data.label_map(index)
        except BadSampleError:
            raise
        except NetdissectError as error:  # a class that the table does not list: only this image is bad
            raise BadSampleError(str(error)) from error
        return Annotation({category: numbers[label_map] for category, numbers in self._numbers.items()})

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return self._names[label]

    def published_name(self, category: str, label: int) -> str:
        return "".join(self._names[label])
