"""Cards of units: label, score, and the first top images under their masks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netdissect.pages.images import ImageStore, StoredImage, write_images
from netdissect.pages.top_images import TopImageMasks
from netdissect.results import Result, category_colors
from netdissect.types import OnProgress

#: The number of top images on a card.
_TOP_IMAGES = 4


@dataclass(frozen=True)
class UnitCard:
    """A unit of a result's layer, to be shown with its label and its first top images; ``words`` are a further line."""

    result: Result
    layer: str
    unit: int
    words: str = ""


class Cards:
    """All cards of a page. Their images are stored once, however many cards show them."""

    def __init__(self, cards: Iterable[UnitCard], stage: Path, on_progress: OnProgress) -> None:
        cards = list(cards)
        self._results = list({id(card.result): card.result for card in cards}.values())
        self._run_of = {id(result): run for run, result in enumerate(self._results)}
        wanted: list[set[int]] = [set() for _ in self._results]
        units: dict[tuple[int, str], dict[int, None]] = {}
        for card in cards:
            run = self._run_of[id(card.result)]
            top = card.result[card.layer].top
            wanted[run].update([] if top is None else top.image[card.unit, :_TOP_IMAGES].tolist())
            units.setdefault((run, card.layer), {})[card.unit] = None
        images = ImageStore(self._results, wanted)
        stored = write_images(stage, images, on_progress) if images.images else []
        self._shots = self._shots_by_unit(units, images, stored)

    def _shots_by_unit(
        self, units: Mapping[tuple[int, str], Mapping[int, None]], images: ImageStore, stored: Sequence[StoredImage]
    ) -> dict[tuple[int, str, int], list[dict[str, Any]]]:
        shown = images.shown(stored)
        found = {}
        for (run, layer), wanted in units.items():
            result = self._results[run]
            shots = TopImageMasks(result, result[layer]).shots(list(wanted), shown[run], most=_TOP_IMAGES)
            found.update({(run, layer, unit): unit_shots for unit, unit_shots in zip(wanted, shots, strict=True)})
        return found

    def plain(self, card: UnitCard) -> dict[str, Any]:
        """Return a card as plain data."""
        run, layer = self._run_of[id(card.result)], card.result[card.layer]
        label = layer.labels_by_unit.iloc[card.unit].to_dict()
        named = isinstance(label["concept"], str)
        shots = self._shots[run, card.layer, card.unit]
        return {
            "unit": card.unit,
            "layer": card.layer,
            "words": card.words,
            "label": {**label, "score": label[layer.score_column]} if named else None,
            "score_title": layer.score_title,
            "color": category_colors(layer.categories)[label["category"]] if named else None,
            "shots": shots,
            "shape": list(card.result.description.data.label_shape) if shots else [],
        }
