"""Read the images and label maps of a Broden directory, each to its end."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from netdissect.broden.check.findings import Problem, describe_error
from netdissect.broden.check.index import Entry, leaves_images
from netdissect.broden.check.tables import Tables
from netdissect.broden.files import read_rgb
from netdissect.concepts.files import read_image


@dataclass(frozen=True)
class Seen:
    """The findings for an image: ``shown`` has the numbers of the concepts that it shows, per category."""

    problems: tuple[Problem, ...]
    shown: dict[str, set[int]]


def look(root: Path, entry: Entry, tables: Tables) -> Seen:
    """Read an image and its label maps. Errors of reading become problems."""
    problems = []
    shown: dict[str, set[int]] = {category: set() for category, _ in (*entry.maps, *entry.whole)}
    for category, number in entry.whole:
        shown[category].add(number)
    if not leaves_images(entry.image):
        problems += [Problem(f"images/{entry.image}", what) for what in _image(root, entry)]
    for category, file in entry.maps:
        if not leaves_images(file):
            numbers, wrong = _label_map(root / "images" / file, entry.label_shape)
            shown[category] |= numbers
            problems += [Problem(f"images/{file}", what) for what in (*wrong, *tables.unlisted(category, numbers))]
    return Seen(tuple(problems), shown)


def _image(root: Path, entry: Entry) -> list[str]:
    path = root / "images" / entry.image
    try:
        width, height = read_image(path).size
    except Exception as error:  # damaged files raise many kinds of errors
        return [describe_error(error, path)]
    return _size_problem("image", (height, width), "(ih, iw)", entry.image_size)


def _label_map(path: Path, shape: tuple[int, int] | None) -> tuple[set[int], list[str]]:
    """Return the concept numbers in a label map, and the problems of its file."""
    try:
        pixels = read_rgb(path)
    except Exception as error:
        return set(), [describe_error(error, path)]
    return _numbers(pixels), _size_problem("label map", pixels.shape[:2], "(sh, sw)", shape)


def _size_problem(what: str, size: tuple[int, int], columns: str, said: tuple[int, int] | None) -> list[str]:
    return [] if said in (None, size) else [f"the {what} is {size}, index.csv says {columns} = {said}"]


def _numbers(pixels: UInt8[np.ndarray, "sh sw 3"]) -> set[int]:
    """Return the numbers R + 256 G that occur. Marking each is ten times as fast as sorting them."""
    seen = np.zeros(2**16, dtype=bool)
    seen[pixels[:, :, 0] + 256 * pixels[:, :, 1].astype(np.int32)] = True
    return set(np.flatnonzero(seen).tolist())
