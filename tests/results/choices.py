"""A criterion and statistics beside the built-in ones, as somebody would add them."""

import numpy as np

from netdissect.results.criteria import Criterion
from netdissect.results.statistics import Statistic


class Dice(Criterion):
    """Twice the overlap over the sum of the areas (Dice 1945)."""

    name, title = "dice", "Dice"
    help = "Twice the overlap over the sum of both areas."

    def score(self, counts):
        both = counts.mask_area + counts.concept_area
        return np.divide(2 * counts.intersection, both, out=np.zeros(both.shape), where=both > 0)

    def ceiling(self, counts):
        both, smaller = counts.mask_area + counts.concept_area, np.minimum(counts.mask_area, counts.concept_area)
        return np.divide(2 * smaller, both, out=np.zeros(both.shape), where=both > 0)


class Precision(Statistic):
    """The share of the mask that is the concept; undefined for an empty mask."""

    name, title = "precision", "precision"
    help = "The share of the mask's label pixels that carry the concept."

    def per_row(self, layer, rows):
        overlap = np.where(rows.named, layer.counts.intersection[rows.unit, rows.concept], 0)
        area = layer.counts.unit_area[rows.unit, rows.category]
        return np.divide(overlap, area, out=np.full(len(area), np.nan), where=area > 0)


class Rank(Statistic):
    """The unit's rank by area: a whole number."""

    name, title, help = "rank", "rank by area", "Counted from 1."

    def per_row(self, layer, rows):
        area = layer.counts.unit_area.max(axis=1)
        return (-area).argsort(kind="stable").argsort()[rows.unit] + 1


class Undefined(Statistic):
    name, title, help = "undefined", "undefined", "Never defined."

    def per_row(self, layer, rows):
        return np.full(len(rows.unit), np.nan)
