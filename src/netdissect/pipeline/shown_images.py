"""The pictures a run shows: each of the units' top images, and where concepts are in them."""

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

#: Shown images are at most this many pixels wide and high.
SHOWN_SIZE = 192

#: Of each concept so many images are kept as examples.
EXAMPLES = 6


def shown_images(
    reader: Reader, results: Mapping[str, LayerResult], on_progress: OnProgress
) -> tuple[dict[int, ShownImage], tuple[ConceptExample, ...]]:
    """A small JPEG of each image that is among the top ones of some unit, and examples of concepts among these.

    Examples are drawn by chance, an image as likely as the concept is large in it: the largest ones alone would often
    be frames of one film. They come by concept, the largest first.
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
    """Draws examples of each of ``concepts``, a sample without replacement in proportion to their pixels.

    Those with the greatest ``u ** (1 / pixels)``, where ``u`` is uniform (Efraimidis and Spirakis, 2006); its logarithm
    is an example's chance.
    """

    def __init__(self, data: ConceptDataset, concepts: tuple[Concept, ...]) -> None:
        self._numbers = np.array([concept.number for concept in concepts], dtype=np.int64)
        place = {concept.number: at for at, concept in enumerate(concepts)}
        self._place_of = column_table(data, np.array([place.get(concept.number, -1) for concept in data.concepts]))
        self._best: list[list[tuple[float, ConceptExample]]] = [[] for _ in concepts]
        self._least = np.full(len(concepts), -np.inf)  # by chance, the least that is kept

    def candidates(self, index: int, labels: Labels) -> list[tuple[float, ConceptExample]]:
        """Which of the image's concepts may be kept, by what is kept so far; threads may ask."""
        pixels = count_pixels(labels, self._place_of, len(self._numbers))
        there = np.flatnonzero(pixels)
        chances = np.log1p(-np.random.default_rng(index).random(len(there))) / pixels[there]
        hopeful = chances > self._least[there]
        there, chances = there[hopeful], chances[hopeful]
        if not len(there):
            return []
        masks = encode_masks(np.stack([concept_mask(labels, int(self._numbers[place])) for place in there]))
        return [
            (float(chance), ConceptExample(int(self._numbers[place]), index, int(pixels[place]), mask))
            for chance, place, mask in zip(chances, there, masks, strict=True)
        ]

    def take(self, candidates: list[tuple[float, ConceptExample]]) -> None:
        for chance, example in candidates:
            place = int(self._place_of[example.concept]) - 1
            best = sorted([*self._best[place], (chance, example)], key=lambda one: -one[0])[:EXAMPLES]
            self._best[place] = best
            if len(best) == EXAMPLES:
                self._least[place] = best[-1][0]

    def drawn(self) -> tuple[ConceptExample, ...]:
        """What is kept in the end, by concept, the largest first."""
        kept = [example for best in self._best for _, example in best]
        return tuple(sorted(kept, key=lambda one: (one.concept, -one.pixels, one.image)))
