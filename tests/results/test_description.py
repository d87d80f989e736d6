"""Descriptions of runs: plain and back, plans, and words."""

import json

import pytest

from netdissect.engine.field import Field
from netdissect.results.description import (
    BasisDescription,
    DataDescription,
    LayerDescription,
    NetworkDescription,
    RunDescription,
    check_same_plan,
)
from netdissect.settings import Settings
from netdissect.types import NetdissectError

FIELD = Field((1.0, 3.0), (1.0, 3.0), (5.0, 7.0), (2.0, 2.0))
ROTATED = BasisDescription(layer="conv", kind="rotation", words="rotated", facts={"amount": 0.5, "seed": 1})


def description(**changes):
    known = {
        "network": NetworkDescription(name="net", weights="w.pth", arguments={"n": "2"}, weights_sha256="ab"),
        "data": DataDescription(name="data", fingerprint="cd", label_shape=(4, 5), images=7, skipped=["torn"]),
        "layers": {
            "conv": LayerDescription(type="Conv2d", shape=[3, 2, 2], layout="nuhw", align="receptive", field=FIELD),
            "conv rotated": LayerDescription(type="Conv2d", shape=[3, 2, 2], layout="nuhw", basis=ROTATED),
        },
        "settings": Settings(size=8, categories="object"),
        "looks": {"methods": ["top"]},
        "versions": dict.fromkeys(("netdissect", "torch", "numpy", "pillow", "python"), "1"),
        "notes": ["a note"],
        "timings": {"activations": 1.5},
        "fitted": {"conv": {"sha256": "ef"}},
    }
    return RunDescription(**{**known, **changes})


def test_plain_and_back():
    whole = description()
    assert RunDescription.from_plain(json.loads(json.dumps(whole.to_plain()))) == whole
    table = RunDescription(
        network=NetworkDescription(name="t"), data=DataDescription(name="d", fingerprint="f"), table="t.csv"
    )
    assert RunDescription.from_plain(json.loads(json.dumps(table.to_plain()))) == table


@pytest.mark.parametrize(
    "changes",
    [
        {"looks": None},
        {"notes": ()},
        {"timings": {}},
        {"fitted": {}},
        {"settings": Settings(size=8, categories="object", workers=5)},
    ],
)
def test_what_no_count_follows_from_is_not_in_the_plan(changes):
    assert description(**changes).plan() == description().plan()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": Settings(size=9, categories="object")}, r"settings size is \[8, 8\], here \[9, 9\]"),
        (
            {"network": NetworkDescription(name="net", weights_sha256="xy", arguments={"n": "2"})},
            "weights_sha256 is ab, here xy",
        ),
        ({"layers": {}}, "layers conv is only there; layers conv rotated is only there"),
        (
            {"data": DataDescription(name="data", fingerprint="zz", label_shape=(4, 5))},
            "data fingerprint is cd, here zz",
        ),
    ],
)
def test_differences_of_plans(changes, said):
    check_same_plan("run", description().plan(), description().plan())
    with pytest.raises(NetdissectError, match=f"run: is another run, and is not resumed: .*{said}"):
        check_same_plan("run", description().plan(), description(**changes).plan())


def test_the_outcome_of_a_run():
    found = description().with_outcome(images=5, skipped=["a", "b"], notes=["n"])
    assert (found.data.images, found.data.skipped, found.notes) == (5, ("a", "b"), ("n",))
    assert found.plan() == description().plan()


def test_words_of_layers():
    layers = description().layers
    assert layers["conv"].words == ("Conv2d: maps of 2x2; receptive field 5x7 px, step 2 px, first centre 1 px")
    assert layers["conv rotated"].words == "Conv2d: maps of 2x2; rotated; stretched over the image"
    tokens = LayerDescription(type="Block", shape=(8, 4, 4), layout="ntu", tokens_left_out=[0], no_field="attention")
    assert tokens.words == "Block: tokens of 4x4; 1 token of no position left out; stretched over the image"
    assert LayerDescription(type="Linear", shape=(8,), layout="nu").words == "Linear: vectors"
