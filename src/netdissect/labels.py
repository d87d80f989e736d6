"""The labels of one image."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int32, Integer


@dataclass(frozen=True)
class Labels:
    """The concepts of one image.

    ``maps`` holds concept numbers, one per pixel and label layer, 0 where a pixel carries none; there may be no layers.
    ``whole`` holds the numbers of the concepts that cover the whole image.
    """

    maps: Int32[np.ndarray, "l sh sw"]
    whole: tuple[int, ...] = ()


def repeated(layers: Integer[np.ndarray, "l *pixels"]) -> Bool[np.ndarray, "l *pixels"]:
    """Mark the values of each label layer that an earlier layer has at the same pixel.

    A pixel that carries a concept in several layers counts in the first of them alone.

    >>> repeated(np.array([[1, 2, 0], [1, 1, 3], [2, 2, 3]]))
    array([[False, False, False],
           [ True, False, False],
           [False,  True,  True]])
    """
    again = np.zeros(layers.shape, dtype=bool)
    for depth in range(1, len(layers)):
        for earlier in layers[:depth]:
            again[depth] |= layers[depth] == earlier
    return again
