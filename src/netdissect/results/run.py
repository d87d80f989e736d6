"""A run: the results of some layers, the images shown with them, and its description; saved and loaded.

RUN/run.json                    format version, description (network, data, layers, settings ...), concepts
RUN/<layer>/units.parquet       a row per unit and category; follows from the counts
RUN/<layer>/counts.npz          the raw counts
RUN/<layer>/activations.npz     thresholds, histograms, extremes
RUN/<layer>/top.npz             top images: their indices, activations, maps
RUN/<layer>/top.parquet         the same as a table, without the maps
RUN/<layer>/sample.npz          the units' highest responses to a sample of the images
RUN/<layer>/pictures.parquet    pictures of what units look for
RUN/images.parquet              the index and the name of each image shown
RUN/images/                     the images shown, each once, small
RUN/examples.parquet            a row per concept and image that shows it: its mask
RUN/report/, rotation/          its report, and the page of its rotations: others write these
RUN/activations/                the activations that were kept
"""

import html
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from netdissect.registry import UnknownChoiceError
from netdissect.results.description import BasisDescription, RunDescription
from netdissect.results.formats import FORMAT_VERSION, READERS, check_version
from netdissect.results.images import (
    ConceptExample,
    ShownImage,
    load_examples,
    load_images,
    save_examples,
    save_images,
)
from netdissect.results.layer import LayerResult
from netdissect.results.layer_files import save_layer
from netdissect.results.published import PAPER_CONCEPTS, PAPER_IMAGES, PAPER_LABELS
from netdissect.storage import check_target, staged
from netdissect.types import Concept, NetdissectError, nearest, one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The other files and folders of a run: no folder of a layer is called so.
_OTHERS = ("images", "report", "rotation", "run.json", "examples.parquet", "images.parquet", "activations")

#: The errors of files that are cut off, changed or missing.
_DAMAGE = (
    *(OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error),
    NetdissectError,  # by the checks of settings
)


class UnknownLayerError(NetdissectError, KeyError):
    """A result has no layer of this name."""

    __str__ = Exception.__str__  # KeyError would put the text in quotes


@dataclass(frozen=True, repr=False, eq=False)
class Result(Mapping[str, LayerResult]):
    """A run: a mapping of names to layers' results, with the images that show its units, and its description.

    >>> import numpy as np
    >>> from netdissect.results.description import DataDescription, NetworkDescription
    >>> from netdissect.results.parts import Counts
    >>> concepts = (Concept(1, "sky", "object"),)
    >>> counts = Counts(concepts, np.array([[2]]), unit_area=np.array([[4]]), concept_area=np.array([8]))
    >>> layer = LayerResult("conv1", counts, quantile=0.005, iou_threshold=0.04)
    >>> network, data = NetworkDescription(name="net"), DataDescription(name="data", fingerprint="")
    >>> result = Result("run", {"conv1": layer}, {}, RunDescription(network=network, data=data))
    >>> list(result), "conv2" in result
    (['conv1'], False)
    >>> result["conv2"]
    Traceback (most recent call last):
    netdissect.results.run.UnknownLayerError: run has no layer conv2; did you mean conv1? It has conv1

    ``images`` maps indices into the dataset to small pictures: one of each top image of a unit. ``description`` says
    how the run was made. ``examples`` show concepts in some of the images, ordered by concept, the largest first.
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
        """The lines that a reader should know: units without a mask, concepts out of reach, images left out."""
        return list(self.description.notes)

    @property
    def is_table(self) -> bool:
        """Whether the result was read from a published table: it has the counts of units' best concepts alone."""
        return self.description.table is not None

    def basis_of(self, layer: str) -> BasisDescription | None:
        """Return the description of a layer's basis; None if its units are channels, or if a table says nothing."""
        known = self.description.layers.get(layer)
        return None if known is None else known.basis

    @property
    def dataset_id(self) -> str:
        """The identity of the images and labels: results that share it were measured on the same data."""
        data, concepts = self.description.data, next(iter(self.layers.values())).concepts
        published = (data.images, len(concepts)) == (PAPER_IMAGES, PAPER_CONCEPTS)
        return PAPER_LABELS if published else data.fingerprint

    def __getitem__(self, layer: str) -> LayerResult:
        """Return the result of a layer. Raises ``UnknownLayerError`` for an unknown one."""
        self.check_layer(layer)
        return self.layers[layer]

    def __contains__(self, layer: object) -> bool:
        return layer in self.layers

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    # As objects, not as the mappings of layers that they are: two runs of equal layers may show other images.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def check_layer(self, layer: str) -> None:
        """Raise ``UnknownLayerError`` unless the result has the layer."""
        if layer not in self.layers:
            close = nearest(layer, list(self.layers), 1)
            rest = f"{close} It has" if close else ": it has"
            raise UnknownLayerError(f"{self.name} has no layer {layer}{rest} {', '.join(self.layers)}")

    def summary(self) -> dict[str, Any]:
        """Return the counts of every layer as plain data."""
        return {"name": self.name, "layers": [layer.summary() for layer in self.layers.values()]}

    def plot(self) -> "list[Axes]":
        """Draw the detectors per concept of each layer into a new figure, with matplotlib, and return the axes.

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
            columns = ["unit", "category", "concept", layer.score_column, layer.ceiling_column]
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
        """Write the run to the directory ``out``, whole or not at all: a hidden directory is written, then renamed.

        ``add`` is called with the hidden directory and may add files to it, such as the report. ``hidden`` is the path
        of that directory, on the same disk, whose old contents are removed; None makes a new one beside ``out``.
        Raises ``NetdissectError`` if ``out`` exists, unless ``overwrite`` and it is a run.
        """
        out = Path(out)
        check_free(out, overwrite=overwrite)
        # An absolute path, since "." cannot be renamed; two threads compress layers.
        with staged(out.absolute(), hidden) as stage, ThreadPoolExecutor(2) as threads:
            names = {index: image.name for index, image in self.images.items()}
            saved = [
                threads.submit(save_layer, layer, stage / folder_of(index, layer.layer), names)
                for index, layer in enumerate(self.layers.values())
            ]
            save_images(self.images, stage)
            save_examples(self.examples, stage)
            (stage / "run.json").write_text(json.dumps(self._description(), indent=1, allow_nan=False) + "\n")
            add(stage)
            for future in saved:
                future.result()
        return out

    @classmethod
    def load(cls, path: str | Path) -> "Result":
        """Return the run in the directory ``path``. Raises ``NetdissectError`` for anything else, or a damaged run."""
        root = Path(path)
        plain = _read_description(root)
        try:
            concepts = tuple(map(Concept.from_plain, plain["concepts"]))
            description, layers, names = READERS[plain["format_version"]](root, plain, concepts)
            images = load_images(root, names)
            examples = load_examples(root, {concept.number for concept in concepts}, set(images))
        except UnknownChoiceError as error:
            raise NetdissectError(f"{root}: {error}") from error
        except _DAMAGE as error:
            raise NetdissectError(f"{root}: the run is damaged: {type(error).__name__}: {one_line(error)}") from error
        return cls(plain["name"], {layer.layer: layer for layer in layers}, images, description, examples)

    def _description(self) -> dict[str, Any]:
        first = next(iter(self.layers.values()))
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "layers": [
                {
                    "layer": layer.layer,
                    "folder": folder_of(index, layer.layer),
                    "units": layer.unit_count,
                    "quantile": layer.quantile,
                    "iou_threshold": layer.iou_threshold,
                    "criterion": layer.criterion,
                    "out_of_reach": [concept.name for concept in layer.unreachable()],
                }
                for index, layer in enumerate(self.layers.values())
            ],
            "description": self.description.to_plain(),
            "concepts": [concept.to_plain() for concept in first.concepts],
        }


def check_free(out: Path, *, overwrite: bool) -> None:
    """Raise ``NetdissectError`` if a run cannot be written to ``out``: called before the work as well as after it."""
    check_target(out, overwrite=overwrite, markers=["run.json"], what="a run")


def folder_of(index: int, layer: str) -> str:
    """Return the folder of a layer: its name, with characters that file systems refuse written as %XX.

    >>> folder_of(0, "layer4.1"), folder_of(1, "block/conv"), folder_of(2, "images")
    ('layer4.1', 'block%2Fconv', '2-images')
    """
    name = quote(layer, safe=" #()[]@")
    folder = name[:120]
    taken = folder != name or folder.lower() in _OTHERS
    return f"{index}-{folder}" if taken else folder


def _read_description(root: Path) -> dict[str, Any]:
    """Return the contents of ``run.json``. Raises ``NetdissectError`` unless its version is one that is read."""
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
    check_version(path, version)
    return dict(description)
