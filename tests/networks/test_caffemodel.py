"""Reading ``.caffemodel``: every layout they were ever written in, and whatever is no whole one told in one line."""

import random
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect.networks.caffemodel import read_caffemodel
from netdissect.types import NetdissectError
from tests.networks.caffemodel_files import (
    EIGHT_BYTES,
    FOUR_BYTES,
    GROUP_END,
    GROUP_START,
    LENGTH,
    blob,
    layer,
    network,
    numbers,
    tag,
    text,
    unknown,
    varint,
    whole,
)

LAYOUTS = ["new", "v1", "v0"]

WEIGHTS = {
    "conv1": (np.arange(2 * 3 * 2 * 2, dtype=np.float32).reshape(2, 3, 2, 2) - 7.5, np.float32([0.1, -3e38])),
    "fc8": (np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4), np.float32([1, 2, 3])),
}


def caffemodel(layout="new", extra=b"", blob_extra=b"", **how):
    """A network of two layers with weights among others without."""
    layers = [layer("data", layout=layout)]
    for name, blobs in WEIGHTS.items():
        layers += [layer(name, [blob(values, extra=blob_extra, **how) for values in blobs], layout=layout, extra=extra)]
        layers += [layer(f"{name}_relu", layout=layout, extra=extra)]
    return network(layers, extra=extra)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("caffemodel") / "net.caffemodel"


def read(path, content):
    path.write_bytes(content)
    return read_caffemodel(path)


def read_if_whole(path, content):
    """None if the file is refused, in one line that begins with its name."""
    try:
        return read(path, content)
    except NetdissectError as error:
        message = str(error)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return None


def refused(path, content, reason="."):
    """The error, which is one line and begins with the file's name."""
    with pytest.raises(NetdissectError, match=reason) as caught:
        read(path, content)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < 1000
    return message


def blob_alone(content, name="fc"):
    return network([layer(name, [content])])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("extra", [b"", unknown()], ids=["plain", "unknown fields"])
def test_every_way_to_write_it(path, layout, packed, legacy, dtype, extra):
    content = caffemodel(layout, extra, extra, packed=packed, legacy=legacy, dtype=dtype)
    found = read(path, content)
    assert found.layers == ("data", "conv1", "conv1_relu", "fc8", "fc8_relu")
    assert list(found.state) == ["conv1.weight", "conv1.bias", "fc8.weight", "fc8.bias"]
    for name, blobs in WEIGHTS.items():
        for part, values in zip(("weight", "bias"), blobs, strict=True):
            tensor = found.state[f"{name}.{part}"]
            assert tensor.dtype == torch.float32 and tensor.is_contiguous()
            assert tensor.shape == values.shape and np.array_equal(tensor.numpy(), values)


def test_tensors_can_be_written_to_and_share_nothing(path):
    state = read(path, caffemodel()).state
    state["fc8.weight"].zero_()
    assert torch.equal(state["fc8.bias"], torch.tensor([1.0, 2.0, 3.0]))
    assert state["conv1.weight"][0, 0, 0, 0] == -7.5


def test_layouts_in_one_file(path):
    layers = [layer(layout, [blob([1.0, 2.0])], layout=layout) for layout in LAYOUTS]
    assert read(path, network(layers)).layers == tuple(LAYOUTS)


@pytest.mark.parametrize(
    ("shape", "weight", "bias"),
    [
        ((1, 1, 3, 4), (3, 4), (1, 1, 3, 4)),
        ((1, 1, 1, 4), (1, 4), (4,)),
        ((1, 1, 1, 1), (1, 1), (1,)),
        ((2, 1, 3, 4), (2, 1, 3, 4), (2, 1, 3, 4)),
        ((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 4)),
    ],
)
def test_legacy_shapes_lose_the_ones_in_front(path, shape, weight, bias):
    blobs = [blob(np.ones(shape), legacy=True)] * 3
    state = read(path, network([layer("fc", blobs, layout="v1")])).state
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes == {"fc.weight": weight, "fc.bias": bias, "fc.blob2": shape}


def test_other_shapes_are_the_files(path):
    for shape in ((1, 1, 3, 4), (1, 1, 1, 2), (5,), (1,), ()):
        state = read(path, blob_alone(blob(np.ones(shape)))).state
        assert tuple(state["fc.weight"].shape) == shape


def test_further_blobs(path):
    state = read(path, network([layer("bn", [blob([1.0]), blob([2.0]), blob([3.0]), blob([4.0])])])).state
    assert {name: value.item() for name, value in state.items()} == {
        "bn.weight": 1,
        "bn.bias": 2,
        "bn.blob2": 3,
        "bn.blob3": 4,
    }


def test_numbers_in_several_runs(path):
    """Protobuf lets a writer split what is repeated, and mix packed with unpacked."""
    runs = numbers(5, [1.0, 2.0]) + numbers(5, [3.0], packed=False) + numbers(5, []) + numbers(5, [4.0])
    state = read(path, blob_alone(text(7, whole(1, 2) + text(1, varint(2))) + runs)).state
    assert state["fc.weight"].tolist() == [[1, 2], [3, 4]]


def test_a_file_cut_off_anywhere_is_refused_or_has_fewer_layers(path, unchecked):
    content = caffemodel("v1", unknown(), packed=False)
    whole_state = read(path, content).state
    fewer = 0
    for length in range(len(content)):
        found = read_if_whole(path, content[:length])
        if found is not None:
            # Cut between two fields of the network, it is a whole message; what is missing, the network will miss.
            fewer += 1
            assert list(found.state) == list(whole_state)[: len(found.state)]
            assert all(torch.equal(value, whole_state[name]) for name, value in found.state.items())
    assert fewer < 20


@given(content=st.binary(max_size=400), before=st.booleans())
@settings(deadline=None, max_examples=200)
def test_random_bytes(path, content, before):
    read_if_whole(path, caffemodel() + content if before else content)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_damaged_bytes(path, layout, unchecked):
    """Any byte may be wrong, lengths and wire types among them; numbers that are wrong are not noticed."""
    content = caffemodel(layout, unknown())
    generator = random.Random(0)
    refusals = 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(generator.randint(1, 3)):
            damaged[generator.randrange(len(damaged))] = generator.choice(
                (0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256))
            )
        refusals += read_if_whole(path, damaged) is None
    assert refusals > 50


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (network([text(100, text(1, "fc") + whole(7, 5))]), "field 7 is neither text nor a message"),
        (network([text(100, whole(1, 5) + text(7, blob([1.0])))]), "field 1 is neither"),
        (network([whole(100, 5)]), "field 100 is neither"),
        (network([tag(2, FOUR_BYTES) + b"1234"]), "field 2 is neither"),
        (network([text(2, tag(1, EIGHT_BYTES) + b"12345678")]), "field 1 is neither"),
        (blob_alone(whole(5, 7)), "layer fc, weight: field 5 does not hold numbers of 4 bytes"),
        (blob_alone(tag(5, EIGHT_BYTES) + b"12345678"), "field 5 does not hold numbers of 4 bytes"),
        (blob_alone(tag(8, FOUR_BYTES) + b"1234"), "field 8 does not hold numbers of 8 bytes"),
        (blob_alone(text(5, b"12345")), "field 5 does not hold numbers of 4 bytes"),
        (blob_alone(text(8, b"1234")), "field 8 does not hold numbers of 8 bytes"),
        (blob_alone(text(1, b"2") + numbers(5, [1.0, 2.0])), "field 1 is not a whole number"),
        (blob_alone(whole(7, 2) + numbers(5, [1.0, 2.0])), "field 7 is neither"),
        (blob_alone(text(7, tag(1, FOUR_BYTES) + b"1234")), "field 1 is not a whole number"),
        (blob_alone(text(7, text(1, b"\x82"))), "it ends within a number"),
        (network([text(100, text(1, b"\xff\xfe"))]), "utf-8"),
        (tag(3, 6), "wire type 6"),
        (tag(3, 7) + b"12345678", "wire type 7"),
        (tag(3, GROUP_END), "wire type 4"),
        (tag(3, GROUP_START) + tag(4, GROUP_END), "wire type 4"),
        (tag(3, GROUP_START) * 100_000, "it ends within a group"),
        (b"\x80" * 100, "more than 10 bytes"),
        (bytes(100), "number 0"),
        (tag(9, LENGTH) + varint(2**64 - 1), "it ends within a field of 18446744073709551615 bytes"),
        (tag(100, LENGTH) + varint(2**40) + b"1", "it ends within a field of 1099511627776 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # not 100,000 bytes
)
def test_wrong_wire_types_and_lengths(path, content, reason):
    refused(path, content, reason)


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize(
    ("shape", "text_of_shape"),
    [
        ((2, 3), "2x3"),
        ((5,), "5"),
        ((0, 4), "0x4"),
        ((-1, -4), "18446744073709551615x18446744073709551612"),
        ((2**62, 2**62), "4611686018427387904x4611686018427387904"),
    ],
)
def test_shapes_that_disagree_with_the_numbers(path, legacy, shape, text_of_shape):
    padding = "1x" * (4 - len(shape)) if legacy else ""
    content = blob_alone(blob([1.0, 2.0, 3.0, 4.0], shape=shape, legacy=legacy))
    reason = f"layer fc, weight: its shape is {padding}{text_of_shape}, but it holds 4 numbers"
    refused(path, content, reason)


def test_numbers_without_a_shape_and_shapes_without_numbers(path):
    refused(path, blob_alone(numbers(5, [1.0, 2.0])), "its shape is that of one number, but it holds 2 numbers")
    refused(path, blob_alone(text(7, whole(1, 2))), "its shape is 2, but it holds 0 numbers")
    refused(path, blob_alone(text(7, whole(1, 0) + whole(1, 2**62))), "but it holds 0 numbers")
    refused(path, blob_alone(b""), "but it holds 0 numbers")
    refused(path, blob_alone(whole(1, 4) + numbers(5, [1.0])), "its shape is 4x0x0x0, but it holds 1 numbers")
    refused(path, blob_alone(blob([1.0], shape=(1,) * 33)), "a shape of 33 dimensions")
    refused(path, blob_alone(blob([1.0], shape=(2**63,) * 50_000)), "a shape of 50000 dimensions")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        text(1, "CaffeNet"),
        network([layer("data"), layer("prob", layout="v1"), layer("old", layout="v0")]),
        unknown(),
    ],
    ids=["nothing", "name", "layers", "unknown fields"],
)
def test_no_weights(path, content):
    refused(path, content, "no layer with weights in it")


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html>\n<html><body>404</body></html>\n",
        b'name: "CaffeNet"\nlayer {\n  name: "conv1"\n}\n',
        b"PK\x03\x04\x00\x00\x08\x08" + bytes(100),
        b"\x89HDF\r\n\x1a\n" + bytes(100),
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\x80\x02}q\x00.",
    ],
    ids=["page", "prototxt", "zip", "hdf5", "pointer", "pickle"],
)
def test_foreign_files(path, content):
    refused(path, content, "not a (whole )?caffemodel")


def test_names_of_several_lines_are_told_in_one(path):
    message = refused(path, blob_alone(b"", name="a\nlayer"))
    assert "layer a layer, weight" in message


def test_no_such_file(tmp_path):
    for path in (tmp_path / "none.caffemodel", tmp_path):
        with pytest.raises(NetdissectError, match="no such file of weights"):
            read_caffemodel(path)


def test_ten_million_numbers_are_read_at_once(path):
    """Number by number it would take ten seconds."""
    content = blob_alone(blob(np.ones((1000, 10_000), dtype=np.float32)))
    path.write_bytes(content)
    start = time.perf_counter()
    assert read_caffemodel(path).state["fc.weight"].shape == (1000, 10_000)
    assert time.perf_counter() - start < 2
    path.unlink()
