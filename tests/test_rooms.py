"""Imports go one way: a module imports only from rooms above its own."""

import ast
from pathlib import Path

import pytest

import netdissect

PACKAGE = Path(netdissect.__file__).parent

#: From the top of the house to the bottom; `netdissect/__init__.py` and `__main__.py` are doors, not rooms.
ROOMS = (
    "types",
    "registry",
    "numbers",
    "labels",
    "storage",
    "parallel",
    "scenes",
    "concepts",
    "broden",
    "networks",
    "engine",
    "activations",
    "measure",
    "results",
    "visualization",
    "compare",
    "report",
    "options",
    "progress",
    "pipeline",
    "experiments",
    "printing",
    "cli",
)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [node.module]
        for name in names:
            if name.split(".")[0] == "netdissect" and "." in name:
                yield name.split(".")[1]


MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) not in ("__init__", "__main__")]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_only_from_rooms_above(path):
    room = room_of(path)
    assert room in ROOMS
    allowed = ROOMS[: ROOMS.index(room) + 1]
    assert set(imported_rooms(path)) <= set(allowed)


def test_types_imports_no_room():
    assert not set(imported_rooms(PACKAGE / "types.py"))


@pytest.mark.parametrize("name", netdissect.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(netdissect, name).__doc__


def test_unknown_public_name():
    with pytest.raises(AttributeError, match="nothing"):
        _ = netdissect.nothing
