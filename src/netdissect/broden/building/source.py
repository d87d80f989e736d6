"""What the builder asks of a labelled dataset, whatever its publishers' format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class Annotation:
    """What a source says of one image.

    ``maps`` has, per category, a label map ``(h, w)``, or a stack of them ``(l, h, w)`` where a pixel may carry several
    labels, dominant first: integers, the source's own label ids, 0 where a pixel carries none. ``h w`` are the label
    map's own pixels; they may differ from the image's in number, not in proportion. ``whole`` has, per category, the
    ids of labels of the whole image, dominant first. A category without labels in this image may be left out.
    """

    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    whole: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@runtime_checkable
class Source(Protocol):
    """A labelled dataset as its publishers distribute it.

    Other processes get a pickled copy: it holds paths and tables, not open files. It pickles alike in every process,
    which tells whether an unfinished build is of the same sources. Making one reads its tables and raises
    ``NetdissectError``; its images and annotations are read one by one.
    """

    @property
    def name(self) -> str:
        """The folder of its images in Broden: letters, digits and ``_``."""
        ...

    def __len__(self) -> int: ...

    def image_path(self, index: int) -> Path: ...

    def label_files(self, index: int) -> tuple[Path, ...]:
        """The files of this image alone that ``annotation`` reads; they may be missing."""
        ...

    def annotation(self, index: int) -> Annotation:
        """Raises ``BadSampleError`` naming the file if it cannot be read."""
        ...

    def names(self, category: str, label: int) -> tuple[str, ...]:
        """What a label may be called, the best name first; empty if it means unlabelled."""
        ...

    def published_name(self, category: str, label: int) -> str:
        """What the publishers call a label, as they write it, for people who look it up."""
        ...
