"""A slow oracle, written straight from the definition of the method: loops over units, images and pixels.

It shares no code with the package. Numbers are float32, since that is what activations are; sums are whole numbers.
"""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np


def threshold(values, quantile):
    """Return ``T = v[floor(q*N)]``, values sorted descending and counted from 0."""
    descending = sorted((float(value) for value in values), reverse=True)
    return descending[math.floor(Decimal(str(quantile)) * len(descending))]


def neighbours(position, length, out):
    """Return the two input positions around an output position when stretching, and the weight of the second."""
    x = (Fraction(2 * position + 1, 2) * length / out) - Fraction(1, 2)
    x = min(max(x, Fraction(0)), Fraction(length - 1))
    first = math.floor(x)
    return first, min(first + 1, length - 1), x - first


def anchored(centres, pixels):
    """Return a function like ``neighbours``, for inputs at ``centres`` on an axis of ``pixels`` image pixels."""

    def neighbours_of_centres(position, length, out):
        x = Fraction(2 * position + 1, 2) * pixels / out - Fraction(1, 2)
        exact = [Fraction(centre) for centre in centres]
        if x <= exact[0]:
            return 0, 0, Fraction(0)
        for first in range(length - 1):
            if exact[first] <= x < exact[first + 1]:
                return first, first + 1, (x - exact[first]) / (exact[first + 1] - exact[first])
        return length - 1, length - 1, Fraction(0)

    return neighbours_of_centres


def between(first, second, weight):
    first, second, weight = np.float32(first), np.float32(second), np.float32(float(weight))
    return first + weight * (second - first)


def mask(map_, level, shape, rows=neighbours, columns=neighbours):
    """Return a mask of ``shape``: true where the bilinear interpolation of ``map_`` is greater than ``level``.

    ``rows`` and ``columns`` return the input positions around an output position, as ``neighbours`` does.
    """
    height, width = map_.shape
    result = np.zeros(shape, dtype=bool)
    for y in range(shape[0]):
        top, bottom, down = rows(y, height, shape[0])
        for x in range(shape[1]):
            left, right, across = columns(x, width, shape[1])
            upper = between(map_[top, left], map_[top, right], across)
            lower = between(map_[bottom, left], map_[bottom, right], across)
            result[y, x] = between(upper, lower, down) > np.float32(level)
    return result


def exact_upsample(map_, shape, rows=neighbours, columns=neighbours):
    """Interpolate bilinearly in fractions, without any rounding."""
    height, width = map_.shape
    result = np.zeros(shape, dtype=object)
    for y in range(shape[0]):
        top, bottom, down = rows(y, height, shape[0])
        for x in range(shape[1]):
            left, right, across = columns(x, width, shape[1])
            corners = [[Fraction(float(map_[row, column])) for column in (left, right)] for row in (top, bottom)]
            upper, lower = (pair[0] * (1 - across) + pair[1] * across for pair in corners)
            result[y, x] = upper * (1 - down) + lower * down
    return result


def carries(labels, number):
    """Return the pixels that carry a concept, in one label layer or several, or as a whole image."""
    if number in labels.whole:
        return np.ones(labels.maps.shape[1:], dtype=bool)
    found = np.zeros(labels.maps.shape[1:], dtype=bool)
    for layer in labels.maps:
        found |= layer == number
    return found


def dissect(activations, labels, concepts, quantile):
    """Return thresholds, I by (unit, concept number), A by (unit, category), L by concept number, and IoU as I."""
    units = activations.shape[1]
    shape = labels[0].maps.shape[1:]
    thresholds = [threshold(activations[:, unit].ravel(), quantile) for unit in range(units)]
    area_of_concept = {c.number: sum(int(carries(image, c.number).sum()) for image in labels) for c in concepts}
    intersection, area_of_unit, iou = {}, {}, {}
    for unit in range(units):
        for concept in concepts:
            intersection[unit, concept.number] = 0
            area_of_unit[unit, concept.category] = 0
        for image, maps in zip(labels, activations, strict=True):
            lit = mask(maps[unit], thresholds[unit], shape)
            for category in {concept.category for concept in concepts}:
                if any(carries(image, c.number).any() for c in concepts if c.category == category):
                    area_of_unit[unit, category] += int(lit.sum())
            for concept in concepts:
                intersection[unit, concept.number] += int((lit & carries(image, concept.number)).sum())
        for concept in concepts:
            both = intersection[unit, concept.number]
            union = area_of_unit[unit, concept.category] + area_of_concept[concept.number] - both
            iou[unit, concept.number] = both / union if union else 0.0
    return thresholds, intersection, area_of_unit, area_of_concept, iou


def best_concept(unit, category, concepts, iou):
    """Return the concept of highest IoU in a category, ties to the lower number; None without overlap."""
    inside = sorted((c for c in concepts if c.category == category), key=lambda c: c.number)
    best = None
    for concept in inside:
        if iou[unit, concept.number] > (0 if best is None else iou[unit, best.number]):
            best = concept
    return best
