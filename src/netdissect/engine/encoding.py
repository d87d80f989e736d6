"""Masks as text: run lengths, as COCO's tools write and read them."""

import numpy as np
from jaxtyping import Bool
from pycocotools import mask as coco


def encode_masks(masks: Bool[np.ndarray, "m sh sw"]) -> list[str]:
    """Each mask as a string of run lengths in COCO's compressed form, dark pixels first, row by row from the top.

    COCO goes by columns: what its tools decode is the mask with rows and columns exchanged.
    """
    by_rows = np.ascontiguousarray(masks).view(np.uint8).transpose(2, 1, 0)  # in the order COCO wants, without a copy
    return [encoded["counts"].decode("ascii") for encoded in coco.encode(by_rows)]
