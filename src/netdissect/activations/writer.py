"""Writing kept activations image by image, so that a kill loses little work."""

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
    """A writer of kept activations, which begins a folder or goes on with it from the last ``commit``.

    ``settings`` are complete, ``plan`` is the run's plan as plain data. ``end`` counts the images that are read or left
    out so far; ``skipped`` maps the index of each image left out to the reason.
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
        """Return the statistics of each layer at the last commit; an empty dict before the first one."""
        state = self._journal.state
        if state is None:
            return {}
        return {layer: statistics_from_arrays(index, state.arrays, device) for index, layer in enumerate(self.layers)}

    def append_images(self, indices: Sequence[int], labels: Sequence[Labels]) -> None:
        """Append images, given their indices in the dataset, and their labels. A thread writes them.

        Raises ``NetdissectError`` if earlier images cannot be written.
        """
        self._write(self._write_images, list(indices), list(labels))

    def append_rows(
        self,
        rows: Mapping[str, KeptRows],
        sampled: Sequence[int],
        peaks: Mapping[str, Tensor],
    ) -> None:
        """Append the kept rows of the next images, by layer. A ``commit`` needs the rows of all appended images.

        ``sampled`` are the indices, in the dataset, of the images whose ``peaks`` (images, units) are kept.
        """
        self._write(self._write_rows, dict(rows), list(sampled), dict(peaks))

    def _write_images(self, indices: Sequence[int], labels: Sequence[Labels]) -> None:
        packed = [pack_labels(image_labels, self._label_type) for image_labels in labels]
        self._journal.append(IMAGES, np.array(indices, dtype=INDEX))
        self._journal.append(LABEL_SIZES, np.array([len(data) for data in packed], dtype=COUNT))
        self._journal.append(LABELS, np.frombuffer(b"".join(packed), dtype=np.uint8))

    def _write_rows(self, rows: Mapping[str, KeptRows], sampled: Sequence[int], peaks: Mapping[str, Tensor]) -> None:
        self._journal.append(SAMPLE, np.array(sampled, dtype=INDEX))
        for index, layer in enumerate(self.layers):
            self._journal.append(layer_file(index, "peaks"), peaks[layer].cpu().numpy().astype(VALUE, copy=False))
            for kind, array in rows_to_arrays(rows[layer]).items():
                self._journal.append(layer_file(index, kind), array)

    def _write(self, write: Callable[..., None], *arguments: object) -> None:
        """Let the thread write, once at most one write is left to do."""
        self._wait(waiting=1)
        self._writing.append(self._thread.submit(write, *arguments))

    def _wait(self, waiting: int = 0) -> None:
        """Wait until at most ``waiting`` writes are left to do, and raise the error of a write that failed."""
        while len(self._writing) > waiting:
            self._writing.popleft().result()

    def commit(
        self, end: int, statistics: Mapping[str, LayerStatistics], skipped: Mapping[int, str], complete: bool = False
    ) -> None:
        """Make all appended images count: the first ``end`` images in the reading order are done."""
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
    """Return the plan of the run whose activations the folder holds, finished or not; None if it holds none.

    >>> kept_plan("none") is None
    True
    """
    if not (Path(folder) / STATE).is_file():
        return None
    return dict(read_state(Path(folder)).description.get("plan", {}))
