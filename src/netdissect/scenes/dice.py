"""The random choices of a scene, all from one generator."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from netdissect.scenes.arrays import Numbers

Option = TypeVar("Option")


class Dice:
    """Random choices that follow from the seed and the index of an image alone.

    Only ``Generator.random`` is used: its stream is the simplest and hence the least likely to change with NumPy.

    >>> Dice(seed=1, index=2).pick("abc") == Dice(seed=1, index=2).pick("abc")
    True
    """

    def __init__(self, seed: int, index: int) -> None:
        self._generator = np.random.default_rng([seed, index])

    def between(self, low: float, high: float) -> float:
        """Draw a number from ``low`` to ``high``, all equally likely."""
        return low + (high - low) * float(self._generator.random())

    def chance(self, probability: float) -> bool:
        """Return True with the given probability."""
        return float(self._generator.random()) < probability

    def count(self, low: int, high: int) -> int:
        """Draw a whole number from ``low`` to ``high``, both included."""
        return low + int(self._generator.random() * (high - low + 1))

    def pick(self, options: Sequence[Option]) -> Option:
        """Draw an option; one that is listed twice is twice as likely."""
        return options[int(self._generator.random() * len(options))]

    def table(self, *shape: int) -> Numbers:
        """Draw an array of this shape, with numbers from 0 to 1."""
        return self._generator.random(shape, dtype=np.float32)
