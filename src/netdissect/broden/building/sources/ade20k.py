"""ADE20K of MIT CSAIL: objects, their parts in layers, and scenes.

The full release of 2016-07-26 (``ADE20K_2016_07_26.zip``, 22,210 images) is read, not the smaller release of the scene
parsing challenge. It comes from groups.csail.mit.edu/vision/datasets/ADE20K (Zhou et al., *Scene Parsing through
ADE20K Dataset*, CVPR 2017).
"""

from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Int32

from netdissect.broden.building.mat import read_mat, text_of
from netdissect.broden.building.source import Annotation
from netdissect.broden.files import read_rgb
from netdissect.types import UNLABELLED, BadSampleError, NetdissectError

RELEASE = "ADE20K_2016_07_26"
TABLE = "index_ade20k.mat"


class Ade20k:
    """The release in the folder ``root``, or in its folder ``ADE20K_2016_07_26``; a ``Source``.

    Objects have one label map, parts a stack of label maps: parts of a part lie in a deeper layer. Objects and parts
    share the numbers of the index's table of classes. Scenes are numbered from 1 by name.

    Raises ``NetdissectError`` if the index is missing, cannot be read, or lists no images.
    """

    name = "ade20k"

    def __init__(self, root: Path) -> None:
        self.root = _find_release(root)
        index = _read_index(self.root / TABLE)
        self._images = tuple(map(_image_below, index["folder"], index["filename"]))
        classes = tuple(_split_synonyms(entry) for entry in index["objectnames"])
        self._class_count = len(classes)
        scenes = sorted(set(filter(_is_labelled, index["scene"])))
        numbers = {scene: number for number, scene in enumerate(scenes, 1)}
        self._scenes = tuple(numbers.get(scene, UNLABELLED) for scene in index["scene"])
        self._names: dict[str, tuple[tuple[str, ...], ...]] = {
            "object": ((), *classes),
            "part": ((), *classes),
            "scene": ((), *((_scene_name(scene),) for scene in scenes)),
        }
        entries = ("", *index["objectnames"])
        self._published = {"object": entries, "part": entries, "scene": ("", *scenes)}

    def __len__(self) -> int:
        return len(self._images)

    def image_path(self, index: int) -> Path:
        return self.root / self._images[index]

    def label_files(self, index: int) -> tuple[Path, ...]:
        image = self.image_path(index)
        files = [image.with_name(f"{image.stem}_seg.png")]
        while (path := image.with_name(f"{image.stem}_parts_{len(files)}.png")).exists():
            files.append(path)
        return tuple(files)

    def annotation(self, index: int) -> Annotation:
        object_file, *part_files = self.label_files(index)
        objects = self._read_classes(object_file)
        maps: dict[str, np.ndarray] = {"object": objects}
        layers: list[np.ndarray] = []
        for path in part_files:
            layers.append(self._read_classes(path))
            if layers[-1].shape != objects.shape:
                raise BadSampleError(f"{path}: the parts are {layers[-1].shape}, the objects {objects.shape}")
        if layers:
            maps["part"] = np.stack(layers)
        scene = self._scenes[index]
        return Annotation(maps, {} if scene == UNLABELLED else {"scene": (scene,)})

    def names(self, category: str, label: int) -> tuple[str, ...]:
        return self._names[category][label]

    def published_name(self, category: str, label: int) -> str:
        return self._published[category][label]

    def _read_classes(self, path: Path) -> Int32[np.ndarray, "h w"]:
        """Read the class of each pixel from red and green; blue numbers instances."""
        pixels = read_rgb(path)
        classes = pixels[:, :, 0].astype(np.int32) // 10 * 256 + pixels[:, :, 1]
        highest = int(classes.max(initial=UNLABELLED))
        if highest > self._class_count:
            raise BadSampleError(f"{path}: class {highest} is not among the {self._class_count} of {TABLE}")
        return classes


def _find_release(root: Path) -> Path:
    for folder in (root / RELEASE, root):
        if (folder / TABLE).is_file():
            return folder
    raise NetdissectError(f"{root}: no {TABLE}, neither here nor in {RELEASE}/ (the full release of 2016-07-26)")


def _read_index(path: Path) -> dict[str, list[str]]:
    """Read the needed fields of the index as lists of texts: one per image, or per class for ``objectnames``."""
    try:
        found = read_mat(path, "index")
    except BadSampleError as error:
        raise NetdissectError(str(error)) from error  # all images need it
    needed = ("filename", "folder", "scene", "objectnames")
    missing = [field for field in needed if field not in (found.dtype.names or ())]
    if missing or found.size != 1:
        raise NetdissectError(f"{path}: index is not one struct with {', '.join(missing or needed)}")
    struct = found.ravel()[0]
    index = {field: [_read_text(cell, path, field) for cell in struct[field].ravel()] for field in needed}
    counts = {field: len(index[field]) for field in ("filename", "folder", "scene")}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} of {field}" for field, count in counts.items())
        raise NetdissectError(f"{path}: the index has not as many entries in each field: {said}")
    if not index["filename"] or not index["objectnames"]:
        raise NetdissectError(f"{path}: the index lists no {'classes' if index['filename'] else 'images'}")
    return index


def _read_text(cell: np.ndarray | np.str_, path: Path, field: str) -> str:
    """Read the text of a cell. For texts of equal lengths, some tools store an array of texts without cells."""
    value = np.asarray(cell)
    if value.size > 1 or (value.size and value.dtype.kind != "U"):
        raise NetdissectError(f"{path}: {field} of the index holds an entry that is not a text")
    return text_of(value).strip()


def _image_below(folder: str, file: str) -> str:
    """Return the path of an image below the release, without the release's own folder, which may be renamed."""
    below = PurePosixPath(*PurePosixPath(folder).parts[1:], file)
    if below.is_absolute() or ".." in below.parts:
        raise NetdissectError(f"{TABLE}: {folder}/{file} does not lie in {RELEASE}")
    return below.as_posix()


def _split_synonyms(entry: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.strip() for name in entry.split(","))))


def _is_labelled(scene: str) -> bool:
    return bool(scene) and not scene.startswith("~")  # such as "~not labeled"


def _scene_name(scene: str) -> str:
    return scene.replace("/", "-").replace(" - ", "-").lower() + "-s"
