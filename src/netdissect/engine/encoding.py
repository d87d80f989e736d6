"""Masks as text: run lengths in the form that COCO's tools read and write."""

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco


def encode_masks(masks: Bool[np.ndarray, "m sh sw"]) -> list[str]:
    """Encode each mask as run lengths in COCO's compressed form, dark pixels first, row by row from the top.

    COCO goes by columns: its tools decode the mask with rows and columns exchanged.

    >>> encode_masks(np.array([[[False, True, True], [True, False, False]]]))
    ['132']
    """
    by_rows = np.ascontiguousarray(masks).view(np.uint8).transpose(2, 1, 0)  # in the order COCO wants, without a copy
    return [encoded["counts"].decode("ascii") for encoded in coco.encode(by_rows)]
