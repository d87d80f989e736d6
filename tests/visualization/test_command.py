"""The commands, as people type them, on the demo network."""

import json

import pytest

from netdissect import Result
from netdissect.networks.demo import DEMO_SPEC
from netdissect.visualization import METHODS

SCENES = ("--data", "scenes", "--limit", 24, "--size", 56, "--quantile", 0.05)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run of the demo network."""
    from netdissect import dissect
    from tests.unchecked import unchecked_types

    out = tmp_path_factory.mktemp("demo") / "run"
    with unchecked_types():
        dissect(DEMO_SPEC, ["relu4", "scores"], limit=24, size=56, quantile=0.05, out=out, progress=False)
    return out


def test_visualize_writes_a_page_and_says_what_was_looked_at(run, saved, tmp_path):
    out = tmp_path / "looks"
    few = ("--steps", 3, "--images", 1, "--diverse", 2, "--variant", "guided")
    status, printed, errors = run(
        "visualize", DEMO_SPEC, "--layer", "relu4", "--unit", 5, "--unit", 2, "--run", saved, "--out", out, *few
    )
    assert status == 0, errors
    told = json.loads((out / "data.json").read_text())
    units = told["units"]
    assert [unit["unit"] for unit in units] == [5, 2]
    assert [picture["method"] for picture in units[0]["pictures"]] == [
        *("top", "top", "top", "deconvnet", "backprop"),
        *("inceptionism", "inceptionism"),
    ]
    assert [picture["variant"] for picture in units[0]["pictures"]][2:5] == ["along the range", "", "guided"]
    lines = [line.split() for line in printed.splitlines()]
    made = max(picture["activation"] for picture in units[0]["pictures"] if not picture["image"])
    assert next(line for line in lines if line[:2] == ["relu4", "5"])[-3:] == [
        "7",
        f"{units[0]['highest']:.4g}",
        f"{made:.4g}",
    ]
    assert f"page    {out / 'index.html'}" in printed
    assert len(list((out / "pictures").iterdir())) == 14


def test_visualize_tells_as_json_and_dissects_where_no_run_is_given(run, tmp_path):
    options = ("--method", "top", "--units", "3,0-1", "--images", 1, "--json", *SCENES)
    status, printed, _ = run("visualize", DEMO_SPEC, "--layer", "relu4", "--out", tmp_path / "looks", *options)
    assert status == 0
    told = json.loads(printed)
    assert told == json.loads((tmp_path / "looks" / "data.json").read_text())
    assert [unit["unit"] for unit in told["units"]] == [3, 0, 1]
    assert {picture["method"] for unit in told["units"] for picture in unit["pictures"]} == {"top"}


def test_dissect_keeps_pictures_of_labelled_units(run, tmp_path):
    out = tmp_path / "run"
    status, _, errors = run(
        "dissect", DEMO_SPEC, "--layer", "relu4", "--out", out, "--visualize", "top,deconvnet", "--iou", 0.4, *SCENES
    )
    assert status == 0, errors
    layer = Result.load(out)["relu4"]
    assert list(layer.visualized) == layer.labels["unit"][layer.labels["is_detector"]].tolist() != []
    assert {one.method for one in layer.pictures.visualizations} == {"top", "deconvnet"}
    assert len(list((out / "report" / "visualizations" / "0").iterdir())) == len(layer.pictures.visualizations)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--layer", "relu4", "--unit", 128), "layer relu4 has the units 0 to 127: there is no unit 128"),
        (("--layer", "relu4", "--unit", -1), "the number of a unit is at least 0, not -1"),
        (("--layer", "relu4", "--units", "1,x"), "numbers and ranges such as 3,10-19, not '1,x'"),
        (("--layer", "relu4", "--units", "0-9999999"), "0-9999999 is no range of 1 to 1,000,000 units"),
        (("--layer", "relu4", "--units", "5-3"), "5-3 is no range of 1 to"),
        (("--layer", "relu4", "--units", "5", "--unit", 3), "--unit names units in place of --units"),
        (("--layer", "relu4", "--input", "bgr", "--range", 255), "options hold; leave out --input, --range"),
        (("--layer", "relu4", "--units", "some"), "numbers and ranges such as 3,10-19, not 'some'"),
        (("--layer", "relu4", "--method", "tops"), "no method 'tops'"),
        (("--layer", "relu4", "--variant", "smooth"), "did you mean smoothed?"),
        (("--layer", "relu4", "--position", "everywhere"), "no position 'everywhere'"),
        (("--layer", "relu4", "--steps", 0), "steps is at least 1, not 0"),
        (("--layer", "relu4", "--l2", -1), "the weight l2 is a finite number at least 0, not -1.0"),
        (("--layer", "relu4", "--parametrization", "wave"), "no parametrization 'wave': it is fourier or pixels"),
        (("--layer", "relu9"), "no layer 'relu9'"),
        (("--layer", "relu4", "--layer", "relu1"), "has no layer relu1: it has relu4, scores"),
        (
            ("--layer", "relu4", "--quantile", 0.01, "--iou", 0.1),
            "the run's own options hold; leave out --quantile, --iou",
        ),
    ],
)
def test_bad_input_is_one_line(run, saved, tmp_path, arguments, said):
    status, printed, errors = run("visualize", DEMO_SPEC, "--run", saved, "--out", tmp_path / "looks", *arguments)
    assert (status, printed) == (2, "")
    assert said in errors and errors.count("\n") == 1
    assert not (tmp_path / "looks").exists()


def test_a_run_of_random_weights_is_known_by_its_own_seed(run, tmp_path):
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())\n"
    )
    spec, out = f"{tmp_path / 'net.py'}:build", tmp_path / "run"
    status, _, errors = run("dissect", spec, "--layer", 1, "--seed", 3, "--out", out, *SCENES)
    assert status == 0, errors
    few = ("--layer", 1, "--units", "all", "--method", "top", "--run", out, "--out", tmp_path / "looks")
    status, printed, errors = run("visualize", spec, *few)
    assert status == 0, errors
    assert "note: " in printed and "label passes the cut" not in printed
    status, _, errors = run("visualize", spec, *few, "--data", tmp_path)
    assert status == 2 and "run: is of data scenes, but" in errors and errors.count("\n") == 1


def test_units_without_pictures_to_make_are_an_oversight(run, tmp_path):
    status, printed, errors = run("dissect", DEMO_SPEC, "--layer", "relu4", "--units", "all", "--out", tmp_path / "run")
    assert (status, printed) == (2, "") and errors.count("\n") == 1
    assert "--units: says which units --visualize looks at, which is not given" in errors


def test_methods_are_those_of_the_help(run):
    _, printed, _ = run("visualize", "--help")
    assert all(method in printed for method in METHODS)
