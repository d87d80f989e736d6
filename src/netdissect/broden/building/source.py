"""The protocol of a source: a labelled dataset in its publishers' format, as the builder reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class Annotation:
    """The labels of one image, in the source's own label ids (integers).

    ``maps`` has a label map ``(h, w)`` per category, 0 for unlabelled pixels. If a pixel may carry several labels, it
    has a stack ``(l, h, w)``, dominant labels first. A label map may differ from its image in size, not in proportions.
    ``whole`` has the labels of the whole image per category, dominant first. A category without labels in this image
    may be left out.
    """

    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    whole: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@runtime_checkable
class Source(Protocol):
    """A labelled dataset as its publishers distribute it.

    Other processes get a pickled copy: it holds paths and tables, not open files. It pickles to the same bytes in every
    process, by which an unfinished build recognizes its sources. Its constructor reads tables and raises
    ``NetdissectError``; images and annotations are read one by one.
    """

    @property
    def name(self) -> str:
        """Return the folder of its images in Broden: letters, digits and ``_``."""
        ...

    def __len__(self) -> int: ...

    def image_path(self, index: int) -> Path: ...

    def label_files(self, index: int) -> tuple[Path, ...]:
        """Return the files of this image alone that ``annotation`` reads; they may be missing."""
        ...

    def annotation(self, index: int) -> Annotation:
        """Read the labels of an image. Raises ``BadSampleError``, which names the file."""
        ...

    def names(self, category: str, label: int) -> tuple[str, ...]:
        """Return the possible names of a label, the best first; none if it means unlabelled."""
        ...

    def published_name(self, category: str, label: int) -> str:
        """Return the publishers' name of a label, in their spelling, for people who look it up."""
        ...
