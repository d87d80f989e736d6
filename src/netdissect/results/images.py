"""The images that a run shows: small pictures of them, and the concepts that are seen in them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import pandas as pd

#: The table of the images shown, and the folder with their files.
_TABLE, _FOLDER = "images.parquet", "images"

_EXAMPLES = "examples.parquet"


@dataclass(frozen=True)
class ShownImage:
    """An image of the dataset, small, as a person sees it."""

    name: str
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True)
class ConceptExample:
    """An image in which a concept is seen, by the concept's number and the image's index in the dataset.

    ``pixels`` label pixels carry it: those of ``mask``, run lengths over the label map (see ``engine.encoding``).
    """

    concept: int
    image: int
    pixels: int
    mask: str = field(repr=False)


_EXAMPLE_COLUMNS = [column.name for column in fields(ConceptExample)]


def save_images(images: Mapping[int, ShownImage], run: Path) -> None:
    """Write the images to the run's directory, and a table of their indices and names. Raises ``OSError``."""
    (run / _FOLDER).mkdir()
    for index, image in images.items():
        (run / _FOLDER / f"{index}.jpg").write_bytes(image.jpeg)
    table = pd.DataFrame({"image": list(images), "image_name": [image.name for image in images.values()]})
    table.to_parquet(run / _TABLE, index=False)


def load_names(run: Path) -> dict[int, str]:
    """Return the names of the images in the run's directory, by their indices."""
    table = pd.read_parquet(run / _TABLE)
    return dict(zip(table["image"].tolist(), table["image_name"].tolist(), strict=True))


def load_images(run: Path, names: Mapping[int, str]) -> dict[int, ShownImage]:
    """Return the images of these ``names`` in the run's directory."""
    return {index: ShownImage(name, (run / _FOLDER / f"{index}.jpg").read_bytes()) for index, name in names.items()}


def save_examples(examples: Sequence[ConceptExample], run: Path) -> None:
    """Write a row per example to the run's directory. Raises ``OSError``."""
    rows = pd.DataFrame([asdict(example) for example in examples], columns=_EXAMPLE_COLUMNS)
    rows.to_parquet(run / _EXAMPLES, index=False)


def load_examples(run: Path, concepts: set[int], images: set[int]) -> tuple[ConceptExample, ...]:
    """Return the examples in the run's directory. Raises ``ValueError`` for another concept or image than these."""
    rows = pd.read_parquet(run / _EXAMPLES)[_EXAMPLE_COLUMNS].to_dict("records")
    examples = tuple(ConceptExample(**{str(name): value for name, value in row.items()}) for row in rows)
    for example in examples:
        if example.concept not in concepts or example.image not in images:
            raise ValueError(f"{_EXAMPLES}: no such concept or image: {example}")
    return examples
