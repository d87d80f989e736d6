"""Tallies that are noted on disk while images are counted, so that a killed count goes on."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from netdissect.engine.tally import Tally
from netdissect.storage import read_npz, write_npz
from netdissect.types import NetdissectError, one_line

#: The file of the tallies of the images counted so far, in the folder of the activations.
TALLIES = "tallies.npz"

#: Notes take at most about one part in so many of the time.
_PAUSE = 10


class NotedTallies:
    """The file ``path`` of the tallies of one count, written again about every ``chunk_seconds``.

    ``description`` is plain data that identifies the count: the notes of another count are not read.

    >>> import tempfile
    >>> from netdissect.engine.tally import Concepts
    >>> tallies = {"layer4": Tally.empty(2, Concepts([], (4, 4)))}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / TALLIES
    ...     NotedTallies(path, {"align": "stretch"}, chunk_seconds=0.0).note(tallies, 32)
    ...     for align in ("stretch", "receptive"):
    ...         NotedTallies(path, {"align": align}, chunk_seconds=0.0).read(tallies)[1]
    32
    0
    """

    def __init__(self, path: Path, description: Mapping[str, Any], chunk_seconds: float) -> None:
        self.path = path
        self.description = dict(description)
        self.chunk_seconds = chunk_seconds
        self._due = time.monotonic() + chunk_seconds

    def read(self, empty: dict[str, Tally]) -> tuple[dict[str, Tally], int]:
        """Return the noted tallies by layer, and the number of images counted; ``empty`` and 0 if none are noted."""
        if not self.path.is_file():
            return empty, 0
        description, arrays = read_npz(self.path)
        counted = int(description.pop("counted"))
        if description != self.description:
            return empty, 0
        tallies = {}
        for index, (layer, tally) in enumerate(empty.items()):
            state = {
                name: torch.from_numpy(arrays[f"{index}.{name}"]).to(tensor.device)
                for name, tensor in tally.state().items()
            }
            tallies[layer] = Tally.from_state(state)
        return tallies, counted

    def note(self, tallies: Mapping[str, Tally], counted: int) -> None:
        """Write the tallies of the first ``counted`` images if it is time. Raises ``NetdissectError``."""
        begun = time.monotonic()
        if begun < self._due:
            return
        arrays = {
            f"{index}.{name}": tensor.cpu().numpy()
            for index, tally in enumerate(tallies.values())
            for name, tensor in tally.state().items()
        }
        try:
            write_npz(self.path, {**self.description, "counted": counted}, arrays)
        except OSError as error:
            raise NetdissectError(f"{self.path}: cannot be written: {one_line(error)}") from error
        written = time.monotonic()
        self._due = written + max(self.chunk_seconds, _PAUSE * (written - begun))
