"""The color category: every pixel has one of the eleven basic color names (Berlin and Kay, 1969).

A color table ``(32, 32, 32)`` has the index in ``COLOR_NAMES`` of each color, at ``[r // 8, g // 8, b // 8]``. Our own
follows from a survey of color names; published tables can be read.
"""

from pathlib import Path

import numpy as np
from jaxtyping import Float64, Num, UInt8

from netdissect.broden.building.color_survey import SURVEY_COLORS
from netdissect.broden.building.mat import read_mat
from netdissect.types import BadSampleError, NetdissectError, one_line

#: The names, in the order of the columns of van de Weijer's table.
COLOR_NAMES = ("black", "blue", "brown", "grey", "green", "orange", "pink", "purple", "red", "white", "yellow")

#: From linear red, green and blue of sRGB to the responses of the eye's cones for long, medium and short waves, and
#: from the cube roots of these to OKLab (B. Ottosson, "A perceptual color space for image processing", 2020).
_SRGB_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_CONES_TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)

#: From linear red, green and blue of sRGB to luminance, white being 1 (IEC 61966-2-1).
_SRGB_TO_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

#: Pixels named at a time, few enough for the processor's cache.
_PIXELS_AT_ONCE = 2**17


def read_color_table(path: Path) -> UInt8[np.ndarray, "32 32 32"]:
    """Read a published color table: ``w2c.mat``, or a ``.npy`` of its winners. Raises ``NetdissectError``.

    ``w2c.mat`` comes from van de Weijer, Schmid, Verbeek and Larlus, "Learning Color Names for Real-World Applications"
    (IEEE TIP 2009). It holds the probabilities of the names, ``w2c`` ``(32768, 11)``: the first of the largest wins.
    """
    readers = {".mat": _read_probabilities, ".npy": _read_winners}
    if path.suffix.lower() not in readers:
        raise NetdissectError(f"{path}: a color table is a .mat or a .npy file")
    return readers[path.suffix.lower()](path)


def survey_color_table() -> UInt8[np.ndarray, "32 32 32"]:
    """Make the color table of ``SURVEY_COLORS``: each cell has the likeliest name of the color at its centre.

    In ``naming_space`` every name is a normal distribution around the mean of its survey colors. All names are equally
    frequent, and share the covariance of the survey colors around the means (linear discriminant analysis; Fisher,
    1936).

    >>> COLOR_NAMES[survey_color_table()[255 // 8, 0, 0]]
    'red'
    """
    columns = np.array([COLOR_NAMES.index(name.split()[-1]) for name in SURVEY_COLORS])
    colors = naming_space(np.array([list(bytes.fromhex(code)) for code in SURVEY_COLORS.values()]))
    means = np.stack([colors[columns == column].mean(axis=0) for column in range(len(COLOR_NAMES))])
    covariance = np.cov((colors - means[columns]).T)
    whiten = np.linalg.cholesky(np.linalg.inv(covariance))  # makes the distributions round, with a spread of 1
    cells = naming_space(8 * np.indices((32, 32, 32)).reshape(3, -1).T + 3.5)
    distances = (((cells @ whiten)[:, None] - means @ whiten) ** 2).sum(axis=2)
    return distances.argmin(axis=1).astype(np.uint8).reshape(32, 32, 32)


def name_colors(pixels: UInt8[np.ndarray, "h w 3"], table: UInt8[np.ndarray, "32 32 32"]) -> UInt8[np.ndarray, "h w"]:
    """Return the label of each pixel, 1 to 11: the index of its name in ``COLOR_NAMES``, counted from 1.

    >>> label = name_colors(np.full((1, 1, 3), 255, dtype=np.uint8), survey_color_table()).item()
    >>> COLOR_NAMES[label - 1]
    'white'
    """
    labels = np.empty(pixels.shape[:2], dtype=np.uint8)
    label_of_cell = table.ravel() + np.uint8(1)
    rows = max(1, _PIXELS_AT_ONCE // max(1, pixels.shape[1]))
    for start in range(0, len(pixels), rows):
        levels = pixels[start : start + rows] >> 3
        cells = levels[:, :, 0].astype(np.uint16)
        for channel in (1, 2):
            cells <<= 5
            cells |= levels[:, :, channel]
        labels[start : start + rows] = label_of_cell.take(cells)
    return labels


def oklab(colors: Num[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """Convert sRGB colors, 0 to 255, to OKLab: L from 0 to 1, a (green to red) and b (blue to yellow).

    >>> oklab(np.array([[255, 255, 255]])).round(3).tolist()[0][0]
    1.0
    """
    return np.cbrt(_linear_light(colors) @ _SRGB_TO_CONES.T) @ _CONES_TO_OKLAB.T


def lightness(colors: Num[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """Return L* of CIELAB (CIE 1976) of sRGB colors, 0 to 255: from 0 for black to 100 for white.

    >>> lightness(np.array([[0, 0, 0], [255, 255, 255]])).round(3).tolist()
    [0.0, 100.0]
    """
    luminance = _linear_light(colors) @ _SRGB_TO_LUMINANCE
    return np.where(luminance > (6 / 29) ** 3, 116 * np.cbrt(luminance) - 16, (29 / 3) ** 3 * luminance)


def naming_space(colors: Num[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """Convert sRGB colors, 0 to 255, to the space of names: L* of CIELAB, a and b of OKLab with compressed chroma.

    Chroma C, 400 times OKLab's and so about as large as CIELAB's, becomes ``log(1 + 0.045 C) / 0.045``. This is the
    integral of ``1 / (1 + 0.045 C)``, the weight of a difference of chroma in CIE94 (CIE 116-1995): a little hue makes
    a color of a grey. The hue is OKLab's, since blue turns into purple along CIELAB's. The lightness is CIELAB's, since
    OKLab's sets blacks further apart than people do.

    >>> naming_space(np.array([[255, 255, 255]])).round(1).tolist()[0][0]
    100.0
    """
    opponents = 400 * oklab(colors)[:, 1:]
    chroma = np.hypot(opponents[:, 0], opponents[:, 1])[:, None]
    compressed = np.log1p(0.045 * chroma) / 0.045
    opponents *= np.divide(compressed, chroma, out=np.ones_like(chroma), where=chroma > 0)
    return np.column_stack([lightness(colors), opponents])


def _linear_light(colors: Num[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    """Invert sRGB's transfer function (IEC 61966-2-1); the results go from 0 to 1."""
    encoded = colors / 255
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _read_probabilities(path: Path) -> UInt8[np.ndarray, "32 32 32"]:
    try:
        table = np.asarray(read_mat(path, "w2c"))
    except BadSampleError as error:
        raise NetdissectError(str(error)) from error  # no image can be skipped instead
    if table.shape != (32**3, len(COLOR_NAMES)) or table.dtype.kind not in "fiu":
        raise NetdissectError(f"{path}: w2c is {table.dtype} {table.shape}, not (32768, 11) probabilities")
    if not ((table >= 0) & (table <= 1 + 1e-6)).all():  # false for NaN, too
        raise NetdissectError(f"{path}: w2c holds values that are no probabilities")
    if not table.any(axis=1).all():
        raise NetdissectError(f"{path}: w2c has rows where no name is likely")
    blue_green_red = table.argmax(axis=1).reshape(32, 32, 32)
    return np.ascontiguousarray(blue_green_red.transpose(2, 1, 0), dtype=np.uint8)


def _read_winners(path: Path) -> UInt8[np.ndarray, "32 32 32"]:
    if not path.is_file():
        raise NetdissectError(f"{path}: is missing")
    try:
        table = np.lib.format.open_memmap(path, mode="r")  # runs no pickle, and checks the file's length
    except (OSError, ValueError) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error
    if table.shape != (32, 32, 32) or table.dtype.kind not in "iu":
        raise NetdissectError(f"{path}: the color table is {table.dtype} {table.shape}, not (32, 32, 32) whole numbers")
    if table.min() < 0 or table.max() >= len(COLOR_NAMES):
        raise NetdissectError(f"{path}: the color table holds numbers from {table.min()} to {table.max()}, not 0 to 10")
    return np.array(table, dtype=np.uint8, order="C")
