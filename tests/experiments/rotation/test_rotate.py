"""Layers rotated by degrees: the run, what follows from it, the page, the command."""

import json
import statistics

import numpy as np
import pytest

from netdissect import Concept, NetdissectError, Result, dissect, rotate
from netdissect.bases import Rotated
from netdissect.experiments.rotation.curves import Counted, Curve, rotation_curves
from netdissect.experiments.rotation.page import write_rotation_page
from netdissect.experiments.rotation.plot import draw_categories, draw_curve
from netdissect.labels import Labels
from netdissect.networks.demo import DEMO_SPEC
from tests.planted import PLAIN, MemoryDataset, Recall
from tests.unchecked import unchecked_types

OPTIONS = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.1, "batch_size": 8}
CONCEPTS = [Concept(number, f"c{number}", ("object", "part")[number % 2]) for number in range(1, 7)]
IMAGES = 24


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    labels = [Labels(random.integers(0, 7, (1, 8, 8)).astype(np.int32), ()) for _ in range(IMAGES)]
    return MemoryDataset(labels, CONCEPTS, (8, 8))


@pytest.fixture(scope="module")
def model(data):
    """A unit for each concept, that is 1 where the concept is; and a layer of which nothing is known."""
    truth = [[labels.maps[0] == concept.number for concept in CONCEPTS] for labels in data._labels]
    noise = np.random.default_rng(1).standard_normal((IMAGES, 4, 8, 8))
    return Recall(np.array(truth, dtype=np.float32), noise.astype(np.float32))


def rotate_into(out, data, model, **changes):
    options = OPTIONS | {"iou_threshold": 0.6, "quantile": 0.2} | changes
    rotations = {"amounts": (0, 0.5, 1), "seeds": (3, 4), "bases": ["pca"]}
    with unchecked_types():
        rotate(model, ["maps", "maps1"], data, out=out, **rotations, **options)


@pytest.fixture(scope="module")
def out(data, model, tmp_path_factory):
    out = tmp_path_factory.mktemp("rotated") / "run"
    rotate_into(out, data, model, name="run")
    return out


def test_the_run_has_the_layer_once_as_it_is_and_each_rotation(out, data, model):
    result = Result.load(out)
    turned = [f" rotated {amount} seed {seed}" for amount in ("0.5", "1") for seed in (3, 4)]
    assert list(result.layers) == [layer + name for layer in ("maps", "maps1") for name in ["", *turned, " in pca"]]
    assert result["maps"].top.image.shape[1] == 4
    options = OPTIONS | {"iou_threshold": 0.6, "quantile": 0.2}
    alone = dissect(model, "maps", data, basis=Rotated(0.5, 4), **options)
    assert np.array_equal(result["maps rotated 0.5 seed 4"].counts.intersection, alone["maps"].counts.intersection)


def test_curves_are_the_summaries_of_the_run(out):
    result = Result.load(out)
    summary = {layer["layer"]: layer for layer in result.summary()["layers"]}
    curves = rotation_curves(result)
    assert [curve.layer for curve in curves] == ["maps", "maps1"]
    for curve in curves:
        assert curve.amounts == [0, 0.5, 1]
        for amount in (0.5, 1):
            names = [f"{curve.layer} rotated {amount:g} seed {seed}" for seed in (3, 4)]
            ways = [summary[name]["by_category"] for name in names]
            totals = [way["unique"] for way in ways]
            assert curve.total(amount).values == tuple(totals)
            assert curve.total(amount).mean == sum(totals) / 2
            assert curve.total(amount).deviation == pytest.approx(statistics.stdev(totals))
            for category in ("object", "part"):
                expected = tuple(way["categories"][category]["unique"] for way in ways)
                assert curve.unique(amount, category).values == expected
            by_label = [summary[name]["by_label"] for name in names]
            assert curve.labels(amount).values == tuple(way["detectors"] for way in by_label)
            assert curve.unique_labels(amount).values == tuple(way["unique"] for way in by_label)
        axes = curve.total(0)
        assert axes.values == (summary[curve.layer]["by_category"]["unique"],)
        assert axes.deviation is None
        (pca,) = curve.others
        assert (pca.name, pca.total) == (
            f"{curve.layer} in pca",
            summary[f"{curve.layer} in pca"]["by_category"]["unique"],
        )
        assert curve.plain()["lost"] == curve.lost


def test_what_is_known_along_the_axes_is_lost_when_they_turn(out):
    planted, noise = rotation_curves(Result.load(out))
    assert planted.total(0).mean == len(CONCEPTS)
    assert planted.lost > 0.1  # several directions lean most to one concept, others to none
    assert noise.total(0).mean == 0
    assert noise.lost is None  # of nothing


@pytest.mark.parametrize(("whole", "said"), [(1, "loses 50%"), (2, "loses 0%"), (3, "gains 50%")])
def test_what_a_rotation_does_in_words(whole, said):
    axes, turned = (
        Counted(name="a", amount=amount, seed=None, units=4, unique={"object": unique}, labels=0, unique_labels=0)
        for amount, unique in ((0.0, 2), (1.0, whole))
    )
    curve = Curve("a", 0.04, ("object",), (axes, turned), ())
    assert curve.verdict == f"a whole rotation {said} of the unique detectors"


def test_the_page(out):
    page = (out / "rotation" / "index.html").read_text()
    assert "Here a whole rotation loses" in page
    written = {path.name for path in (out / "rotation").rglob("*") if path.is_file()}
    assert {"0-curve.svg", "1-categories.svg", "0-detectors.csv", "data.json"} <= written
    told = json.loads((out / "rotation" / "data.json").read_text())
    assert [layer["layer"] for layer in told["layers"]] == ["maps", "maps1"]
    assert told["layers"][0]["amounts"][1]["seeds"] == [3, 4]
    rows = (out / "rotation" / "tables" / "0-detectors.csv").read_text().splitlines()
    assert rows[0] == "basis,rotations,object,part,unique,deviation,by label,unique by label"
    assert rows[1] == "a = 0,1,3,3,6,,6,6"
    assert rows[-1].startswith("maps in pca,,")


def test_figures_hold_each_seed_and_the_means(out):
    curve = rotation_curves(Result.load(out))[0]
    ax = draw_curve(curve).axes[0]
    points = {tuple(at) for of in ax.collections for at in np.asarray(of.get_offsets()).tolist()}
    expected = {(amount, float(one.total)) for amount in curve.amounts for one in curve.at(amount)}
    assert expected <= points
    means = [curve.total(amount).mean for amount in curve.amounts]
    assert ax.get_lines()[0].get_ydata().tolist() == means
    assert ax.get_ylim()[0] == 0
    assert [text.get_text() for text in ax.get_legend().get_texts()].count("in pca") == 1
    bars = draw_categories(curve).axes[0]
    heights = np.array([[bar.get_height() for bar in group] for group in bars.containers])
    assert heights.sum(axis=0)[:3].tolist() == pytest.approx(means)


def test_a_finished_run_gets_its_page_again(out, data, model):
    (out / "rotation" / "index.html").unlink()
    rotate_into(out, data, model, resume=True)
    assert (out / "rotation" / "index.html").is_file()


def test_amounts_and_seeds_named_twice_count_once_and_one_seed_has_no_deviation(data, model):
    result = rotate(model, "maps", data, amounts=(0, 1, 1.0, 0.0), seeds=(1, 1), **OPTIONS)
    assert list(result.layers) == ["maps", "maps rotated 1 seed 1"]
    assert rotation_curves(result)[0].total(1).deviation is None


def test_without_the_axes_nothing_is_said_to_be_lost(data, model):
    result = rotate(model, "maps", data, amounts=[0.5], seeds=[0], **OPTIONS)
    assert list(result.layers) == ["maps rotated 0.5 seed 0"]
    assert rotation_curves(result)[0].lost is None


@pytest.mark.parametrize("options", [{"amounts": [0]}, {"seeds": []}, {"amounts": []}])
def test_nothing_to_rotate(options, data, model):
    with pytest.raises(NetdissectError, match="nothing is rotated"):
        rotate(model, "maps", data, **options, **OPTIONS)


def test_a_run_without_rotations_has_no_curve(data, model, tmp_path):
    result = dissect(model, "maps", data, basis=[None, "pca"], **OPTIONS)
    with pytest.raises(NetdissectError, match="has no rotated layers"):
        write_rotation_page(result, tmp_path / "page")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "net.py"
    path.write_text(
        "import torch\nfrom torch import nn\n\ndef small():\n    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Conv2d(3, 5, 5, stride=4), nn.ReLU())\n"
    )
    return f"{path}:small"


def test_the_command(network, run, tmp_path):
    options = (
        "--layer",
        "1",
        "--size",
        "32",
        "--limit",
        "6",
        "--quantile",
        "0.2",
        "--amounts",
        "0,1",
        "--seeds",
        "0,2",
    )
    with unchecked_types():
        status, out, err = run("rotate", network, *options, "--basis", "pca", "--out", tmp_path / "run")
        assert status == 0
        assert "a = 1" in out and "1 in pca" in out
        assert str(tmp_path / "run" / "rotation" / "index.html") in out
        assert "fitting bases" in err
        status, out, _ = run(
            "rotate", network, *options, "--basis", "pca", "--out", tmp_path / "run", "--resume", "--json"
        )
        assert status == 0
        assert [one["amount"] for one in json.loads(out)["layers"][0]["amounts"]] == [0, 1]
        status, out, _ = run("summary", tmp_path / "run")
        assert status == 0
        assert "rotated by 1 of the rotation of seed 2" in out
        status, _, err = run("rotate", network, *options[:-1], "0,3", "--out", tmp_path / "run", "--resume")
        assert status == 2
        assert "is another run" in err.splitlines()[-1]


def test_dissect_takes_a_basis(network, run, tmp_path):
    np.save(tmp_path / "basis.npy", np.ones((2, 5)))
    options = ("--layer", "1", "--size", "32", "--limit", "6", "--quantile", "0.2", "--out", tmp_path / "run")
    with unchecked_types():
        status, out, _ = run("dissect", network, *options, "--basis", tmp_path / "basis.npy")
        assert status == 0
        assert "1: 2 units" in out and "in the basis of basis.npy" in out
        assert run("report", tmp_path / "run")[0] == 0
        status, _, err = run("dissect", network, *options, "--basis", tmp_path / "none.npy", "--overwrite")
        assert (status, err.count("\n")) == (2, 1)
        assert "none.npy: cannot be read as a matrix" in err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--amounts", "0,x", "--amounts '0,x': numbers, with commas between"),
        ("--amounts", "0,2", "a layer is rotated by 0 to 1 of a rotation, not 2.0"),
        ("--seeds", "0,0.5", "--seeds '0,0.5': whole numbers"),
        ("--seeds", "", "--seeds ''"),
        ("--seeds", "-1", "seed of a rotation is at least 0"),
    ],
)
def test_bad_options_are_one_line(option, value, message, network, run, tmp_path):
    status, _, err = run("rotate", network, "--layer", "1", option, value, "--out", tmp_path / "run")
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_the_demo_network_loses_detectors_when_it_is_rotated():
    with unchecked_types():
        result = rotate(DEMO_SPEC, "relu4", amounts=(0, 1), seeds=[0], size=112, limit=40, progress=False)
    assert rotation_curves(result)[0].lost > 0.15
