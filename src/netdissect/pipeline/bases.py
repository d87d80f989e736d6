"""The bases in which a caller wants layers dissected: read, checked, and what a run tells of them."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from netdissect.engine.basis import Components, Rotation
from netdissect.engine.view import View
from netdissect.networks.layers import LayerInfo
from netdissect.numbers import real_number, whole_number
from netdissect.storage import read_npz, write_npz
from netdissect.types import NetdissectError, OnProgress, no_progress, one_line

#: The basis of a layer's principal components.
PCA = "pca"

#: The components found, in the folder of the activations.
COMPONENTS = "components.npz"


@dataclass(frozen=True)
class Rotated:
    """The basis ``Q^amount``, where ``Q`` is the random rotation of ``seed``; at 0 nothing is multiplied."""

    amount: float | int
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number(self.seed, "seed of a rotation", least=0)
        if not 0 <= real_number(self.amount, "amount of a rotation") <= 1:
            raise NetdissectError(f"a layer is rotated by 0 to 1 of a rotation, not {self.amount}")


#: What a caller may call a basis: None for the channels, ``PCA``, a file, a matrix whose rows are directions.
BasisChoice = None | str | Path | np.ndarray | Tensor | Rotated


@dataclass(frozen=True, eq=False)
class Chosen:
    """A view, and what a run tells of its basis; None if it has none.

    Components have no matrix until they are found.
    """

    view: View
    told: Mapping[str, Any] | None = None

    @property
    def in_components(self) -> bool:
        return self.told is not None and self.told["kind"] == "components"


def choose_views(
    layers: Sequence[LayerInfo],
    basis: BasisChoice | Sequence[BasisChoice],
    on_progress: OnProgress = no_progress,
) -> list[Chosen]:
    """Each layer in the basis; in each of several, with names that tell them apart.

    Raises ``NetdissectError`` for a basis that is none, or does not fit a layer.
    """
    several = isinstance(basis, list | tuple)
    bases: Sequence[Any] = basis if isinstance(basis, list | tuple) else [basis]
    if not bases:
        raise NetdissectError("no basis is named")
    read = [_read(one) for one in bases]
    for layer in layers:
        for one, matrix in zip(bases, read, strict=True):
            if matrix is not None:
                _check_fits(one, matrix, layer)
    rotations = _rotations(layers, bases, on_progress)
    chosen, names = [], Counter[str]()
    for layer in layers:
        for one, matrix in zip(bases, read, strict=True):
            if isinstance(one, Rotated) and one.amount > 0:
                matrix = rotations[layer.units, one.seed].power(one.amount).astype(np.float32)
            name = layer.name + (_ending(one) if several else "")
            names[name] += 1
            name += f" ({names[name]})" if names[name] > 1 else ""
            rows = None if matrix is None else torch.from_numpy(matrix)
            chosen.append(Chosen(View(name, layer, rows), _told(one, layer, matrix)))
    return chosen


def _rotations(
    layers: Sequence[LayerInfo], bases: Sequence[BasisChoice], on_progress: OnProgress
) -> dict[tuple[int, int], Rotation]:
    """Those of each number of units and seed: for some thousands of units each takes a minute."""
    seeds = [one.seed for one in bases if isinstance(one, Rotated) and one.amount > 0]
    wanted = dict.fromkeys((layer.units, seed) for layer in layers for seed in seeds)
    rotations = {}
    for place, (units, seed) in enumerate(wanted):
        on_progress("rotations", place, len(wanted))
        rotations[units, seed] = Rotation.random(units, seed)
        on_progress("rotations", place + 1, len(wanted))
    return rotations


def with_components(chosen: Sequence[Chosen], found: Mapping[str, Components]) -> list[View]:
    """The views, with the components found of their layers for those that want them."""
    return [
        replace(one.view, basis=torch.from_numpy(found[one.view.layer.name].rows)) if one.in_components else one.view
        for one in chosen
    ]


def write_components(folder: Path, found: Mapping[str, Components]) -> None:
    """Raises ``NetdissectError`` where there is no room, say."""
    arrays = {f"{place}.{name}": array for place, one in enumerate(found.values()) for name, array in vars(one).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_npz(folder / COMPONENTS, {"layers": list(found)}, arrays)
    except OSError as error:
        raise NetdissectError(f"{folder / COMPONENTS}: cannot be written: {one_line(error)}") from error


def read_components(folder: Path) -> dict[str, Components]:
    description, arrays = read_npz(folder / COMPONENTS)
    return {
        layer: Components(arrays[f"{place}.rows"], arrays[f"{place}.variance"])
        for place, layer in enumerate(description["layers"])
    }


def sha256_of(matrix: Float32[np.ndarray, "v u"]) -> str:
    """Of the matrix's shape and numbers."""
    return hashlib.sha256(str(matrix.shape).encode() + np.ascontiguousarray(matrix).tobytes()).hexdigest()


def _ending(basis: BasisChoice) -> str:
    """What is added to a layer's name where it is dissected in several bases."""
    if basis is None:
        return ""
    if isinstance(basis, Rotated):
        return f" rotated {basis.amount:.10g} seed {basis.seed}"
    return " in pca" if isinstance(basis, str) and basis == PCA else f" in {_name(basis)}"


def _name(basis: BasisChoice) -> str:
    return Path(basis).name if isinstance(basis, str | Path) else "a matrix"


def _told(basis: BasisChoice, layer: LayerInfo, matrix: np.ndarray | None) -> dict[str, Any] | None:
    """What identifies a basis. A rotation's numbers may round otherwise elsewhere: its seed says which it is."""
    told: dict[str, Any] = {"layer": layer.name}
    if basis is None:
        return None
    if isinstance(basis, Rotated):
        return told | {"kind": "rotation", "amount": float(basis.amount), "seed": int(basis.seed)}
    if matrix is None:
        return told | {"kind": "components"}
    return told | {"kind": "matrix", "name": _name(basis), "sha256": sha256_of(matrix)}


def _read(basis: BasisChoice) -> Float32[np.ndarray, "v u"] | None:
    """The matrix of a basis that has the same for every layer."""
    if basis is None or isinstance(basis, Rotated) or (isinstance(basis, str) and basis == PCA):
        return None
    if not isinstance(basis, str | Path | np.ndarray | Tensor):
        raise NetdissectError(f"a basis is {PCA}, a file, or a matrix, not of type {type(basis).__name__}")
    what = _said(basis)
    array = _read_file(Path(basis)) if isinstance(basis, str | Path) else basis
    numbers = array.detach().cpu() if isinstance(array, Tensor) else array
    if isinstance(numbers, Tensor) and numbers.is_floating_point():
        numbers = numbers.float().numpy()  # whatever its precision: numpy has not all of them
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise NetdissectError(f"{what}: a basis is a matrix, a row per direction, not of shape {tuple(numbers.shape)}")
    if isinstance(numbers, Tensor) or not np.issubdtype(numbers.dtype, np.floating):
        raise NetdissectError(f"{what}: a basis is of real floating-point numbers, not {array.dtype}")
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(numbers, dtype=np.float32)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise NetdissectError(f"{what}: row {row} is not finite")
    return matrix


def _read_file(path: Path) -> np.ndarray | Tensor:
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        if path.suffix == ".safetensors":
            return _only_matrix(path, load_file(path))
    except (OSError, ValueError, EOFError, MemoryError, SafetensorError) as error:
        raise NetdissectError(f"{path}: cannot be read as a matrix: {one_line(error)}") from error
    raise NetdissectError(f"{path}: a basis is {PCA}, or a .npy or .safetensors file")


def _only_matrix(path: Path, tensors: Mapping[str, Tensor]) -> Tensor:
    matrices = [name for name, tensor in tensors.items() if tensor.ndim == 2 and tensor.is_floating_point()]
    if len(matrices) != 1:
        held = ", ".join(sorted(tensors)[:5]) or "nothing"
        raise NetdissectError(f"{path}: holds {len(matrices)} matrices, not one (there is {held})")
    return tensors[matrices[0]]


def _said(basis: BasisChoice) -> str:
    """What an error calls it."""
    return str(basis) if isinstance(basis, str | Path) else "the basis"


def _check_fits(basis: BasisChoice, matrix: np.ndarray, layer: LayerInfo) -> None:
    if matrix.shape[1] != layer.units:
        raise NetdissectError(
            f"{_said(basis)}: its directions are of {matrix.shape[1]} units, but layer {layer.name} has {layer.units}"
        )
