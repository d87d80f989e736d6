"""Bases whose directions are the rows of a matrix."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from netdissect.bases.base import Basis, Fitted, SharedWork
from netdissect.engine.basis import in_basis
from netdissect.networks.layers import LayerInfo
from netdissect.results.description import BasisDescription
from netdissect.types import NetdissectError, one_line


@dataclass(frozen=True, eq=False)
class Product:
    """The product of ``rows`` with the activations at every position.

    >>> product = Product(torch.tensor([[1.0, 1.0]]))
    >>> product(torch.tensor([[[[1.0]], [[2.0]]]])).tolist()
    [[[[3.0]]]]
    """

    rows: Float[Tensor, "v u"]

    def __call__(self, maps: Float[Tensor, "n u h w"]) -> Float[Tensor, "n v h w"]:
        """Return the maps in the basis."""
        if maps.requires_grad:  # no gradient leads through products that are written into their positions
            return torch.einsum("nuhw,vu->nvhw", maps, self.rows)
        return in_basis(maps, self.rows)

    def to(self, device: torch.device) -> "Product":
        """Return the product on ``device``."""
        return Product(self.rows.to(device))


@dataclass(frozen=True, eq=False)
class Matrix(Basis):
    """The rows of ``matrix`` as directions; ``name`` is the matrix' own, and errors call it ``source``."""

    kind = "matrix"

    matrix: Float32[np.ndarray, "v u"]
    name: str
    source: str

    @classmethod
    def of(cls, value: str | Path | np.ndarray | Tensor) -> "Matrix":
        """Return the basis of a matrix, or of a ``.npy`` or ``.safetensors`` file with one.

        Raises ``NetdissectError`` unless it is a matrix of finite real numbers.

        >>> Matrix.of(np.eye(3)).matrix.shape
        (3, 3)
        """
        if isinstance(value, str | Path):
            return cls(_checked(_read_file(Path(value)), str(value)), Path(value).name, str(value))
        return cls(_checked(value, "the basis"), "a matrix", "the basis")

    @classmethod
    def parse(cls, argument: str) -> "Matrix":
        """Return the basis of a file."""
        return cls.of(argument)

    @property
    def ending(self) -> str:
        """The ending of a layer's name."""
        return f" in {self.name}"

    def units(self, layer: LayerInfo) -> int:
        """Return the number of rows. Raises ``NetdissectError`` if these are of another number of units."""
        rows, length = self.matrix.shape
        if length != layer.units:
            raise NetdissectError(
                f"{self.source}: its directions are of {length} units, but layer {layer.name} has {layer.units}"
            )
        return rows

    def describe(self, layer: LayerInfo) -> BasisDescription:
        """Return the description: the matrix' name and SHA-256 identify it."""
        facts = {"name": self.name, "sha256": sha256_of(self.matrix)}
        return BasisDescription(layer=layer.name, kind=self.kind, words=f"in the basis of {self.name}", facts=facts)

    def transform(self, layer: LayerInfo, fitted: Fitted | None, shared: SharedWork) -> Product:
        """Return the product with the matrix."""
        return Product(torch.from_numpy(self.matrix))


def sha256_of(matrix: Float32[np.ndarray, "v u"]) -> str:
    """Return the SHA-256 of a matrix' shape and numbers."""
    return hashlib.sha256(str(matrix.shape).encode() + np.ascontiguousarray(matrix).tobytes()).hexdigest()


def _checked(array: np.ndarray | Tensor, source: str) -> Float32[np.ndarray, "v u"]:
    numbers = array.detach().cpu() if isinstance(array, Tensor) else array
    if isinstance(numbers, Tensor) and numbers.is_floating_point():
        numbers = numbers.float().numpy()  # whatever its precision: numpy lacks some
    if numbers.ndim != 2 or 0 in numbers.shape:
        shape = tuple(numbers.shape)
        raise NetdissectError(f"{source}: a basis is a matrix, a row per direction, not of shape {shape}")
    if isinstance(numbers, Tensor) or not np.issubdtype(numbers.dtype, np.floating):
        raise NetdissectError(f"{source}: a basis is of real floating-point numbers, not {array.dtype}")
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(numbers, dtype=np.float32)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise NetdissectError(f"{source}: row {row} is not finite")
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
    raise NetdissectError(f"{path}: a matrix is read from a .npy or .safetensors file")


def _only_matrix(path: Path, tensors: Mapping[str, Tensor]) -> Tensor:
    matrices = [name for name, tensor in tensors.items() if tensor.ndim == 2 and tensor.is_floating_point()]
    if len(matrices) != 1:
        names = ", ".join(sorted(tensors)[:5]) or "nothing"
        raise NetdissectError(f"{path}: holds {len(matrices)} matrices, not one (there is {names})")
    return tensors[matrices[0]]
