"""A run: the results of some layers, the images shown with them, how it was made; saved and loaded.

RUN/run.json                format version, model, dataset, options, versions, timings
RUN/<layer>/units.parquet   a row per unit and category
RUN/<layer>/tally.npz       the raw counts
RUN/<layer>/top.parquet     a row per unit and rank: image, activation, position
RUN/<layer>/top.npz         the maps of those (unit, image) pairs, and each unit's histogram
RUN/<layer>/peaks.npz       the units' maximal responses to a sample of the images, and the names of these
RUN/<layer>/visualizations.parquet   pictures of what units look for, if asked for
RUN/examples.parquet        a row per concept and image that shows it: where in the image
RUN/images/                 the images shown, each once, small
RUN/report/, rotation/      its report, and the page of its rotations: others write these
RUN/activations/            what was kept of activations
"""

import html
import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pandas as pd

from netdissect.results.description import BasisDescription, RunDescription
from netdissect.results.formats import description_from_format_5
from netdissect.results.layer import LayerResult
from netdissect.results.layer_files import load_layer, save_layer
from netdissect.results.published import PAPER_CONCEPTS, PAPER_IMAGES, PAPER_LABELS
from netdissect.storage import check_place, staged
from netdissect.types import Concept, NetdissectError, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The layout of a run on disk. A reader refuses another.
FORMAT_VERSION = 5

#: What else a run's directory has: no folder of a layer is called so.
_OTHERS = ("images", "report", "rotation", "run.json", "examples.parquet", "activations")


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


@dataclass(frozen=True, repr=False, eq=False)
class Result:
    """A run: one ``LayerResult`` per layer, the images its units are shown with, and how it was made.

    ``images`` maps the index in the dataset of each image among the top ones to what is shown of it; ``description``
    says how the run was made. ``examples`` show concepts in some of the images; they come by
    concept, the largest first.
    """

    name: str
    layers: Mapping[str, LayerResult]
    images: Mapping[int, ShownImage]
    description: RunDescription
    examples: tuple[ConceptExample, ...] = ()

    def __repr__(self) -> str:
        return f"<Result {self.name}: {', '.join(self.layers)}>"

    @property
    def notes(self) -> list[str]:
        """What a reader of the result should know: units without a mask, concepts out of reach, images left out."""
        return list(self.description.notes)

    @property
    def is_table(self) -> bool:
        """Whether it is read from a published table: without images, activations, and all but units' best concepts."""
        return self.description.table is not None

    def basis_of(self, layer: str) -> BasisDescription | None:
        """Return the description of a layer's basis; None if its units are channels, or if a table says nothing."""
        known = self.description.layers.get(layer)
        return None if known is None else known.basis

    @property
    def dataset_id(self) -> str:
        """By what two results are known to be of the same images and labels."""
        data, concepts = self.description.data, next(iter(self.layers.values())).concepts
        published = (data.images, len(concepts)) == (PAPER_IMAGES, PAPER_CONCEPTS)
        return PAPER_LABELS if published else data.fingerprint

    def __getitem__(self, layer: str) -> LayerResult:
        return self.layers[layer]

    def summary(self) -> dict[str, Any]:
        """The counts of every layer as plain data."""
        return {"name": self.name, "layers": [layer.summary() for layer in self.layers.values()]}

    def plot(self) -> "list[Axes]":
        """Draws the detectors per concept of each layer into a new figure, with matplotlib; returns the axes.

        ``result[layer].plot(ax)`` draws one layer.
        """
        from netdissect.results.plot import plot_layers  # here, since matplotlib takes a second

        return plot_layers(list(self.layers.values()))

    def _repr_html_(self) -> str:
        parts = [f"<h3>{html.escape(self.name)}</h3>", *(f"<p><i>{html.escape(note)}</i></p>" for note in self.notes)]
        for layer in self.layers.values():
            counts = layer.summary()
            parts.append(
                f"<p><b>{html.escape(layer.layer)}</b>: {counts['units']} units, "
                f"{counts['by_label']['detectors']} detectors of {counts['by_label']['unique']} concepts by label, "
                f"{counts['by_category']['unique']} unique by category</p>"
            )
            columns = ["unit", "category", "concept", "iou", "iou_ceiling"]
            parts.append(layer.labels[columns].head(10).to_html(index=False, float_format="{:.3f}".format))
        return "".join(parts)

    def save(
        self,
        out: str | Path,
        *,
        overwrite: bool = False,
        add: Callable[[Path], object] = lambda folder: None,
        hidden: Path | None = None,
    ) -> Path:
        """Writes the run to the directory ``out``, whole or not at all: elsewhere first, then renamed.

        ``add`` is called with the directory being written and may add to it: the report, say. ``hidden`` is where that
        directory is made meanwhile, on the same disk; what was left there is removed. Else a new one is made beside
        ``out``. Raises ``NetdissectError`` if ``out`` exists, unless ``overwrite`` and it is a run.
        """
        out = Path(out)
        check_free(out, overwrite=overwrite)
        # Absolute, since "." cannot be renamed.
        with (
            staged(out.absolute(), hidden) as stage,
            ThreadPoolExecutor(2) as threads,
        ):  # that compress meanwhile
            names = {index: image.name for index, image in self.images.items()}
            saved = [
                threads.submit(save_layer, layer, stage / folder_of(place, layer.layer), names)
                for place, layer in enumerate(self.layers.values())
            ]
            (stage / "images").mkdir()
            for index, image in self.images.items():
                (stage / "images" / f"{index}.jpg").write_bytes(image.jpeg)
            rows = [asdict(example) for example in self.examples]
            pd.DataFrame(rows, columns=_EXAMPLE_COLUMNS).to_parquet(stage / "examples.parquet", index=False)
            (stage / "run.json").write_text(json.dumps(self._description(), indent=1, allow_nan=False) + "\n")
            add(stage)
            for of_layer in saved:
                of_layer.result()
        return out

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """The run in the directory ``path``. Raises ``NetdissectError`` if it is none, or of another format version."""
        root = Path(path)
        description = _read_description(root)
        try:
            concepts = tuple(map(Concept.from_plain, description["concepts"]))
            layers, names = {}, {}
            for item in description["layers"]:
                layer, shown = load_layer(root / item["folder"], item, concepts)
                layers[layer.layer] = layer
                names.update(shown)
            images = {
                index: ShownImage(name, (root / "images" / f"{index}.jpg").read_bytes())
                for index, name in names.items()
            }
            examples = _load_examples(root / "examples.parquet", {concept.number for concept in concepts}, set(images))
            known = description_from_format_5(description["about"])
            return cls(description["name"], layers, images, known, examples)
        except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise NetdissectError(f"{root}: the run is damaged: {type(error).__name__}: {one_line(error)}") from error

    def _description(self) -> dict[str, Any]:
        first = next(iter(self.layers.values()))
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "layers": [
                {
                    "layer": layer.layer,
                    "folder": folder_of(place, layer.layer),
                    "units": layer.unit_count,
                    "quantile": layer.quantile,
                    "iou_threshold": layer.iou_threshold,
                    "out_of_reach": [concept.name for concept in layer.unreachable()],
                }
                for place, layer in enumerate(self.layers.values())
            ],
            "description": self.description.to_plain(),
            "concepts": [concept.to_plain() for concept in first.concepts],
        }


def check_free(out: Path, *, overwrite: bool) -> None:
    """Raises ``NetdissectError`` if a run cannot be written to ``out``: asked before the work as well as after it."""
    check_place(out, overwrite=overwrite, markers=["run.json"], what="a run")


def folder_of(place: int, layer: str) -> str:
    """The layer's folder: its name, with what file systems do not take in names written as %XX."""
    name = quote(layer, safe=" #()[]@")
    folder = name[:120]
    taken = folder != name or folder.lower() in _OTHERS
    return f"{place}-{folder}" if taken else folder


def _load_examples(path: Path, concepts: set[int], images: set[int]) -> tuple[ConceptExample, ...]:
    """Raises ``ValueError`` for one of another concept or image."""
    rows = pd.read_parquet(path)[_EXAMPLE_COLUMNS].to_dict("records")
    examples = tuple(ConceptExample(**{str(name): value for name, value in row.items()}) for row in rows)
    for example in examples:
        if example.concept not in concepts or example.image not in images:
            raise ValueError(f"{path.name}: no such concept or image: {example}")
    return examples


def _read_description(root: Path) -> dict[str, Any]:
    path = root / "run.json"
    if not path.is_file():
        runs = sorted(run.parent.name for run in root.glob("*/run.json"))
        inside = f", but {', '.join(runs[:3])}{' ...' if len(runs) > 3 else ''} in it are some" if runs else ""
        raise NetdissectError(f"{root}: not a run (no run.json in it){inside}")
    try:
        description = json.loads(path.read_text())
        version = description["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error
    if version != FORMAT_VERSION:
        raise NetdissectError(f"{path}: format version {version}; this netdissect reads version {FORMAT_VERSION}")
    return description
