"""Read tables, images and label maps, with errors that name the file."""

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from jaxtyping import Int32, UInt8
from PIL import Image

from netdissect.types import BadSampleError, NetdissectError, one_line


def read_table(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    """Read the rows of a CSV file, values stripped. Raises ``NetdissectError``, also if a needed column is missing.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "label.csv"
    ...     _ = path.write_text("number, name\\n1, sky\\n")
    ...     read_table(path, ["number", "name"])
    [{'number': '1', 'name': 'sky'}]
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            header = [name.strip() for name in reader.fieldnames or ()]
            missing = [name for name in needed if name not in header]
            if missing:
                raise NetdissectError(f"{path}: no column {', '.join(missing)} (it has {', '.join(header) or 'none'})")
            reader.fieldnames = header
            return [{key: (value or "").strip() for key, value in row.items() if key is not None} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error


def read_number(text: str, path: Path, column: str) -> int:
    """Return ``text`` as a whole number. Raises ``NetdissectError``, which names the file and the column.

    >>> read_number("7", Path("label.csv"), "number")
    7
    """
    try:
        return int(text)
    except ValueError:
        raise NetdissectError(f"{path}: {column} {text!r} is not a whole number") from None


def read_image(path: Path) -> Image.Image:
    """Read an image as RGB. Raises ``BadSampleError``, also if it is not known which of its values is white.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("L", (6, 4)).save(Path(folder) / "a.png")
    ...     read_image(Path(folder) / "a.png").mode
    'RGB'
    """
    image = open_image(path)
    if image.mode.startswith("I;16") or (image.mode == "I" and png_depth(path) == 16):
        return Image.fromarray((np.asarray(image).astype(np.int32) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise BadSampleError(f"{path}: the image has mode {image.mode}: it is not known which of its values is white")
    return image.convert("RGB")


def read_indices(path: Path) -> Int32[np.ndarray, "h w"]:
    """Read a label map of one channel (grey or palette), a class index per pixel. Raises ``BadSampleError``.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("L", (2, 1), 7).save(Path(folder) / "a.png")
    ...     read_indices(Path(folder) / "a.png").tolist()
    [[7, 7]]
    """
    image = open_image(path, "label map")
    pixels = np.asarray(image)
    if image.mode == "L":
        pixels = pixels // _grey_step(path)
    if pixels.ndim != 2:
        raise BadSampleError(f"{path}: a label map has one channel of class indices, this has {pixels.shape[2]}")
    return pixels.astype(np.int32)


def read_label_colors(path: Path) -> Int32[np.ndarray, "h w"]:
    """Read a label map as Broden stores it, R + 256 G per pixel. Raises ``BadSampleError``.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("RGB", (2, 1), (7, 1, 0)).save(Path(folder) / "a.png")
    ...     read_label_colors(Path(folder) / "a.png").tolist()
    [[263, 263]]
    """
    pixels: UInt8[np.ndarray, "h w 3"] = np.asarray(open_image(path, "label map").convert("RGB"))
    return pixels[:, :, 0].astype(np.int32) + 256 * pixels[:, :, 1].astype(np.int32)


def check_proportions(path: Path, kind: str, shape: tuple[int, ...], size: tuple[int, int]) -> None:
    """Raise ``BadSampleError`` unless a label map of (h, w) pixels has the proportions of its image of (W, H).

    They may differ in size, since both are squashed. The error names ``path`` and ``kind``.

    >>> check_proportions(Path("a.png"), "label map", (10, 20), (200, 100))
    """
    (rows, columns), (width, height) = shape, size
    if abs(width * rows - height * columns) > 0.02 * height * columns:
        raise BadSampleError(
            f"{path}: the {kind} is {columns}x{rows}, its image {width}x{height}: they do not lie on each other"
        )


def squash(pixels: Int32[np.ndarray, "h w"], shape: tuple[int, int]) -> Int32[np.ndarray, "sh sw"]:
    """Resize a label map: each new pixel takes the label under its centre.

    >>> squash(np.array([[1, 2, 3, 4]], dtype=np.int32), (1, 2)).tolist()
    [[2, 4]]
    """
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for new, old in zip(shape, pixels.shape, strict=True))
    return pixels[rows[:, None], columns[None, :]]


def fingerprint(root: Path, tables: Iterable[Path], files: Iterable[Path]) -> str:
    """Return a hash of the tables' contents, and of the files' sizes and paths below ``root``; pixels are not read."""
    digest = hashlib.sha256()
    for table in tables:
        digest.update(f"{table.name}\n".encode() + table.read_bytes())
    for file in files:
        size = file.stat().st_size if file.is_file() else -1
        digest.update(f"{file.relative_to(root).as_posix()} {size}\n".encode())
    return digest.hexdigest()


def _grey_step(path: Path) -> int:
    """Return the factor by which Pillow stretches grey values: PNGs of 2 and 4 bits go over 0 to 255."""
    bits = png_depth(path)
    return 255 // (2**bits - 1) if bits < 8 else 1


def png_depth(path: Path) -> int:
    """Return the bits per channel of a PNG, which its first chunk has; 8 for other files."""
    with path.open("rb") as file:
        header = file.read(25)
    return header[24] if header.startswith(b"\x89PNG") else 8


def open_image(path: Path, kind: str = "image") -> Image.Image:
    """Read an image file in the mode in which it is stored. Raises ``BadSampleError``, which names ``kind``."""
    if not path.is_file():
        raise BadSampleError(f"{path}: the {kind} is missing")
    try:
        with Image.open(path) as image:
            image.load()
            return image
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadSampleError(f"{path}: the {kind} cannot be read: {one_line(error)}") from error
