"""Reading the weights of Caffe's ``.caffemodel`` without Caffe.

The file is one protobuf message, ``NetParameter``: a sequence of fields, each a tag (the field's number and its wire
type) and a value, which may be a message again. Layers come in three layouts, of different years.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from netdissect.types import NetdissectError, one_line

# Wire types: the ways in which the value of a field is written.
_VARINT, _EIGHT_BYTES, _LENGTH, _GROUP_START, _GROUP_END, _FOUR_BYTES = range(6)

# Field numbers of a blob: its legacy shape, its numbers, and its shape, a message whose field 1 holds the dimensions.
_NUM, _CHANNELS, _HEIGHT, _WIDTH = 1, 2, 3, 4
_DATA, _SHAPE, _DOUBLE_DATA = 5, 7, 8
_DIMENSIONS = 1

#: The most dimensions that a blob of Caffe may have.
_MOST_DIMENSIONS = 32


class _Layout(NamedTuple):
    """Field numbers of a layer: its name, its blobs, and the message that holds an older layer, in some files."""

    name: int
    blobs: int
    older: int | None = None


_OLDEST = _Layout(name=1, blobs=50)

#: The layouts of a layer, by the number of its field in the network: ``layers`` until 2014, ``layer`` since.
_LAYOUTS = {2: _Layout(name=4, blobs=6, older=1), 100: _Layout(name=1, blobs=7)}


class _Field(NamedTuple):
    """A field of a message. Its value is a whole number for a varint, else bytes."""

    number: int
    wire_type: int
    value: int | memoryview


@dataclass(frozen=True)
class CaffeModel:
    """The contents of a ``.caffemodel``: the names of all layers, in the order in which they run, and the weights.

    The first blob of a layer is ``<layer>.weight``, the second ``<layer>.bias``, further ones, such as those of batch
    normalization, ``<layer>.blob2`` and so on. All are float32.
    """

    layers: tuple[str, ...]
    state: dict[str, Tensor]


def read_caffemodel(path: Path) -> CaffeModel:
    """Read the layers and weights of a binary ``.caffemodel`` of any year. Raises ``NetdissectError``.

    Legacy shapes always have four dimensions: a weight ``(1, 1, out, in)`` becomes ``(out, in)``, and a bias
    ``(1, 1, 1, out)`` becomes ``(out,)``. Other shapes are the file's.

    >>> read_caffemodel(Path("none.caffemodel"))
    Traceback (most recent call last):
    netdissect.types.NetdissectError: none.caffemodel: no such file of weights
    """
    if not path.is_file():
        raise NetdissectError(f"{path}: no such file of weights")
    try:
        network = _read_network(memoryview(path.read_bytes()))
    except OSError as error:
        raise NetdissectError(f"{path}: cannot be read: {one_line(error)}") from error
    except ValueError as error:  # raised by all functions below
        raise NetdissectError(f"{path}: not a whole caffemodel: {one_line(error)}") from error
    if not network.state:
        raise NetdissectError(f"{path}: not a caffemodel: no layer with weights in it")
    return network


def _read_network(message: memoryview) -> CaffeModel:
    """Read a network's message. Raises ``ValueError``."""
    layers: list[str] = []
    state: dict[str, Tensor] = {}
    for field in _fields(message):
        if field.number in _LAYOUTS:
            name, blobs = _read_layer(_bytes(field), _LAYOUTS[field.number])
            layers.append(name)
            for index, blob in enumerate(blobs):
                try:
                    state[f"{name}.{_blob_name(index)}"] = _read_blob(blob, index)
                except ValueError as error:
                    raise ValueError(f"layer {name}, {_blob_name(index)}: {error}") from error
    return CaffeModel(tuple(layers), state)


def _read_layer(message: memoryview, layout: _Layout) -> tuple[str, list[memoryview]]:
    """Return the name of a layer, and its blobs as messages."""
    name, blobs = "", []
    for field in _fields(message):
        if field.number == layout.name:
            name = str(_bytes(field), "utf-8")
        elif field.number == layout.blobs:
            blobs.append(_bytes(field))
        elif field.number == layout.older:
            name, blobs = _read_layer(_bytes(field), _OLDEST)
    return name, blobs


def _blob_name(index: int) -> str:
    return ("weight", "bias")[index] if index < 2 else f"blob{index}"


def _read_blob(message: memoryview, index: int) -> Tensor:
    """Return a layer's blob as float32, given its index."""
    legacy: dict[int, int] = {}
    dimensions: list[int] = []
    singles, doubles = bytearray(), bytearray()
    for field in _fields(message):
        if field.number in (_NUM, _CHANNELS, _HEIGHT, _WIDTH):
            legacy[field.number] = _whole(field)
        elif field.number == _SHAPE:
            dimensions += _read_shape(_bytes(field))
        elif field.number == _DATA:
            singles += _numbers(field, _FOUR_BYTES, 4)
        elif field.number == _DOUBLE_DATA:
            doubles += _numbers(field, _EIGHT_BYTES, 8)
    values = np.frombuffer(doubles, "<f8") if doubles else np.frombuffer(singles, "<f4")
    if legacy:
        dimensions = [legacy.get(number, 0) for number in (_NUM, _CHANNELS, _HEIGHT, _WIDTH)]
    _check_shape(dimensions, len(values))
    if legacy:
        dimensions = _without_padding(dimensions, index)
    return torch.from_numpy(values.astype(np.float32, copy=False)).reshape(dimensions)


def _read_shape(message: memoryview) -> list[int]:
    """Return the dimensions in a shape's message."""
    dimensions: list[int] = []
    for field in _fields(message):
        if field.number == _DIMENSIONS and field.wire_type == _LENGTH:
            packed, at = _bytes(field), 0
            while at < len(packed):
                dimension, at = _varint(packed, at)
                dimensions.append(dimension)
        elif field.number == _DIMENSIONS:
            dimensions.append(_whole(field))
    return dimensions


def _check_shape(dimensions: list[int], count: int) -> None:
    """Raise ``ValueError`` unless ``count`` numbers fill a blob of these dimensions."""
    if len(dimensions) > _MOST_DIMENSIONS:
        raise ValueError(f"a shape of {len(dimensions)} dimensions")
    if 0 in dimensions or math.prod(dimensions) != count:
        shape = "x".join(map(str, dimensions)) or "that of one number"
        raise ValueError(f"its shape is {shape}, but it holds {count} numbers")


def _without_padding(dimensions: list[int], index: int) -> list[int]:
    """Return a legacy shape without the leading ones that make four dimensions: two of a weight, three of a bias."""
    padding = {0: 2, 1: 3}.get(index, 0)
    return dimensions[padding:] if dimensions[:padding] == [1] * padding else dimensions


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yield the fields of a message in order, without groups and their fields, which Caffe does not use.

    Raises ``ValueError`` if the bytes are no message.
    """
    at = 0
    groups: list[int] = []  # numbers of the open groups
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire_type = tag >> 3, tag & 7
        value: int | memoryview = 0
        if number == 0:
            raise ValueError("a field of number 0")
        if wire_type == _VARINT:
            value, at = _varint(message, at)
        elif wire_type in (_EIGHT_BYTES, _FOUR_BYTES):
            value, at = _slice(message, at, 8 if wire_type == _EIGHT_BYTES else 4)
        elif wire_type == _LENGTH:
            length, at = _varint(message, at)
            value, at = _slice(message, at, length)
        elif wire_type == _GROUP_START:
            groups.append(number)
        elif wire_type == _GROUP_END and groups and groups[-1] == number:
            groups.pop()
            continue
        else:
            raise ValueError(f"a field of wire type {wire_type}")
        if not groups:
            yield _Field(number, wire_type, value)
    if groups:
        raise ValueError("it ends within a group")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number at the offset ``at``, seven bits a byte with the lowest first, and the offset after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise ValueError("it ends within a number")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 10 bytes")


def _slice(message: memoryview, at: int, length: int) -> tuple[memoryview, int]:
    """Return the ``length`` bytes at the offset ``at``, and the offset after them."""
    if length > len(message) - at:
        raise ValueError(f"it ends within a field of {length} bytes")
    return message[at : at + length], at + length


def _whole(field: _Field) -> int:
    """Return the whole number of a field. Raises ``ValueError`` for another value."""
    if not isinstance(field.value, int):
        raise ValueError(f"field {field.number} is not a whole number")
    return field.value


def _bytes(field: _Field) -> memoryview:
    """Return the bytes of a field. Raises ``ValueError`` for another value."""
    if field.wire_type != _LENGTH or not isinstance(field.value, memoryview):
        raise ValueError(f"field {field.number} is neither text nor a message")
    return field.value


def _numbers(field: _Field, alone: int, width: int) -> memoryview:
    """Return the bytes of numbers of ``width`` bytes: of several packed numbers, or one of the wire type ``alone``."""
    if field.wire_type not in (alone, _LENGTH) or not isinstance(field.value, memoryview) or len(field.value) % width:
        raise ValueError(f"field {field.number} does not hold numbers of {width} bytes")
    return field.value
