"""A layer for tests of results."""

import pytest

# netdissect is imported in the fixture: types are checked in what is imported once the tests are set up.


@pytest.fixture
def layer():
    """Four units: car by far; sky and car and wheel alike; striped below the cut; nothing."""
    from tests.results.small import layer_result

    return layer_result(
        intersection=[[0, 5, 50, 0], [20, 10, 20, 0], [0, 0, 0, 3], [0, 0, 0, 0]],
        unit_area=[[100, 60, 10], [40, 30, 10], [40, 40, 90], [0, 0, 0]],  # object, part, texture
        concept_area=[80, 40, 80, 100],
    )
