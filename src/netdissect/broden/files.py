"""Read text files and PNGs of numbers, with errors that name the file."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from netdissect.concepts.files import open_image, png_depth
from netdissect.types import BadSampleError, NetdissectError, one_line


def read_lines(path: Path) -> list[str]:
    """Read the lines of a text file in UTF-8. Raises ``NetdissectError``."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error


def read_rgb(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Read a label map: a PNG of 8-bit RGB whose channels are numbers, not colors. Raises ``BadSampleError``."""
    image = open_image(path, "label map")
    if image.mode != "RGB" or png_depth(path) > 8:  # Pillow would give the upper 8 bits of deeper ones
        mode = "16 bits a channel" if image.mode == "RGB" else f"mode {image.mode}"
        raise BadSampleError(f"{path}: the label map has {mode}, not RGB with 8 bits a channel")
    return np.asarray(image)
