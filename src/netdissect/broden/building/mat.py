"""Read MATLAB files, with errors that name the file."""

from pathlib import Path

import numpy as np

from netdissect.types import BadSampleError, one_line


def read_mat(path: Path, variable: str) -> np.ndarray:
    """Read a variable of a ``.mat`` file with scipy: structs are ``(1, 1)`` arrays of fields, texts length-1 arrays.

    Raises ``BadSampleError`` if the file is missing, is damaged, or lacks the variable.
    """
    from scipy.io import loadmat  # few sources need it

    if not path.is_file():
        raise BadSampleError(f"{path}: is missing")
    try:
        found = loadmat(path, variable_names=[variable])
    except Exception as error:  # scipy raises many kinds of errors for damaged files
        raise BadSampleError(f"{path}: cannot be read: {one_line(error)}") from error
    if variable not in found:
        raise BadSampleError(f"{path}: holds no variable {variable!r}")
    return found[variable]


def text_of(value: np.ndarray) -> str:
    """Return the text in a length-1 array; an empty array is an empty text.

    >>> text_of(np.array(["sky"])), text_of(np.array([]))
    ('sky', '')
    """
    return str(value.ravel()[0]) if value.size else ""
