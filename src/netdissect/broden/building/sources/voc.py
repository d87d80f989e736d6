"""The segmentations of PASCAL VOC, 2007 to 2012, or your own in the same format.

``VOCtrainval_11-May-2012.tar`` and its like, from host.robots.ox.ac.uk/pascal/VOC (Everingham et al., *The PASCAL
Visual Object Classes Challenge: A Retrospective*, IJCV 2015).
"""

from pathlib import Path

import numpy as np

from netdissect.broden.building.source import Annotation
from netdissect.concepts.files import read_indices
from netdissect.types import UNLABELLED, BadSampleError, NetdissectError

#: Classes by index from 1 on; 0 is the background. The first has its name of other datasets, not ``aeroplane``.
CLASSES = [
    "airplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]

#: The index of the rims of objects, and of things too hard to recognize.
VOID = 255

LABELS = "SegmentationClass"


class Voc:
    """The images that have a segmentation, a ``Source``; a label is the class index, 0 or 255 is unlabelled.

    ``root`` holds ``JPEGImages/`` and ``SegmentationClass/``, or one folder with both, such as ``VOC2012`` or
    ``VOCdevkit/VOC2012``.

    Raises ``NetdissectError`` if there are no segmentations, or several such folders.
    """

    name = "voc"

    def __init__(self, root: Path, category: str = "object") -> None:
        self.root = _find_release(root)
        self.category = category
        folder = self.root / LABELS
        self._stems = tuple(sorted(path.stem for path in folder.glob("*.png") if not path.name.startswith(".")))
        if not self._stems:
            raise NetdissectError(f"{folder}: no .png files")

    def __len__(self) -> int:
        return len(self._stems)

    def image_path(self, index: int) -> Path:
        return self.root / "JPEGImages" / f"{self._stems[index]}.jpg"

    def label_files(self, index: int) -> tuple[Path, ...]:
        return (self.root / LABELS / f"{self._stems[index]}.png",)

    def annotation(self, index: int) -> Annotation:
        (path,) = self.label_files(index)
        labels = read_indices(path)
        labels = np.where(labels == VOID, UNLABELLED, labels)
        if labels.min() < UNLABELLED or labels.max() > len(CLASSES):
            wrong = labels.min() if labels.min() < UNLABELLED else labels.max()
            raise BadSampleError(f"{path}: class index {wrong} is none of VOC's, 0 to {len(CLASSES)} and {VOID}")
        return Annotation({self.category: labels})

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return () if label == UNLABELLED else (CLASSES[label - 1],)

    def published_name(self, category: str, label: int) -> str:
        return "aeroplane" if label == 1 else "".join(self.names(category, label))


def _find_release(root: Path) -> Path:
    folders = [root, *sorted(root.glob("VOC*")), *sorted(root.glob("VOCdevkit/VOC*"))]
    found = [folder for folder in folders if (folder / LABELS).is_dir()]
    if not found:
        raise NetdissectError(f"{root}: no {LABELS}/, neither here nor in VOC*/ or VOCdevkit/VOC*/")
    if found[0] != root and len(found) > 1:
        names = ", ".join(folder.relative_to(root).as_posix() for folder in found)
        raise NetdissectError(f"{root}: several folders with {LABELS}/: {names}; give one of them")
    return found[0]
