"""What several tests need."""

import sys

import pytest

from tests.browser import browser, visit  # noqa: F401, fixtures of pages in every room
from tests.unchecked import unchecked_types


@pytest.fixture(scope="module")
def large_networks():
    """Watches large networks with types unchecked."""
    with unchecked_types():
        yield


@pytest.fixture
def unchecked():
    """Runs what takes long, and what other tests call with types checked, with types unchecked."""
    with unchecked_types():
        yield


@pytest.fixture
def run(capfd, monkeypatch):
    """Runs the command in this process: (exit status, standard output, standard error)."""
    from netdissect import cli  # only now: types are checked in what is imported once the tests are set up

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["netdissect", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code or 0
        return status, *capfd.readouterr()

    return command
