"""Reports that several tests read."""

import pytest

from tests.unchecked import unchecked_types

# netdissect is imported in the fixtures: types are checked in what is imported once the tests are set up.


@pytest.fixture(scope="session")
def tiny():
    from tests.report.results import tiny_result

    return tiny_result()


@pytest.fixture(scope="session")
def tiny_report(tiny, tmp_path_factory):
    from netdissect import write_report

    return write_report(tiny, tmp_path_factory.mktemp("tiny") / "report").parent


@pytest.fixture(scope="session")
def two_runs():
    """Two runs of two layers of the same names, of other counts."""
    from tests.report.results import random_layer, result_of

    return [
        result_of(random_layer(30, layer="early", seed=1), random_layer(50, layer="late", seed=2), name="first"),
        result_of(random_layer(30, layer="early", seed=3), random_layer(50, layer="late", seed=4), name="second"),
    ]


@pytest.fixture(scope="session")
def two_runs_report(two_runs, tmp_path_factory):
    from netdissect import write_report

    with unchecked_types():
        return write_report(two_runs, tmp_path_factory.mktemp("two") / "report").parent


@pytest.fixture(scope="session")
def many_units(tmp_path_factory):
    """The report of a layer of 2,048 units."""
    from netdissect import write_report
    from tests.report.results import random_layer, result_of

    with unchecked_types():
        result = result_of(random_layer(2048, seed=5, top=5))
        return write_report(result, tmp_path_factory.mktemp("many") / "report").parent
