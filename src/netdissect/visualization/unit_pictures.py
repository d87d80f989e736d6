"""Pictures of what units look for, as pages and reports store and show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdissect.pages.cards import Cards
from netdissect.pages.sections import Part
from netdissect.results import Visualization
from netdissect.visualization.methods import heading, in_order


@dataclass(frozen=True)
class UnitPictures(Part):
    """Pictures of what a unit looks for, saved beside the page as ``pictures/<name>-<n>-<method>.jpg``."""

    name: str
    pictures: Sequence[Visualization]

    @property
    def stem(self) -> str:
        """The name."""
        return self.name

    def write(self, stage: Path, cards: Cards) -> dict[str, Any]:
        """Save the pictures."""
        stem = f"pictures/{self.name}"
        write_pictures(stage, self.pictures, stem)
        return {"kind": "pictures", "methods": plain_by_method(self.pictures, stem)}


def plain_by_method(pictures: Sequence[Visualization], stem: str) -> list[dict[str, Any]]:
    """Return the pictures of one unit as plain data, by method and variant; names of files begin with ``stem``."""
    variants: dict[str, dict[str, list[dict[str, Any]]]] = {
        method: {} for method in in_order(picture.method for picture in pictures)
    }
    for file, picture in _files(pictures, stem):
        variants[picture.method].setdefault(picture.variant, []).append(
            {"path": file, "size": list(picture.picture.size), "name": picture.image_name, "caption": picture.caption}
        )
    return [
        {
            "title": heading(method)[0],
            "text": heading(method)[1],
            "variants": [{"name": name, "pictures": shown} for name, shown in found.items()],
        }
        for method, found in variants.items()
    ]


def write_pictures(stage: Path, pictures: Sequence[Visualization], stem: str) -> None:
    """Write the pictures of one unit; names of files begin with ``stem``."""
    for file, picture in _files(pictures, stem):
        (stage / file).parent.mkdir(parents=True, exist_ok=True)
        (stage / file).write_bytes(picture.jpeg)


def _files(pictures: Sequence[Visualization], stem: str) -> list[tuple[str, Visualization]]:
    """Return pairs of a file's name and its picture."""
    return [
        (f"{stem}-{number}-{_file_name(picture.method)}.jpg", picture) for number, picture in enumerate(pictures, 1)
    ]


def _file_name(method: str) -> str:
    """Return the name of a method as a part of a file's name: a run may come from anywhere.

    >>> _file_name("../other")
    '---other'
    """
    return "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in method)
