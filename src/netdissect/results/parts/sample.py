"""The highest responses of a layer's units to a sample of the images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from netdissect.storage import read_arrays, save_arrays

_FILE = "sample.npz"


@dataclass(frozen=True, repr=False, eq=False)
class Sample:
    """The highest activation of each of ``u`` units on each of ``s`` images, which ``image_names`` names."""

    image_names: tuple[str, ...]
    peaks: Float32[np.ndarray, "s u"]

    def save(self, folder: Path) -> None:
        """Write the sample to the layer's ``folder``. Raises ``OSError``."""
        save_arrays(folder / _FILE, {"image_name": np.array(self.image_names, dtype=str), "peaks": self.peaks})

    @classmethod
    def load(cls, folder: Path) -> "Sample | None":
        """Return the sample in the layer's ``folder``, None if there is none."""
        if not (folder / _FILE).is_file():
            return None
        arrays = read_arrays(folder / _FILE)
        return cls(tuple(arrays["image_name"].tolist()), arrays["peaks"])
