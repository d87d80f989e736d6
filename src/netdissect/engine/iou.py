"""Intersection over union, and its ceiling, from summed counts. Without torch, so that saved results open fast."""

import numpy as np
from jaxtyping import Float, Int64


def intersection_over_union(
    intersection: Int64[np.ndarray, "u c"],
    unit_area: Int64[np.ndarray, "u k"],
    concept_area: Int64[np.ndarray, " c"],
    category_of: Int64[np.ndarray, " c"],
) -> Float[np.ndarray, "u c"]:
    """Return ``IoU(u,c) = I(u,c) / (A(u,k(c)) + L(c) - I(u,c))`` of summed counts; 0 where nothing was counted.

    >>> intersection_over_union(np.array([[10, 0]]), np.array([[30, 20]]), np.array([20, 5]), np.array([0, 1]))
    array([[0.25, 0.  ]])
    """
    union = unit_area[:, category_of] + concept_area[None] - intersection
    return np.divide(intersection, union, out=np.zeros(union.shape), where=union > 0)


def iou_ceiling(
    unit_area: Int64[np.ndarray, "u k"],
    concept_area: Int64[np.ndarray, " c"],
    category_of: Int64[np.ndarray, " c"],
) -> Float[np.ndarray, "u c"]:
    """Return ``min(A, L) / max(A, L)``, the highest IoU of a mask and a concept of these areas; 0 if either is empty.

    >>> iou_ceiling(np.array([[30, 20]]), np.array([15, 5]), np.array([0, 1]))
    array([[0.5 , 0.25]])
    """
    area = unit_area[:, category_of]
    larger = np.maximum(area, concept_area[None])
    return np.divide(np.minimum(area, concept_area[None]), larger, out=np.zeros(area.shape), where=larger > 0)
