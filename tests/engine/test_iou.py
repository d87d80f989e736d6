"""Intersection over union, and its ceiling, against fractions."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.engine.iou import intersection_over_union, iou_ceiling

AREAS = st.integers(0, 30) | st.integers(2**40, 2**50)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_equals_fractions(data):
    """Two concepts in two categories; areas may be empty, or as large as in a dataset."""
    concept_area = np.array(data.draw(st.lists(AREAS, min_size=2, max_size=2)))
    unit_area = np.array(data.draw(st.lists(AREAS, min_size=2, max_size=2)))[None]
    category_of = np.array(data.draw(st.lists(st.integers(0, 1), min_size=2, max_size=2)))
    areas = [(int(unit_area[0, category_of[c]]), int(concept_area[c])) for c in range(2)]
    both = np.array([[data.draw(st.integers(0, min(pair))) for pair in areas]])
    iou = intersection_over_union(both, unit_area, concept_area, category_of)
    ceiling = iou_ceiling(unit_area, concept_area, category_of)
    for c, (unit, concept) in enumerate(areas):
        union = unit + concept - int(both[0, c])
        assert iou[0, c] == (float(Fraction(int(both[0, c]), union)) if union else 0.0)
        assert ceiling[0, c] == (float(Fraction(min(unit, concept), max(unit, concept))) if max(unit, concept) else 0)
        assert 0 <= iou[0, c] <= ceiling[0, c] <= 1
