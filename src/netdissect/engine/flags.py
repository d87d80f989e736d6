"""Finding and counting the true values among many flags."""

import numpy as np
import torch
from jaxtyping import Bool, Int32, Int64
from torch import Tensor


def indices_of(flags: Bool[Tensor, "a b"]) -> tuple[Int64[Tensor, " v"], Int64[Tensor, " v"]]:
    """Return the two indices of each true value, in order.

    >>> indices_of(torch.tensor([[False, True], [True, True]]))
    (tensor([0, 1, 1]), tensor([1, 0, 1]))
    """
    if flags.device.type != "cpu":
        first, second = flags.nonzero(as_tuple=True)
        return first, second
    # Many times faster than torch's own on a CPU.
    column = np.flatnonzero(flags.numpy())
    row = column // flags.shape[1]
    column -= row * flags.shape[1]
    return torch.from_numpy(row), torch.from_numpy(column)


def count_rows(flags: Bool[np.ndarray, "m w"]) -> Int32[np.ndarray, " m"]:
    """Count the true values of each row, several times faster than ``count_nonzero``.

    >>> count_rows(np.array([[False, True], [True, True]]))
    array([1, 2], dtype=int32)
    """
    counts: np.ndarray = np.einsum("ij->i", flags.view(np.uint8), dtype=np.int32)
    return counts
