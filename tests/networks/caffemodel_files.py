"""Writes ``.caffemodel`` files in Caffe's published message format, in every layout it ever had.

Shares no code with the package. A message is a run of fields, a field a tag (``number * 8 + wire type``) and a value.
"""

import numpy as np

VARINT, EIGHT_BYTES, LENGTH, GROUP_START, GROUP_END, FOUR_BYTES = range(6)


def varint(value):
    """A whole number, seven bits a byte, the lowest first; a negative one as its 64-bit complement."""
    value &= 2**64 - 1
    result = bytearray()
    while value >= 0x80:
        result.append(value % 0x80 + 0x80)
        value //= 0x80
    result.append(value)
    return bytes(result)


def tag(number, wire_type):
    return varint(number * 8 + wire_type)


def whole(number, value):
    return tag(number, VARINT) + varint(value)


def text(number, value):
    """A string, bytes or a message."""
    value = value.encode() if isinstance(value, str) else value
    return b"".join((tag(number, LENGTH), varint(len(value)), value))


def numbers(number, values, dtype="<f4", packed=True):
    """Repeated floats, or doubles for ``<f8``."""
    raw = np.ascontiguousarray(values, dtype).reshape(-1)
    if packed:
        return text(number, raw.view(np.uint8).data)
    alone = tag(number, FOUR_BYTES if dtype == "<f4" else EIGHT_BYTES)
    return b"".join(alone + value.tobytes() for value in raw)


def unknown(number=3000):
    """Fields that no message of Caffe's has, of all wire types, a group with a group in it among them."""
    inner = tag(1, GROUP_START) + text(2, b"\x64\xff") + tag(1, GROUP_END)
    return b"".join(
        (
            whole(number, 2**63),
            tag(number + 1, EIGHT_BYTES) + b"\xff" * 8,
            text(number + 2, b"\x00\xff\x07 not a message"),
            tag(number + 3, GROUP_START) + whole(5, 7) + inner + tag(number + 3, GROUP_END),
            tag(number + 4, FOUR_BYTES) + b"\xff" * 4,
        )
    )


def blob(values, *, legacy=False, packed=True, dtype="<f4", shape=None, extra=b""):
    """A BlobProto; ``legacy`` has four dimensions, ones in front, and ``shape`` is what it says its shape is."""
    values = np.asarray(values)
    shape = values.shape if shape is None else shape
    if legacy:
        shape = (1,) * (4 - len(shape)) + tuple(shape)
        sizes = b"".join(whole(number, size) for number, size in enumerate(shape, 1))
    elif packed:
        sizes = text(7, text(1, b"".join(varint(size) for size in shape)))
    else:
        sizes = text(7, extra + b"".join(whole(1, size) for size in shape))
    data = numbers(5 if dtype == "<f4" else 8, values, dtype, packed)
    gradient = numbers(6, [1.0, 2.0])
    return b"".join((extra, sizes, data, extra, gradient))


def layer(name, blobs=(), *, layout="new", extra=b""):
    """One layer as a field of the network: ``new`` (since 2014), ``v1`` or ``v0``, the oldest."""
    if layout == "new":
        parts = [text(1, name), text(2, "Convolution"), text(3, "below"), text(4, name), whole(10, 1), extra]
        return text(100, b"".join(parts + [text(7, blob) for blob in blobs]))
    if layout == "v1":
        parts = [
            text(2, "below"),
            text(3, name),
            extra,
            text(4, name),
            whole(5, 4),
            numbers(7, [1.0, 2.0], packed=False),
        ]
        return text(2, b"".join(parts + [text(6, blob) for blob in blobs]))
    parts = [text(1, name), text(2, "conv"), whole(3, 96), extra]
    inner = b"".join(parts + [text(50, blob) for blob in blobs] + [numbers(51, [1.0, 2.0], packed=False)])
    return text(2, text(1, inner) + text(2, "below") + text(3, name))


def network(layers, *, name="CaffeNet", extra=b""):
    """A NetParameter of layers that are fields already."""
    return b"".join((text(1, name), extra, *layers, extra))
