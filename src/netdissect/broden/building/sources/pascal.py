"""PASCAL VOC 2010 with the objects of Pascal-Context and the parts of Pascal-Part.

Images: PASCAL VOC 2010, ``VOCtrainval_03-May-2010.tar``, from host.robots.ox.ac.uk/pascal/VOC/voc2010. Objects:
Pascal-Context, ``trainval``, 459 labels (Mottaghi et al., *The Role of Context for Object Detection and Semantic
Segmentation in the Wild*, CVPR 2014), from cs.stanford.edu/~roozbeh/pascal-context. Parts: Pascal-Part, ``trainval``
(Chen et al., *Detect What You Can*, CVPR 2014), from roozbehm.info/pascal-parts. All 10,103 images have both.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int32, Int64

from netdissect.broden.building.mat import read_mat, text_of
from netdissect.broden.building.source import Annotation
from netdissect.broden.building.sources.part2ind import read_part_names
from netdissect.broden.files import read_lines
from netdissect.concepts.base import LARGEST_NUMBER, unlisted_number
from netdissect.concepts.files import read_number
from netdissect.types import UNLABELLED, BadSampleError, NetdissectError

IMAGES = "VOC2010/JPEGImages"
PARTS = "part/Annotations_Part"
PART_NAMES = "part/part2ind.m"
CONTEXT = "context/trainval"
CONTEXT_NAMES = "context/labels.txt"

#: Words for the position of a part.
POSITIONS = frozenset(("left", "right", "front", "back", "upper", "lower", "side"))


class Pascal:
    """Pascal-Context (the layer ``context``), Pascal-Part (``part``) or both, below ``root``; a ``Source``.

    ``root`` holds ``VOC2010/JPEGImages/<id>.jpg``, ``part/Annotations_Part/<id>.mat``, ``part/part2ind.m``,
    ``context/labels.txt`` and ``context/trainval/<id>.mat``. The images are those with parts if these are read.

    Objects have one label map, with the numbers of ``labels.txt``. Parts have one, too: later parts lie over earlier
    ones. A part label is an object class's part without its position (*left wing* is *wing*), numbered from 1 as in
    ``part2ind.m``. A part that is nothing but a position (*front side*) is unlabelled.

    Raises ``NetdissectError`` if a folder or a table is missing or a table cannot be read.
    """

    name = "pascal"

    def __init__(self, root: Path, layers: Sequence[str] = ("context", "part")) -> None:
        context, part = (layer in layers for layer in ("context", "part"))
        if not (context or part):
            raise NetdissectError("Pascal has no labels without both context and part")
        self.root = root
        _check_layout(root, context, part)
        folder = root / (PARTS if part else CONTEXT)
        self._stems = tuple(sorted(path.stem for path in folder.glob("*.mat") if not path.name.startswith(".")))
        if not self._stems:
            raise NetdissectError(f"{folder}: no .mat files")
        self._context, self._part = context, part
        self._names: dict[str, dict[int, tuple[str, ...]]] = {}
        self._published: dict[str, dict[int, str]] = {}
        if context:
            self._published["object"] = _read_labels(root / CONTEXT_NAMES)
            self._names["object"] = {label: _object_names(name) for label, name in self._published["object"].items()}
            self._listed = np.zeros(max(self._names["object"]) + 1, dtype=bool)
            self._listed[list(self._names["object"])] = True
        if part:
            parts = read_part_names(root / PART_NAMES)
            self._parts, self._names["part"] = _number_parts(parts)
            self._published["part"] = _published_parts(parts, self._parts)

    def __len__(self) -> int:
        return len(self._stems)

    def image_path(self, index: int) -> Path:
        return self.root / IMAGES / f"{self._stems[index]}.jpg"

    def label_files(self, index: int) -> tuple[Path, ...]:
        folders = [*([CONTEXT] if self._context else []), *([PARTS] if self._part else [])]
        return tuple(self.root / folder / f"{self._stems[index]}.mat" for folder in folders)

    def annotation(self, index: int) -> Annotation:
        file = f"{self._stems[index]}.mat"
        maps: dict[str, np.ndarray] = {}
        if self._context:
            maps["object"] = self._read_objects(self.root / CONTEXT / file)
        if self._part:
            parts = self._read_parts(self.root / PARTS / file)
            if parts is not None:
                maps["part"] = parts
        return Annotation(maps)

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return self._names[category][label]

    def published_name(self, category: str, label: int) -> str:
        return self._published[category][label]

    def _read_objects(self, path: Path) -> Int32[np.ndarray, "h w"]:
        labels = _whole_numbers(read_mat(path, "LabelMap"), path, "LabelMap")
        if labels.ndim != 2 or not labels.size:
            raise BadSampleError(f"{path}: LabelMap has the shape {labels.shape}, not that of an image")
        unlisted = unlisted_number(labels, self._listed)
        if unlisted is not None:
            raise BadSampleError(f"{path}: label {unlisted} is not in {CONTEXT_NAMES}")
        return labels.astype(np.int32)

    def _read_parts(self, path: Path) -> Int32[np.ndarray, "h w"] | None:
        """Read the labels of parts; None if the image has no parts."""
        annotation = _structs(read_mat(path, "anno"), ("objects",), path, "anno")
        if len(annotation) != 1:
            raise BadSampleError(f"{path}: anno is {len(annotation)} structs, not one")
        painted: list[tuple[int, np.ndarray]] = []
        shapes: set[tuple[int, ...]] = set()
        for thing in _structs(annotation[0]["objects"], ("class_ind", "mask", "parts"), path, "objects"):
            shapes.add(_mask(thing["mask"], path).shape)
            for part in _structs(thing["parts"], ("part_name", "mask"), path, "parts"):
                mask = _mask(part["mask"], path)
                shapes.add(mask.shape)
                painted.append((self._part_label(thing["class_ind"], text_of(part["part_name"]), path), mask))
        if len(shapes) > 1:
            raise BadSampleError(f"{path}: masks of several sizes (h, w): {', '.join(map(str, sorted(shapes)))}")
        if not painted:
            return None
        labels = np.full(shapes.pop(), UNLABELLED, dtype=np.int32)
        for label, mask in painted:
            labels[mask] = label
        return labels

    def _part_label(self, class_number: np.ndarray, key: str, path: Path) -> int:
        number = _whole_numbers(class_number, path, "class_ind")
        if number.size != 1:
            raise BadSampleError(f"{path}: class_ind is {number.size} numbers, not one")
        if (number.item(), key) not in self._parts:
            raise BadSampleError(f"{path}: part {key!r} of object class {number.item()} is not in {PART_NAMES}")
        return self._parts[number.item(), key]


def _check_layout(root: Path, context: bool, part: bool) -> None:
    needed = [IMAGES, *((PARTS, PART_NAMES) if part else ()), *((CONTEXT, CONTEXT_NAMES) if context else ())]
    missing = [path for path in needed if not (root / path).exists()]
    if missing:
        raise NetdissectError(f"{root}: no {', '.join(missing)} (Pascal is read from {', '.join(needed)})")


def _read_labels(path: Path) -> dict[int, str]:
    """Read the name of each number of Pascal-Context's classes, with 0 for unlabelled pixels."""
    names = {UNLABELLED: ""}
    for line in filter(str.strip, read_lines(path)):
        number, _, name = (part.strip() for part in line.partition(":"))
        label = read_number(number, path, "label")
        if not name or label in names or not 0 < label <= LARGEST_NUMBER:
            raise NetdissectError(f"{path}: {line.strip()!r} has no name, or a number that is taken or out of range")
        names[label] = name
    if len(names) == 1:
        raise NetdissectError(f"{path}: lists no labels")
    return names


def _object_names(name: str) -> tuple[str, ...]:
    """Return the names of an object class: airplane as in other datasets, none for unlabelled."""
    return () if name in ("", "unknown") else ("airplane" if name == "aeroplane" else name,)


def _number_parts(
    parts: Mapping[tuple[int, str], tuple[str, str]],
) -> tuple[dict[tuple[int, str], int], dict[int, tuple[str, ...]]]:
    """Return the label of each object class number and part key, and the names of each label."""
    labels: dict[tuple[str, str], int] = {}
    label_of = {}
    for key, (thing, part) in parts.items():
        name = " ".join(word for word in part.split() if word.lower() not in POSITIONS)
        label_of[key] = labels.setdefault((thing, name), len(labels) + 1) if name else UNLABELLED
    return label_of, {UNLABELLED: (), **{label: (name,) for (_, name), label in labels.items()}}


def _published_parts(
    parts: Mapping[tuple[int, str], tuple[str, str]], label_of: Mapping[tuple[int, str], int]
) -> dict[int, str]:
    """Return the object class of each label, with the parts that it stands for."""
    found: dict[int, list[str]] = {}
    for key, (thing, part) in parts.items():
        listed = found.setdefault(label_of[key], [f"{thing}:"])
        if part not in listed:
            listed.append(part)
    return {label: f"{listed[0]} {', '.join(listed[1:])}" for label, listed in found.items()}


def _structs(value: np.ndarray, fields: tuple[str, ...], path: Path, what: str) -> list[np.void]:
    """Return the structs of an array, which may be empty. Raises ``BadSampleError`` if they lack a field."""
    if not value.size:
        return []  # MATLAB's [], which has no fields
    missing = [field for field in fields if field not in (value.dtype.names or ())]
    if missing:
        raise BadSampleError(f"{path}: {what} has no field {', '.join(missing)}")
    return list(value.ravel())


def _mask(value: np.ndarray, path: Path) -> Bool[np.ndarray, "h w"]:
    if value.ndim != 2 or not value.size or value.dtype.kind not in "buif":
        raise BadSampleError(f"{path}: a mask of the shape {value.shape} is not that of an image")
    return value != 0


def _whole_numbers(values: np.ndarray, path: Path, what: str) -> Int64[np.ndarray, "..."]:
    """Convert numbers, which MATLAB keeps in any type, to integers."""
    if values.dtype.kind not in "buif":
        raise BadSampleError(f"{path}: {what} is not numbers")
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise BadSampleError(f"{path}: {what} holds a number that is not whole")
    return whole
