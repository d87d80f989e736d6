"""The labels of one image."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32


@dataclass(frozen=True)
class Labels:
    """The concepts of one image.

    ``maps`` holds concept numbers, one per pixel and label layer, 0 where a pixel carries none; there may be no layers.
    ``whole`` holds the numbers of the concepts that cover the whole image.
    """

    maps: Int32[np.ndarray, "l sh sw"]
    whole: tuple[int, ...] = ()
