"""The top images of a layer's units: which images, how high the units are there, and their maps."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float32, Int64

from netdissect.storage import read_arrays, save_arrays

_FILE, _TABLE = "top.npz", "top.parquet"


@dataclass(frozen=True, repr=False, eq=False)
class LayerTopImages:
    """The ``t`` images on which each of ``u`` units is highest, best first.

    ``image`` holds indices into the dataset, ``activation`` the unit's highest activation there, ``maps`` its
    activation maps.
    """

    image: Int64[np.ndarray, "u t"]
    activation: Float32[np.ndarray, "u t"]
    maps: Float32[np.ndarray, "u t h w"]

    @cached_property
    def positions(self) -> Int64[np.ndarray, "u t 2"]:
        """Row and column of the highest value of each map, the first of several.

        >>> maps = np.array([[[[0, 1], [3, 2]]]], np.float32)
        >>> LayerTopImages(np.array([[7]]), maps.max(axis=(2, 3)), maps).positions.tolist()
        [[[1, 0]]]
        """
        units, ranks, height, width = self.maps.shape
        highest = self.maps.reshape(units, ranks, height * width).argmax(axis=2)
        return np.stack(np.divmod(highest, width), axis=2)

    def save(self, folder: Path, names: Mapping[int, str]) -> None:
        """Write the top images to the layer's ``folder``, and a table of them with the images' ``names``.

        Raises ``OSError``.
        """
        save_arrays(folder / _FILE, {"image": self.image, "activation": self.activation, "maps": self.maps})
        self.table(names).to_parquet(folder / _TABLE, index=False)

    def table(self, names: Mapping[int, str]) -> pd.DataFrame:
        """Return a row per unit and rank; ``names`` are the images' by their index."""
        units, ranks = self.image.shape
        image = self.image.ravel()
        return pd.DataFrame(
            {
                "unit": np.repeat(np.arange(units), ranks),
                "rank": np.tile(np.arange(ranks), units),
                "image": image,
                "image_name": [names[int(index)] for index in image],
                "activation": self.activation.ravel(),
                "row": self.positions[..., 0].ravel(),
                "column": self.positions[..., 1].ravel(),
            }
        )

    @classmethod
    def load(cls, folder: Path) -> "LayerTopImages | None":
        """Return the top images in the layer's ``folder``, None if there are none."""
        if not (folder / _FILE).is_file():
            return None
        return cls(**read_arrays(folder / _FILE))
