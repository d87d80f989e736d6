"""OpenSurfaces, release 0: the materials of surfaces in photos.

It comes from opensurfaces.cs.cornell.edu (Bell et al., *OpenSurfaces: A Richly Annotated Catalog of Surface
Appearance*, SIGGRAPH 2013), and is read as its own ``process_opensurfaces_release_0.py`` writes it: photos, and a PNG
per photo whose red is the substance. Its green, the object, and its blue, the scene, are not used.
"""

from pathlib import Path

import numpy as np

from netdissect.broden.building.source import Annotation
from netdissect.broden.files import read_rgb
from netdissect.concepts.base import unlisted_number
from netdissect.concepts.files import read_number, read_table
from netdissect.types import UNLABELLED, BadSampleError, NetdissectError

PHOTOS = "photos.csv"
SUBSTANCES = "label-substance-colors.csv"


class OpenSurfaces:
    """The release in the folder ``root``, with ``photos/``, ``photos-labels/`` and their tables; a ``Source``.

    Materials have one label map, 1,024 pixels high for any photo. A label is a substance's red; 0 is unlabelled. Photos
    without any label stay.

    Raises ``NetdissectError`` if a table is missing or makes no sense.
    """

    name = "opensurfaces"

    def __init__(self, root: Path) -> None:
        self.root = root
        self._photos = _read_photos(root / PHOTOS)
        self._substances = _read_substances(root / SUBSTANCES)
        self._listed = np.zeros(256, dtype=bool)
        self._listed[list(self._substances)] = True

    def __len__(self) -> int:
        return len(self._photos)

    def image_path(self, index: int) -> Path:
        return self.root / "photos" / f"{self._photos[index]}.jpg"

    def label_files(self, index: int) -> tuple[Path, ...]:
        return (self.root / "photos-labels" / f"{self._photos[index]}.png",)

    def annotation(self, index: int) -> Annotation:
        (path,) = self.label_files(index)
        red = read_rgb(path)[:, :, 0].astype(np.int32)
        unlisted = unlisted_number(red, self._listed)
        if unlisted is not None:
            raise BadSampleError(f"{path}: red {unlisted} is not in {SUBSTANCES}")
        return Annotation({"material": red})

    def names(self, category: str, label: int) -> tuple[str, ...]:
        """Return names in Broden's spelling: *Plastic - clear* is *plastic-clear*."""
        names = (name.strip().lower().replace(" - ", "-") for name in self._substances[label].split("/"))
        return tuple(filter(None, names))

    def published_name(self, category: str, label: int) -> str:
        return self._substances[label]


def _read_photos(path: Path) -> tuple[str, ...]:
    photos = [row["photo_id"] for row in read_table(path, ["photo_id"])]
    seen: set[str] = set()
    for photo in photos:
        if not photo.isdecimal() or photo in seen:  # it becomes the name of a file
            raise NetdissectError(f"{path}: photo_id {photo!r} is not a whole number or is listed twice")
        seen.add(photo)
    if not photos:
        raise NetdissectError(f"{path}: lists no photos")
    return tuple(photos)


def _read_substances(path: Path) -> dict[int, str]:
    """Read the name of each red, possibly two (``Fabric/cloth``); unlabelled pixels have an empty name."""
    names = {UNLABELLED: ""}
    for row in read_table(path, ["substance_name", "red_color"]):
        red = read_number(row["red_color"], path, "red_color")
        if red in names or not 0 < red < 256:
            raise NetdissectError(f"{path}: red_color {red} is listed twice or is not within 1 and 255")
        names[red] = row["substance_name"]
    if len(names) == 1:
        raise NetdissectError(f"{path}: lists no substances")
    return names
