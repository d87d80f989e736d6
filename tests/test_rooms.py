"""Imports go one way: a module imports only from rooms above its own, and no modules import one another in a circle."""

import ast
from pathlib import Path

import pytest

import netdissect

PACKAGE = Path(netdissect.__file__).parent

#: From the top of the house to the bottom; `netdissect/__init__.py` and `__main__.py` are doors, not rooms.
ROOMS = (
    "types",
    "numbers",
    "registry",
    "choices",
    "settings",
    "labels",
    "parallel",
    "progress",
    "storage",
    "engine",
    "scenes",
    "concepts",
    "broden",
    "networks",
    "results",
    "bases",
    "inference",
    "pages",
    "activations",
    "compare",
    "visualization",
    "report",
    "measure",
    "pipeline",
    "experiments",
    "printing",
    "cli",
)

#: Circles still to be removed: each entry must exist, so that the list shrinks with them.
KNOWN_CIRCLES = ()


def module_name(path, package):
    """Return the dotted name of the module in the file ``path``."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree):
    """Yield each import that a module runs, in functions too; imports for type checkers alone are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                yield from imports(ast.Module([other], []))
        else:
            yield from imports(node)


def imported_modules(path, modules):
    """Return the modules of the package that the file ``path`` imports: the deepest of ``modules`` that it names."""
    names = []
    for node in imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{path}: relative import"
            # From a package either a module or what the package itself shows.
            names += [
                deeper if (deeper := f"{node.module}.{alias.name}") in modules else node.module for alias in node.names
            ]
    return {name for name in names if name in modules}


def import_graph(package):
    """Return the modules that each module of the package in a folder imports, by dotted name."""
    modules = {module_name(path, package): path for path in sorted(package.rglob("*.py"))}
    return {name: imported_modules(path, modules) for name, path in modules.items()}


def circles(graph):
    """Return the groups of modules that reach one another, each sorted; a module that imports itself is one, too."""
    reachable = {}
    for start in graph:
        seen, waiting = set(), [start]
        while waiting:
            for module in graph[waiting.pop()]:
                if module not in seen:
                    seen.add(module)
                    waiting.append(module)
        reachable[start] = seen
    return sorted(
        {
            tuple(sorted(other for other in seen if start in reachable[other]))
            for start, seen in reachable.items()
            if start in seen
        }
    )


def path_around(group, graph):
    """Return one way round a circle, as a line to be read."""
    walk = [group[0]]
    while walk[-1] not in walk[:-1]:
        walk.append(next(module for module in sorted(graph[walk[-1]]) if module in group))
    return " -> ".join(walk[walk.index(walk[-1]) :])


GRAPH = import_graph(PACKAGE)


def room_of(module):
    """Return the room of a module; None for the doors of the house."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


def test_imports_only_from_rooms_above():
    wrong = []
    for module, imported in GRAPH.items():
        if room_of(module) is None:
            continue
        allowed = ROOMS[: ROOMS.index(room_of(module)) + 1] if room_of(module) in ROOMS else ()
        wrong += [f"{module} imports {other}" for other in sorted(imported) if room_of(other) not in allowed]
    assert not wrong


def test_every_room_has_its_floor():
    assert {room_of(module) for module in GRAPH} - {None} == set(ROOMS)


def test_no_modules_import_one_another_in_a_circle():
    found = circles(GRAPH)
    new = [path_around(group, GRAPH) for group in found if group not in KNOWN_CIRCLES]
    assert not new
    assert set(found) == set(KNOWN_CIRCLES), "a circle is gone: take it from the list"


def test_circles_are_seen(tmp_path):
    package = tmp_path / "house"
    (package / "room").mkdir(parents=True)
    files = {
        "__init__": "",
        "room/__init__": "from house.room.first import one\n",
        "room/first": "def one():\n    from house.room import second\n",
        "room/second": "try:\n    import house.room.third\nexcept ImportError:\n    pass\n",
        "room/third": "from house.room.first import one\n",
        "room/typed": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.room import back\n",
        "room/back": "from house.room.typed import two\n",
        "itself": "import house.itself\n",
    }
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    graph = import_graph(package)
    around = ("house.room.first", "house.room.second", "house.room.third")
    assert circles(graph) == [("house.itself",), around]
    assert path_around(around, graph) == "house.room.first -> house.room.second -> house.room.third -> house.room.first"


def test_types_imports_no_room():
    assert not GRAPH["netdissect.types"]


def test_every_public_name_is_there_and_documented():
    undocumented = [name for name in netdissect.__all__ if not getattr(netdissect, name).__doc__]
    assert netdissect.__all__ and not undocumented


def test_unknown_public_name():
    with pytest.raises(AttributeError, match="nothing"):
        _ = netdissect.nothing
