"""COCO's three forms of a mask: polygons, run lengths, and run lengths compressed to a text.

pycocotools reads them, and trusts its input: this module refuses all that would make it read foreign memory.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool


def largest_first(masks: list[tuple[int, bytes]], shape: tuple[int, int]) -> list[tuple[int, bytes]]:
    """Sort labelled masks by falling area in pixels; masks of equal areas stay in order.

    >>> dot, row = (encode_mask({"size": [1, 3], "counts": counts}, (1, 3)) for counts in ([0, 1, 2], [0, 3]))
    >>> [label for label, _ in largest_first([(1, dot), (2, row)], (1, 3))]
    [2, 1]
    """
    from pycocotools import mask  # only COCO needs it

    areas = mask.area([{"size": list(shape), "counts": runs} for _, runs in masks]).astype(np.int64)
    return [masks[index] for index in np.argsort(-areas, kind="stable")]


def encode_mask(segmentation: Any, shape: tuple[int, int]) -> bytes:
    """Compress a mask in any of the forms to run lengths, for an image of ``shape`` (H, W).

    Raises ``ValueError``, ``TypeError``, ``AttributeError`` or ``OverflowError`` if it makes no sense.

    >>> encode_mask({"size": [2, 2], "counts": [1, 2, 1]}, (2, 2))
    b'121'
    """
    from pycocotools import mask

    height, width = shape
    if isinstance(segmentation, list):
        polygons = [np.asarray(polygon, dtype=np.float64) for polygon in segmentation]
        if not polygons or any(polygon.ndim != 1 or len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
            raise ValueError("not polygons of at least three points, x and y in turns")
        if not all((np.abs(polygon) <= 2 * max(shape)).all() for polygon in polygons):
            raise ValueError(f"a point of a polygon lies far outside the image of {width}x{height}")
        return mask.merge(mask.frPyObjects(polygons, height, width))["counts"]
    size, runs = segmentation.get("size"), segmentation.get("counts", "")
    if size != [height, width]:
        raise ValueError(f"its size {size} is not that of the image, {[height, width]}")
    if isinstance(runs, list):
        if min(runs) < 0 or sum(runs) != height * width:
            raise ValueError("run lengths that do not add up to the image's pixels")
        return mask.frPyObjects(segmentation, height, width)["counts"]
    text = runs.encode("ascii")
    if not text or b"\0" in text or (text[-1] - ord("0")) & 32:  # pycocotools would read on, beyond the end
        raise ValueError("compressed run lengths that break off")
    return text


def decode_mask(runs: bytes, shape: tuple[int, int]) -> Bool[np.ndarray, "H W"]:
    """Return the pixels of compressed run lengths. Raises ``ValueError`` if they do not add up to ``shape`` (H, W)."""
    from pycocotools import mask

    height, width = shape
    try:  # pycocotools refuses too many pixels, but leaves memory as it was where there are too few
        mask.decode({"size": [1, height * width - 1], "counts": runs})
    except ValueError:
        return mask.decode({"size": [height, width], "counts": runs}).astype(bool)
    raise ValueError("run lengths that end before the last pixel")
