"""The ways in which a caller names a basis."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor

from netdissect.bases.base import Basis
from netdissect.bases.matrix import Matrix
from netdissect.choices import BASES
from netdissect.types import NetdissectError

#: A basis as a caller names it: None for the channels, a name, a file, a matrix whose rows are directions, an object.
BasisChoice: TypeAlias = str | Path | np.ndarray | Tensor | Basis | None


def read_basis(choice: BasisChoice) -> Basis | None:
    """Return the basis that ``choice`` names, None for the channels.

    A text is the name of a basis, ``name:argument``, or a file with a matrix. Raises ``NetdissectError``.

    >>> read_basis("pca")
    PrincipalComponents()
    >>> read_basis("rotation:0.5")
    Rotated(amount=0.5, seed=0)
    """
    if choice is None or isinstance(choice, Basis):
        return choice
    if isinstance(choice, str):
        name, _, argument = choice.partition(":")
        if name in BASES and not (name == "matrix" and not argument):
            basis: Basis = BASES[name].parse(argument)
            return basis
    if not isinstance(choice, str | Path | np.ndarray | Tensor):
        raise NetdissectError(f"a basis is {_known()}, a file, or a matrix, not of type {type(choice).__name__}")
    if isinstance(choice, str | Path) and Path(choice).suffix not in (".npy", ".safetensors"):
        raise NetdissectError(f"{choice}: a basis is {_known()}, or a .npy or .safetensors file")
    return Matrix.of(choice)


def read_bases(choice: BasisChoice | Sequence[BasisChoice]) -> list[Basis | None]:
    """Return the basis, or each of several. Raises ``NetdissectError``.

    >>> read_bases([None, "pca"])
    [None, PrincipalComponents()]
    """
    choices: Sequence[Any] = choice if isinstance(choice, list | tuple) else [choice]
    if not choices:
        raise NetdissectError("no basis is named")
    return [read_basis(each) for each in choices]


def _known() -> str:
    return ", ".join(name for name in BASES if name != "matrix")
