"""Writes small directories in Broden's layout, straight from the format's description."""

import csv

import numpy as np
from PIL import Image

from netdissect.types import Concept


def label_colors(numbers):
    """A label map as Broden stores it: red the low byte, green the high one."""
    numbers = np.asarray(numbers)
    return np.stack([numbers % 256, numbers // 256, np.zeros_like(numbers)], axis=-1).astype(np.uint8)


def write_table(path, rows, columns=None):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_broden(root, images, concepts, *, label_shape=(4, 6), categories=None):
    """Writes ``images``, each a dict from category to items: arrays (label maps) and whole numbers.

    ``concepts`` are ``Concept``s, or tuples of number, name, coverage by category and synonyms. Images are 8 pixels
    high and 12 wide; the red of image ``i`` is ``10 * i``.
    """
    concepts = [_row(concept) for concept in concepts]
    if categories is None:
        categories = list(dict.fromkeys(category for _, _, coverage, _ in concepts for category in coverage))
    (root / "images" / "source").mkdir(parents=True)
    rows = []
    for place, items_of in enumerate(images):
        name = f"source/{place}.png"
        Image.new("RGB", (12, 8), (10 * place % 256, 0, 0)).save(root / "images" / name)
        row = {"image": name, "split": "train", "ih": 8, "iw": 12, "sh": label_shape[0], "sw": label_shape[1]}
        for category in categories:
            texts = []
            for number, item in enumerate(items_of.get(category, ())):
                if isinstance(item, np.ndarray):
                    texts.append(f"source/{place}_{category}_{number}.png")
                    Image.fromarray(label_colors(item)).save(root / "images" / texts[-1])
                else:
                    texts.append(str(item))
            row[category] = ";".join(texts)
        rows.append(row)
    write_table(root / "index.csv", rows, ["image", "split", "ih", "iw", "sh", "sw", *categories])
    write_table(root / "category.csv", [{"name": category} for category in categories], ["name"])
    write_table(
        root / "label.csv",
        [{"number": number, "name": name, "syns": ";".join(synonyms)} for number, name, _, synonyms in concepts],
        ["number", "name", "syns"],
    )
    for category in categories:
        covering = [row for row in concepts if category in row[2]]
        write_table(
            root / f"c_{category}.csv",
            [
                {"code": place + 1, "number": number, "name": name, "frequency": 10, "coverage": coverage[category]}
                for place, (number, name, coverage, _) in enumerate(covering)
            ],
            ["code", "number", "name", "frequency", "coverage"],
        )
    return root


def _row(concept):
    if isinstance(concept, Concept):
        return concept.number, concept.name, {concept.category: 1.5}, concept.synonyms
    return concept
