"""The engine knows tensors alone: no images, networks, datasets or files."""

import ast
import sys
from pathlib import Path

import pytest

import netdissect.engine

ENGINE = Path(netdissect.engine.__file__).parent

#: Modules of the standard library that deal with files.
FILES = {"os", "io", "json", "pathlib", "shutil", "tempfile", "glob", "pickle", "zipfile", "sqlite3"}

PACKAGES = {"numpy", "scipy", "torch", "jaxtyping", "attrs"}

ROOMS = ("netdissect.engine", "netdissect.types", "netdissect.labels", "netdissect.parallel")

#: Functions that read or write files, however they are reached.
READING = {"open", "load", "save", "savez", "savez_compressed", "fromfile", "tofile", "memmap", "loadtxt", "savetxt"}


def impurities(source, module=""):
    """Return the imports and calls that an engine module may not have, as text."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if not allowed(alias.name, module)]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += ["relative import"] if node.level else [name for name in names if not allowed(name, module)]
        elif isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            found += [f"{name}()"] if name in READING or name == "__import__" else []
        elif isinstance(node, ast.Attribute) and ast.unparse(node).startswith("torch.nn"):
            found.append(ast.unparse(node))
    return found


def allowed(name, module):
    """Return whether an engine module may import ``name``, in full."""
    package = name.split(".")[0]
    if name.startswith("torch.nn"):
        return name.startswith("torch.nn.functional")
    if package == "netdissect":
        return name.startswith(ROOMS)
    if package == "pycocotools":
        return module == "encoding"
    return package in PACKAGES or (package in sys.stdlib_module_names and package not in FILES)


def test_the_engine_knows_tensors_alone():
    modules = {path.stem: path.read_text() for path in sorted(ENGINE.rglob("*.py"))}
    assert len(modules) > 10
    found = {module: impurities(source, module) for module, source in modules.items()}
    assert not {module: names for module, names in found.items() if names}


@pytest.mark.parametrize(
    "line",
    [
        "from PIL import Image",
        "import torchvision",
        "from torch import nn",
        "from torch import Tensor, nn",
        "import torch.nn as nn",
        "from torch.nn import Module",
        "torch.nn.Linear(2, 2)",
        "from pathlib import Path",
        "import os",
        "def read():\n    import json",
        "from netdissect.concepts.base import ConceptDataset",
        "from netdissect import dissect",
        "from netdissect.bases import BasisView",
        "from pycocotools import mask",
        "from . import mask",
        "open('file')",
        "torch.load('file')",
        "np.fromfile('file')",
        "__import__('os')",
    ],
)
def test_impure_lines_are_found(line):
    assert impurities(line, "mask")


@pytest.mark.parametrize(
    "line",
    [
        "import numpy as np",
        "from torch import Tensor",
        "from torch.nn import functional",
        "import scipy.linalg",
        "from collections.abc import Iterator",
        "from netdissect.engine.flags import indices_of",
        "from netdissect.types import Concept",
        "from netdissect.labels import Labels",
    ],
)
def test_pure_lines_are_not(line):
    assert not impurities(line, "mask")
