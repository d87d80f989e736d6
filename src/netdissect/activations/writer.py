"""Writing kept activations, image by image, so that a stop at any moment loses little."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netdissect.activations.journal import STATE, Journal, read_state
from netdissect.activations.layout import (
    COUNT,
    FORMAT_VERSION,
    IMAGES,
    INDEX,
    LABEL_SIZES,
    LABELS,
    SAMPLE,
    VALUE,
    LayerShape,
    concepts_to_plain,
    label_type,
    layer_file,
    pack_labels,
    rows_to_arrays,
    statistics_from_arrays,
    statistics_to_arrays,
)
from netdissect.bases import BasisView
from netdissect.concepts.base import ConceptDataset
from netdissect.engine.kept_rows import KeptRows
from netdissect.engine.layer_statistics import LayerStatistics
from netdissect.labels import Labels
from netdissect.settings import Settings
from netdissect.types import NetdissectError


class ActivationWriter:
    """Appends to a folder of kept activations, or goes on with one.

    ``settings`` are complete, ``plan`` is the plain plan of the run. ``end`` counts the images that are read or left
    out. All that was finished before is as it was at the last ``commit``.
    """

    def __init__(
        self,
        folder: str | Path,
        views: Sequence[BasisView],
        data: ConceptDataset,
        settings: Settings,
        plan: Mapping[str, Any],
    ) -> None:
        self.layers = tuple(view.name for view in views)
        self._fields = {view.name: None if view.field is None else view.field.to_plain() for view in views}
        self._facts = {
            "format_version": FORMAT_VERSION,
            "plan": dict(plan),
            "quantile": settings.quantile,
            "image_size": list(settings.size or ()),
            "label_shape": list(data.label_shape),
            "concepts": concepts_to_plain(data.concepts),
        }
        self._label_type = label_type(data.concepts)
        self._journal = Journal(Path(folder))
        state = self._journal.state
        described = {} if state is None else state.description
        if described and described["format_version"] != FORMAT_VERSION:
            raise NetdissectError(
                f"{folder}: was begun by another version of netdissect, and is not resumed; --overwrite begins anew"
            )
        self.end: int = described.get("end", 0)
        self.complete: bool = described.get("complete", False)
        self.skipped = {int(index): reason for index, reason in described.get("skipped", {}).items()}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="netdissect-writer")
        self._writing: deque[Future[None]] = deque()
        self._shapes = {view.name: LayerShape(*view.map_shape) for view in views}

    def statistics(self, device: torch.device) -> dict[str, LayerStatistics]:
        """What was statistics of each layer until the last commit; of none if there was none."""
        state = self._journal.state
        if state is None:
            return {}
        return {layer: statistics_from_arrays(index, state.arrays, device) for index, layer in enumerate(self.layers)}

    def append_images(self, indices: Sequence[int], labels: Sequence[Labels]) -> None:
        """Adds images, by their indices in the dataset; a thread writes them.

        Raises ``NetdissectError`` if what was added before cannot be written.
        """
        self._write(self._write_images, list(indices), list(labels))

    def append_rows(
        self,
        rows: Mapping[str, KeptRows],
        sampled: Sequence[int],
        peaks: Mapping[str, Tensor],
    ) -> None:
        """Adds what is kept of the next of the images, by layer; all images have theirs before a ``commit``.

        ``sampled`` are those of the images, by their indices in the dataset, whose ``peaks`` (images, units) are kept.
        """
        self._write(self._write_rows, dict(rows), list(sampled), dict(peaks))

    def _write_images(self, indices: Sequence[int], labels: Sequence[Labels]) -> None:
        packed = [pack_labels(of_image, self._label_type) for of_image in labels]
        self._journal.append(IMAGES, np.array(indices, dtype=INDEX))
        self._journal.append(LABEL_SIZES, np.array([len(data) for data in packed], dtype=COUNT))
        self._journal.append(LABELS, np.frombuffer(b"".join(packed), dtype=np.uint8))

    def _write_rows(self, rows: Mapping[str, KeptRows], sampled: Sequence[int], peaks: Mapping[str, Tensor]) -> None:
        self._journal.append(SAMPLE, np.array(sampled, dtype=INDEX))
        for index, layer in enumerate(self.layers):
            self._journal.append(layer_file(index, "peaks"), peaks[layer].cpu().numpy().astype(VALUE, copy=False))
            for kind, array in rows_to_arrays(rows[layer]).items():
                self._journal.append(layer_file(index, kind), array)

    def _write(self, write: Callable[..., None], *what: object) -> None:
        self._wait(waiting=1)
        self._writing.append(self._thread.submit(write, *what))

    def _wait(self, waiting: int = 0) -> None:
        """Until so many writes at most are left to do. Raises what a write raised."""
        while len(self._writing) > waiting:
            self._writing.popleft().result()

    def commit(
        self, end: int, statistics: Mapping[str, LayerStatistics], skipped: Mapping[int, str], complete: bool = False
    ) -> None:
        """Makes what was appended count: of the images to read, the first ``end`` are done."""
        self._wait()
        arrays: dict[str, np.ndarray] = {}
        for index, layer in enumerate(self.layers):
            arrays |= statistics_to_arrays(index, statistics[layer])
        layers = [
            {"layer": layer, "shape": vars(self._shapes[layer]), "field": self._fields[layer]} for layer in self.layers
        ]
        progress = {"end": end, "complete": complete, "skipped": dict(skipped), "layers": layers}
        self._journal.commit({**self._facts, **progress}, arrays)

    def __enter__(self) -> "ActivationWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)


def kept_plan(folder: str | Path) -> dict[str, Any] | None:
    """The plan of the run whose activations the folder holds, finished or not; None if it holds none."""
    if not (Path(folder) / STATE).is_file():
        return None
    return dict(read_state(Path(folder)).description.get("plan", {}))
