"""The activations of a layer in numbers: thresholds, histograms, extremes."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from netdissect.storage import read_arrays, save_arrays

_FILE = "activations.npz"


@dataclass(frozen=True, repr=False, eq=False)
class Activations:
    """The thresholds of ``u`` units, and how their activations are distributed.

    ``histogram`` counts activations in ``b`` equal bins: the first begins at ``bin_start``, each is ``bin_width`` wide,
    and the last ones may be empty. ``low`` and ``high`` are the smallest and largest activation.
    """

    thresholds: Float32[np.ndarray, " u"]
    histogram: Int64[np.ndarray, "u b"]
    bin_start: Float32[np.ndarray, " u"]
    bin_width: Float32[np.ndarray, " u"]
    low: Float32[np.ndarray, " u"]
    high: Float32[np.ndarray, " u"]

    @property
    def positions(self) -> int:
        """The number of activations of each unit, from which thresholds are taken: ``N``, images x h x w."""
        return int(self.histogram[0].sum())

    def silent(self, quantile: float) -> dict[int, str]:
        """Return the reason for each unit whose mask is empty at the ``quantile``, so that it has no label.

        >>> zeros, ones = np.zeros(2, np.float32), np.ones(2, np.float32)
        >>> high = np.array([0, 1], np.float32)
        >>> activations = Activations(zeros, np.full((2, 1), 100), zeros, ones, zeros, high)
        >>> activations.silent(0.05)
        {0: 'always 0, it never responds'}
        >>> activations.silent(0.001)
        {0: '100 positions are too few for a quantile of 0.001'}
        """
        reasons = {}
        for unit in np.flatnonzero(self.thresholds >= self.high):
            level = f"{float(self.high[unit]):.4g}"
            if quantile * self.positions < 1:
                reasons[int(unit)] = f"{self.positions} positions are too few for a quantile of {quantile:g}"
            elif self.low[unit] == self.high[unit]:
                reasons[int(unit)] = f"always {level}, it never responds"
            else:
                reasons[int(unit)] = f"saturated, at its highest value {level} more often than the quantile"
        return reasons

    def save(self, folder: Path) -> None:
        """Write the activations to the layer's ``folder``. Raises ``OSError``."""
        save_arrays(folder / _FILE, {column.name: getattr(self, column.name) for column in fields(self)})

    @classmethod
    def load(cls, folder: Path) -> "Activations | None":
        """Return the activations in the layer's ``folder``, None if there are none."""
        if not (folder / _FILE).is_file():
            return None
        return cls(**read_arrays(folder / _FILE))
