"""MATLAB files, with errors that name the file."""

from pathlib import Path

import numpy as np

from netdissect.types import BadSampleError, one_line


def read_mat(path: Path, variable: str) -> np.ndarray:
    """A variable of a ``.mat`` file as scipy gives it: structs are ``(1, 1)`` arrays of fields, texts length-1 arrays.

    Raises ``BadSampleError`` if the file is missing, is damaged, or lacks the variable.
    """
    from scipy.io import loadmat  # here, since only these sources need it

    if not path.is_file():
        raise BadSampleError(f"{path}: is missing")
    try:
        found = loadmat(path, variable_names=[variable])
    except Exception as error:  # scipy raises errors of many kinds for damaged files
        raise BadSampleError(f"{path}: cannot be read: {one_line(error)}") from error
    if variable not in found:
        raise BadSampleError(f"{path}: holds no variable {variable!r}")
    return found[variable]


def text_of(value: np.ndarray) -> str:
    """The text in a length-1 array; an array of no elements is an empty text."""
    return str(value.ravel()[0]) if value.size else ""
