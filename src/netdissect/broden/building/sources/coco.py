"""COCO's annotations of 2017, or your own in the same format: instances, stuff or panoptic.

``annotations_trainval2017.zip``, ``stuff_annotations_trainval2017.zip`` and ``panoptic_annotations_trainval2017.zip``,
over the images of ``val2017.zip`` and its like, from cocodataset.org (Lin et al., *Microsoft COCO: Common Objects in
Context*, ECCV 2014; Caesar et al., *COCO-Stuff*, CVPR 2018; Kirillov et al., *Panoptic Segmentation*, CVPR 2019).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Int32

from netdissect.broden.building.source import Annotation
from netdissect.broden.building.sources.coco_masks import decode_mask, encode_mask, largest_first
from netdissect.broden.files import read_rgb
from netdissect.concepts.folder import names_no_concept
from netdissect.types import UNLABELLED, BadSampleError, NetdissectError, one_line

#: The category of COCO-Stuff, id and name, for instances of the other annotations.
NOT_STUFF = (183, "other")

#: The largest image in pixels; pycocotools has no room for longer run lengths.
LARGEST_IMAGE = 2**29


class Coco:
    """The images of an annotation file such as ``annotations/instances_val2017.json``; a ``Source``.

    Each category is a label, numbered from 1 in the file's order. Categories named *void* and the like, and the *other*
    of COCO-Stuff, are unlabelled. Smaller instances lie on larger ones. The PNGs of a panoptic file lie in the folder
    of its name beside it. Images without annotations stay.

    An image is looked for in the folder of the split (``val2017``), in ``images/``, each beside ``annotations/`` or
    beside the file, and beside the file itself.

    Raises ``NetdissectError`` if the file cannot be read or lacks a field.
    """

    name = "coco"

    def __init__(self, path: Path, category: str = "object") -> None:
        self.path = path
        self.category = category
        self._folders = _image_folders(path)
        content = _read_json(path)
        labels, self._names = _read_categories(content, path)
        self._published = ("", *(entry["name"] for entry in content["categories"]))
        images = _read_images(content, path)
        self._files = tuple(file for file, _ in images.values())
        shapes = {number: shape for number, (_, shape) in images.items()}
        panoptic = any(
            isinstance(entry, dict) and "segments_info" in entry for _, entry in _entries(content, "annotations", path)
        )
        read = _read_panoptic if panoptic else _read_masks
        drawings = read(content, path, shapes, labels)
        self._drawings = tuple(drawings.get(number) or _Masks(shape, []) for number, shape in shapes.items())

    def __len__(self) -> int:
        return len(self._files)

    def image_path(self, index: int) -> Path:
        paths = [folder / self._files[index] for folder in self._folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def label_files(self, index: int) -> tuple[Path, ...]:
        drawing = self._drawings[index]
        return (drawing.png,) if isinstance(drawing, _Panoptic) else ()

    def annotation(self, index: int) -> Annotation:
        try:
            return Annotation({self.category: self._drawings[index].label_map()})
        except ValueError as error:
            raise BadSampleError(f"{self.path}: {self._files[index]}: {one_line(error)}") from error

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return self._names[label]

    def published_name(self, category: str, label: int) -> str:
        return self._published[label]


@dataclass
class _Masks:
    """The masks of an image, each a label and compressed run lengths, in the order in which they are painted."""

    shape: tuple[int, int]
    masks: list[tuple[int, bytes]]
    wrong: str = ""  # the first error of a mask

    def label_map(self) -> Int32[np.ndarray, "h w"]:
        """Paint the masks. Raises ``ValueError`` if a mask makes no sense."""
        if self.wrong:
            raise ValueError(self.wrong)
        labels = np.full(self.shape, UNLABELLED, dtype=np.int32)
        for label, runs in self.masks:
            labels[decode_mask(runs, self.shape)] = label
        return labels


@dataclass
class _Panoptic:
    """The PNG of an image, with the label of each segment's id."""

    shape: tuple[int, int]
    png: Path
    labels: dict[int, int]

    def label_map(self) -> Int32[np.ndarray, "h w"]:
        """Read the PNG. Raises ``BadSampleError`` if it cannot be read, or disagrees with its image or segments."""
        pixels = read_rgb(self.png).astype(np.int32)
        if pixels.shape[:2] != self.shape:
            raise BadSampleError(f"{self.png}: the label map is {pixels.shape[:2]}, its image (h, w) = {self.shape}")
        ids, positions = np.unique(pixels @ np.array([1, 256, 65536], dtype=np.int32), return_inverse=True)
        unlisted = [int(number) for number in ids if int(number) not in self.labels]
        if unlisted:
            raise BadSampleError(f"{self.png}: segment {unlisted[0]} is not in segments_info")
        return np.array([self.labels[int(number)] for number in ids], dtype=np.int32)[positions].reshape(self.shape)


def _image_folders(path: Path) -> list[Path]:
    folder = path.absolute().parent
    roots = [folder.parent, folder] if folder.name == "annotations" else [folder]
    split = path.stem.rsplit("_", 1)[-1]
    return [*(root / split for root in roots), *(root / "images" for root in roots), folder]


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error


def _entries(content: Any, table: str, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the entries of a list of the file, each after its path and index, for errors."""
    for index, entry in enumerate(_field(content, table, list, str(path))):
        yield f"{path}: {table}[{index}]", entry


def _field(entry: Any, key: str, kind: type | tuple[type, ...], where: str) -> Any:
    value = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(value, kind):
        raise NetdissectError(f"{where}: no {key}, or not one as COCO's annotations have it")
    return value


def _file_name(entry: Any, where: str) -> str:
    file = PurePosixPath(_field(entry, "file_name", str, where))
    if file.is_absolute() or ".." in file.parts or not file.name:
        raise NetdissectError(f"{where}: file_name {str(file)!r} does not lie in a folder of images")
    return str(file)


def _read_categories(content: Any, path: Path) -> tuple[dict[int, int], dict[int, tuple[str, ...]]]:
    """Read the label of each category id, and the names of each label."""
    labels: dict[int, int] = {}
    names: dict[int, tuple[str, ...]] = {UNLABELLED: ()}
    for label, (where, entry) in enumerate(_entries(content, "categories", path), 1):
        number, name = _field(entry, "id", int, where), _field(entry, "name", str, where)
        if number in labels:
            raise NetdissectError(f"{where}: the id {number} is taken")
        nothing = names_no_concept(name) or (number, name) == NOT_STUFF
        labels[number] = UNLABELLED if nothing else label
        names[label] = () if nothing else (name,)
    return labels, names


def _read_images(content: Any, path: Path) -> dict[int | str, tuple[str, tuple[int, int]]]:
    """Read the file name and the size (h, w) of each image id."""
    images: dict[int | str, tuple[str, tuple[int, int]]] = {}
    for where, entry in _entries(content, "images", path):
        number = _field(entry, "id", (int, str), where)
        height, width = _field(entry, "height", int, where), _field(entry, "width", int, where)
        if number in images or min(height, width) < 1 or height * width >= LARGEST_IMAGE:
            raise NetdissectError(f"{where}: the id {number} is taken, or {width}x{height} is no size of an image")
        images[number] = _file_name(entry, where), (height, width)
    if not images:
        raise NetdissectError(f"{path}: lists no images")
    return images


def _listed(entry: Any, key: str, table: Mapping[Any, Any], what: str, where: str) -> Any:
    """Read the id under ``key``. Raises ``NetdissectError`` if ``table`` lacks it."""
    number = _field(entry, key, (int, str), where)
    if number not in table:
        raise NetdissectError(f"{where}: {key} {number} is not in {what}")
    return number


def _read_panoptic(
    content: Any, path: Path, shapes: Mapping[Any, tuple[int, int]], labels: Mapping[int, int]
) -> dict[Any, _Panoptic]:
    """Read the PNG and the segments of each image id."""
    drawings: dict[Any, _Panoptic] = {}
    for where, entry in _entries(content, "annotations", path):
        image = _listed(entry, "image_id", shapes, "images", where)
        if image in drawings:
            raise NetdissectError(f"{where}: image_id {image} is annotated twice")
        segments = {
            _field(segment, "id", int, where): labels[_listed(segment, "category_id", labels, "categories", where)]
            for segment in _field(entry, "segments_info", list, where)
        }
        png = path.with_suffix("") / _file_name(entry, where)
        drawings[image] = _Panoptic(shapes[image], png, {**segments, UNLABELLED: UNLABELLED})
    return drawings


def _read_masks(
    content: Any, path: Path, shapes: Mapping[Any, tuple[int, int]], labels: Mapping[int, int]
) -> dict[Any, _Masks]:
    """Read the masks of each image id. Compressed run lengths take far less memory than the file."""
    drawings: dict[Any, _Masks] = {}
    for where, entry in _entries(content, "annotations", path):
        image = _listed(entry, "image_id", shapes, "images", where)
        label = labels[_listed(entry, "category_id", labels, "categories", where)]
        segmentation = _field(entry, "segmentation", (list, dict), where)
        drawing = drawings.setdefault(image, _Masks(shapes[image], []))
        try:
            drawing.masks.append((label, encode_mask(segmentation, drawing.shape)))
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            drawing.wrong = drawing.wrong or f"a segmentation of category {entry['category_id']}: {one_line(error)}"
    for drawing in drawings.values():
        if not drawing.wrong:
            drawing.masks = largest_first(drawing.masks, drawing.shape)
    return drawings
