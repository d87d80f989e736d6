"""Finding and counting what is true among many flags."""

import numpy as np
import torch
from jaxtyping import Bool, Int32, Int64
from torch import Tensor


def indices_of(flags: Bool[Tensor, "a b"]) -> tuple[Int64[Tensor, " v"], Int64[Tensor, " v"]]:
    """The two indices of each that is true, in order."""
    if flags.device.type != "cpu":
        first, second = flags.nonzero(as_tuple=True)
        return first, second
    # Many times faster than torch's own on a CPU.
    place = np.flatnonzero(flags.numpy())
    line = place // flags.shape[1]
    place -= line * flags.shape[1]
    return torch.from_numpy(line), torch.from_numpy(place)


def count_rows(flags: Bool[np.ndarray, "m w"]) -> Int32[np.ndarray, " m"]:
    """How many are true in each row; several times faster than ``count_nonzero``."""
    counts: np.ndarray = np.einsum("ij->i", flags.view(np.uint8), dtype=np.int32)
    return counts
