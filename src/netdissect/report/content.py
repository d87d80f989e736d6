"""The content of a report as plain data: numbers, words and images, before any markup."""

from collections.abc import Iterator, Sequence
from typing import Any

from netdissect.pages.images import ImageStore, StoredImage
from netdissect.report.concepts import concept_pages
from netdissect.report.names import Names, picture_stem
from netdissect.report.tables import layer_table
from netdissect.report.units import CHUNK, unit_chunks
from netdissect.results import Result, Visualization
from netdissect.results.criteria import criterion_called
from netdissect.types import NetdissectError


class ReportContent:
    """The plain data of a report. Data that grow with the units are yielded in turn, and never held at once."""

    def __init__(self, results: Sequence[Result]) -> None:
        """Raise ``NetdissectError`` if there are no results, or a result without layers."""
        if not results or not all(result.layers for result in results):
            raise NetdissectError("a report is of one run or more, each of one layer or more")
        self.results = tuple(results)
        self.names = Names(self.results)
        self.images = ImageStore(self.results)

    @property
    def chunk_count(self) -> int:
        """The number of chunks that ``chunks`` yields."""
        return sum(-(-named.layer.unit_count // CHUNK) for named in self.names.layers)

    def front(self) -> dict[str, Any]:
        """Return the data of the front page: facts about the runs, and the tables of all layers."""
        names = self.names
        return {
            "title": names.runs[0] if len(names.runs) == 1 else f"{len(names.runs)} runs",
            "chunk": CHUNK,
            "score": _score([named.layer.criterion for named in names.layers]),
            "categories": [{"name": name, "color": color} for name, color in names.colors.items()],
            "concepts": [
                {"name": concept.name, "category": names.categories.index(concept.category), "page": concept.page}
                for concept in names.concepts
            ],
            "runs": [
                {"name": name, "facts": _facts(result), "notes": result.notes}
                for name, result in zip(names.runs, self.results, strict=True)
            ],
            "layers": [layer_table(named, self.results[named.run], names) for named in names.layers],
        }

    def chunks(self, stored: Sequence[StoredImage]) -> Iterator[tuple[int, int, list[dict[str, Any]]]]:
        """Yield the units of each layer in chunks: the number of the layer, the number of the chunk, the units."""
        shown = self.images.shown(stored)
        for number, named in enumerate(self.names.layers):
            chunks = unit_chunks(named, number, self.results[named.run], self.names, shown)
            yield from ((number, chunk, units) for chunk, units in enumerate(chunks))

    def pictures(self) -> Iterator[tuple[str, tuple[Visualization, ...]]]:
        """Yield the pictures of each unit that has any, with the stem of their files' names."""
        for number, named in enumerate(self.names.layers):
            for unit, pictures in named.layer.visualized.items():
                yield picture_stem(number, unit), pictures

    def concepts(self, stored: Sequence[StoredImage]) -> Iterator[dict[str, Any]]:
        """Yield the data of each concept's page."""
        return concept_pages(self.results, self.names, self.images.shown(stored))


def _score(criteria: Sequence[str]) -> dict[str, str]:
    """Return how the pages name the score of these criteria: as a column, in words, and in a sentence."""
    known = [criterion_called(name) for name in dict.fromkeys(criteria)]
    if len(known) == 1:
        return {"column": known[0].name, "title": known[0].title, "help": known[0].help}
    return {"column": "score", "title": "score", "help": " ".join(f"{one.title}: {one.help}" for one in known)}


def _score_title(result: Result) -> str:
    return next(iter(result.values())).score_title


def _facts(result: Result) -> list[tuple[str, str]]:
    if result.is_table:
        return _facts_of_table(result)
    network, data, settings = result.description.network, result.description.data, result.description.settings
    assert settings is not None and settings.size is not None  # only a table has none
    facts = [
        ("Network", network.name),
        ("Weights", network.weights or "as the network was given"),
        ("Layers", ", ".join(result.layers)),
        ("Data", f"{data.images:,} images of {data.name}"),
        ("Image size", "x".join(map(str, settings.size))),
        ("Quantile", f"{settings.quantile:g}"),
        (f"{_score_title(result)} cut", f"{settings.iou_threshold:g}"),
        ("Alignment", settings.align),
    ]
    if (settings.channels, settings.value_range) != ("rgb", 1):
        facts.insert(5, ("Input", f"{settings.channels}, 0 to {settings.value_range}"))
    return facts + ([("Categories", ", ".join(settings.categories))] if settings.categories else [])


def _facts_of_table(result: Result) -> list[tuple[str, str]]:
    layer = next(iter(result.layers.values()))
    return [
        ("Table", result.description.table or ""),
        ("Layers", ", ".join(result.layers)),
        ("Data", result.description.data.name),
        ("Quantile", f"{layer.quantile:g}"),
        (f"{layer.score_title} cut", f"{layer.iou_threshold:g}"),
    ]
