"""The images that a run shows: the units' top images, small, and the masks of concepts in some of them."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from netdissect.concepts.base import ConceptDataset, checked_labels, listed_numbers
from netdissect.concepts.census import column_table, concept_mask, count_pixels
from netdissect.engine.encoding import encode_masks
from netdissect.engine.threads import all_cores
from netdissect.inference.reader import Reader
from netdissect.labels import Labels
from netdissect.parallel import in_order
from netdissect.results import ConceptExample, LayerResult, ShownImage
from netdissect.types import Concept, OnProgress, plain_text

#: The largest width and height of a shown image, in pixels.
SHOWN_SIZE = 192

#: The number of images that are kept as examples of a concept.
EXAMPLES = 6


def shown_images(
    reader: Reader, results: Mapping[str, LayerResult], on_progress: OnProgress
) -> tuple[dict[int, ShownImage], tuple[ConceptExample, ...]]:
    """Return a small JPEG of each top image of any unit, and examples of concepts among these images.

    Examples are drawn at random, an image as likely as the concept is large in it: the largest alone would often be
    frames of one film. They are sorted by concept, the largest first.
    """
    data = reader.data
    shown_at = [result.top.image.ravel() for result in results.values() if result.top is not None]
    indices = np.unique(np.concatenate(shown_at))
    concepts = next(iter(results.values())).concepts
    listed = listed_numbers(data.concepts)
    examples = _Examples(data, concepts)
    on_progress("pictures", 0, len(indices))

    def picture(index: int) -> tuple[ShownImage, list[tuple[float, ConceptExample]]]:
        shown = ShownImage(plain_text(data.image_name(index)), _small_jpeg(data.image(index)))
        return shown, examples.candidates(index, checked_labels(data, index, listed))

    shown: dict[int, ShownImage] = {}
    workers = all_cores() if reader.workers else 0  # the network is done: all cores are free
    for index, (image, candidates) in in_order(picture, indices.tolist(), workers, 2 * workers):
        shown[index] = image
        examples.take(candidates)
        on_progress("pictures", len(shown), len(indices))
    return shown, examples.drawn()


def _small_jpeg(image: Image.Image) -> bytes:
    image = image.convert("RGB")  # a copy: the dataset may keep its own
    image.thumbnail((SHOWN_SIZE, SHOWN_SIZE), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


class _Examples:
    """A random sample of examples per concept, without replacement, in proportion to their pixels.

    The sample has the examples of greatest key ``u ** (1 / pixels)``, where ``u`` is uniform (Efraimidis and Spirakis,
    2006). Keys are compared by their logarithms.
    """

    def __init__(self, data: ConceptDataset, concepts: tuple[Concept, ...]) -> None:
        self._numbers = np.array([concept.number for concept in concepts], dtype=np.int64)
        column = {concept.number: number for number, concept in enumerate(concepts)}
        self._column_of = column_table(data, np.array([column.get(concept.number, -1) for concept in data.concepts]))
        self._best: list[list[tuple[float, ConceptExample]]] = [[] for _ in concepts]
        self._least = np.full(len(concepts), -np.inf)  # the smallest key that is kept

    def candidates(self, index: int, labels: Labels) -> list[tuple[float, ConceptExample]]:
        """Return the image's concepts whose keys beat those kept so far, with their keys; threads may call."""
        pixels = count_pixels(labels, self._column_of, len(self._numbers))
        columns = np.flatnonzero(pixels)
        keys = np.log1p(-np.random.default_rng(index).random(len(columns))) / pixels[columns]
        larger = keys > self._least[columns]
        columns, keys = columns[larger], keys[larger]
        if not len(columns):
            return []
        masks = encode_masks(np.stack([concept_mask(labels, int(self._numbers[column])) for column in columns]))
        return [
            (float(key), ConceptExample(int(self._numbers[column]), index, int(pixels[column]), mask))
            for key, column, mask in zip(keys, columns, masks, strict=True)
        ]

    def take(self, candidates: list[tuple[float, ConceptExample]]) -> None:
        """Keep the best of the candidates and of the examples so far."""
        for key, example in candidates:
            column = int(self._column_of[example.concept]) - 1
            best = sorted([*self._best[column], (key, example)], key=lambda pair: -pair[0])[:EXAMPLES]
            self._best[column] = best
            if len(best) == EXAMPLES:
                self._least[column] = best[-1][0]

    def drawn(self) -> tuple[ConceptExample, ...]:
        """Return the examples kept, by concept, the largest first."""
        kept = [example for best in self._best for _, example in best]
        return tuple(sorted(kept, key=lambda example: (example.concept, -example.pixels, example.image)))
