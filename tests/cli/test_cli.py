"""The command as a user meets it: output, errors in one line, exit status, nothing left half done."""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from netdissect import KeptActivations, NetdissectError, Result, load_model
from tests.shared import SHARED, needs_shared

NETWORK = """
import torch
from torch import nn

def small(units=6, broken=False, twice=False, faulty=False):
    torch.manual_seed(0)
    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, units, 5, stride=4)
            self.relu = nn.ReLU(inplace=True)
            self.lstm = nn.LSTM(4, 4)
            self.unused = nn.Linear(2, 2)
            self.head = nn.Linear(units, 3)
        def train(self, mode=True):
            return 1 / 0 if faulty and not mode else super().train(mode)
        def forward(self, x):
            x = self.relu(self.conv(x))
            if broken:
                x = x.index_fill(0, torch.tensor(len(x) - 1), float("nan"))
            if twice:
                x = self.relu(x)
            self.lstm(torch.zeros(2, 1, 4))
            return self.head(x.mean((2, 3)))
    return Network()
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory to work in, with a network and a folder of masks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NETWORK)
    random = np.random.default_rng(0)
    for folder in ("images", "labels"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for index in range(6):
        pixels = random.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        pixels[:, :32] //= 4
        Image.fromarray(pixels).save(tmp_path / "data" / "images" / f"{index}.png")
        labels = np.zeros((48, 64), dtype=np.uint8)
        labels[:, 32:] = 1
        labels[:10] = 2
        Image.fromarray(labels).save(tmp_path / "data" / "labels" / f"{index}.png")
    (tmp_path / "data" / "classes.csv").write_text("index,name,category\n0,dark,color\n1,light,color\n2,void,\n")
    return tmp_path


DISSECT = ("dissect", "net.py:small", "--layer", "relu", "--data", "data", "--size", "32", "--quantile", "0.2")


def test_dissect_writes_a_run_and_prints_it(place, run):
    status, out, err = run(*DISSECT, "--layer", "head", "--out", "runs/first")
    assert status == 0
    assert "first: net.py:small on 6 images of data" in out
    assert "relu: 6 units, IoU > 0.04" in out
    assert "head: 3 units" in out
    assert re.search(r"light|dark", out)
    assert "runs/first/report/index.html" in out
    assert "6/6" in err  # the progress bar, on standard error alone
    assert "6/6" not in out
    assert (place / "runs" / "first" / "report" / "index.html").stat().st_size > 1000
    table = pd.read_parquet(place / "runs" / "first" / "relu" / "units.parquet")
    assert table["unit"].tolist() == list(range(6))
    assert sorted(path.name for path in (place / "runs" / "first").iterdir()) == [
        "examples.parquet",
        "head",
        "images",
        "images.parquet",
        "relu",
        "report",
        "run.json",
    ]
    description = json.loads((place / "runs" / "first" / "run.json").read_text())["description"]
    assert description["settings"]["quantile"] == 0.2
    assert description["data"]["images"] == 6
    assert len(description["network"]["weights_sha256"]) == 64


def test_what_the_network_is_fed(place, run):
    """A gray network fed 0..255, with the defaults of these; the page says so."""
    (place / "gray.py").write_text("from torch import nn\ndef gray():\n    return nn.Sequential(nn.Conv2d(1, 4, 3))\n")
    command = ("dissect", "gray.py:gray", "--layer", "0", "--data", "data", "--size", "32", "--quantile", "0.2")
    status, _, err = run(*command, "--input", "gray", "--range", "255", "--out", "run")
    assert status == 0, err
    options = json.loads((place / "run" / "run.json").read_text())["description"]["settings"]
    assert (options["channels"], options["value_range"], options["std"]) == ("gray", 255, [1.0])
    assert options["mean"] == pytest.approx([0.449 * 255])
    assert "gray, 0 to 255" in (place / "run" / "report" / "index.html").read_text()
    for arguments, said in (
        (("--input", "hsv"), "no input 'hsv': it is rgb, bgr, gray"),
        (("--range", "2"), "no range 2: white is 1 or 255"),
        (("--input", "gray", "--mean", "0.1,0.2,0.3"), "mean is one number, not 3"),
    ):
        status, out, err = run(*command, *arguments, "--out", "other")
        assert (status, out) == (2, "") and said in err and err.count("\n") == 1
    assert not (place / "other").exists()


def test_a_whole_network_in_a_pickle(place, run):
    torch.save(torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3)), "whole.pth")
    command = ("dissect", "whole.pth", "--layer", "0", "--data", "data", "--size", "32", "--quantile", "0.2")
    status, _, err = run(*command, "--out", "run")
    assert status == 2 and err.count("\n") == 1 and "whole.pth: refused" in err and "--trust-pickle" in err
    status, out, _ = run(*command, "--out", "run", "--trust-pickle")
    assert status == 0 and "run: whole.pth on 6 images" in out


def test_summary_as_json_is_one_value_and_nothing_else(place, run):
    run(*DISSECT, "--out", "run")
    status, out, err = run("summary", "run", "--json")
    assert (status, err) == (0, "")
    (entry,) = json.loads(out)["runs"]
    (layer,) = entry["layers"]
    assert (entry["name"], layer["layer"], layer["units"], layer["iou_threshold"]) == ("run", "relu", 6, 0.04)
    assert set(layer["by_label"]) == {"detectors", "unique", "categories"}
    assert set(layer["by_category"]) == {"unique", "categories"}
    assert layer == Result.load("run")["relu"].summary()
    status, out, _ = run("summary", "run", "run")
    assert status == 0
    assert out.count("relu: 6 units") == 2


def test_layers_lists_what_can_be_dissected(place, run):
    status, out, _ = run("layers", "net.py:small", "--size", "32x48", "--json")
    assert status == 0
    field = {"field": {"size": 5, "step": 4, "first": 2}, "no_field": None}
    assert json.loads(out) == [
        {"name": "conv", "type": "Conv2d", "shape": [6, 7, 11], "units": 6, "layout": "nuhw", **field},
        {"name": "relu", "type": "ReLU", "shape": [6, 7, 11], "units": 6, "layout": "nuhw", **field},
        {
            "name": "head",
            "type": "Linear",
            "shape": [3],
            "units": 3,
            "layout": "nu",
            "field": None,
            "no_field": "a vector",
        },
    ]
    status, out, _ = run("layers", "net.py:small", "--model-arg", "units=9")
    assert status == 0
    assert re.search(r"relu +ReLU +9 +55x55 +5 +4 +2", out)


def test_layers_of_a_deep_network_are_a_tree(place, run):
    status, out, _ = run("layers", "torchvision:resnet18", "--size", "64")
    table, *others = out.strip().split("\n\n")
    rows = table.splitlines()[2:]
    assert status == 0 and [row.split()[0] for row in rows[4:8]] == ["layer1", "layer1.0", "layer1.1", "layer2"]
    assert rows[4].startswith("layer1 ") and rows[5].startswith("  layer1.0 ")
    assert others[0].startswith("1 without a field, stretched over the image: it sees all of the image")
    hidden = int(others[1].partition(" more are nested deeper: --depth 4 shows all")[0])
    everything = run("layers", "torchvision:resnet18", "--size", "64", "--depth", "4")[1].strip().split("\n\n")
    assert len(everything) == 2 and len(everything[0].splitlines()) - 2 == len(rows) + hidden
    assert "    layer1.0.relu#1 " in everything[0]


def test_layers_of_a_network_without_any(place, run):
    (place / "bare.py").write_text("from torch import nn\n\n\ndef bare():\n    return nn.Conv2d(3, 2, 1)\n")
    status, out, _ = run("layers", "bare.py:bare")
    assert status == 0 and out.startswith("no module within the network returns maps")


def test_report_is_written_again_elsewhere(place, run):
    run(*DISSECT, "--out", "run")
    status, out, _ = run("report", "run", "--out", "page")
    assert (status, out.strip()) == (0, "page/index.html")
    before, after = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (place / "run" / "report", place / "page")
    )
    assert before == after  # a saved run draws itself, without network and data
    status, out, _ = run("report", "run")
    assert (status, out.strip()) == (0, "run/report/index.html")


def test_report_of_several_runs(place, run):
    for name in ("one", "two"):
        assert run(*DISSECT, "--out", name)[0] == 0
    status, out, err = run("report", "one", "two", "--out", "both")
    assert (status, out.strip()) == (0, "both/index.html"), err
    page = (place / "both" / "index.html").read_text()
    assert "2 runs" in page and "#layer=two%3Arelu" in page
    status, out, err = run("report", "one", "two")
    told = "netdissect: a report of several runs, or of a table: say where to write it (--out DIR)\n"
    assert (status, out, err) == (2, "", told)
    status, _, err = run("report", "one", "data", "--out", "both")
    assert status == 2 and "data: not a run" in err


def change(name, edit):
    def apply(place):
        edit(place / "data" / name)

    return apply


def truncate(path):
    path.write_bytes(path.read_bytes()[:60])


def number_nine(path):
    pixels = np.asarray(Image.open(path)).copy()
    pixels[20, 20] = 9
    Image.fromarray(pixels).save(path)


BAD = {
    "model without a scheme": ([], ["resnet18"], "resnet18"),
    "unknown model": ([], ["torchvision:resnet17"], "did you mean resnet18"),
    "unknown file": ([], ["nowhere.py:small"], "no such file nowhere.py"),
    "unknown function": ([], ["net.py:smal"], "did you mean small"),
    "unknown layer": (["--layer", "rel"], [], "no layer 'rel'; did you mean relu"),
    "layer named twice": (["--layer", "relu", "--layer", "relu"], [], "relu is named twice"),
    "layer that is no map": (["--layer", "lstm"], [], "layer lstm has several tensors: name lstm[0] or lstm[1][0]"),
    "layer without use": (["--layer", "unused"], [], "layer unused is not called"),
    "layer called twice": (["--model-arg", "twice=True"], [], "relu is called 2 times in a pass: name relu#0 or"),
    "NaN": (["--model-arg", "broken=True", "--layer", "head", "--batch-size", "4"], [], "layer head has NaN or infinite activations on image 4.png"),  # noqa: E501
    "wrong argument": (["--model-arg", "depth=3"], [], "unexpected keyword argument 'depth'"),
    "argument without value": (["--model-arg", "depth"], [], "not key=value"),
    "no weights": (["--weights", "none.pth"], [], "none.pth: no such file"),
    "no dataset": (["--data", "nowhere"], [], "nowhere: no such dataset"),
    "no such kind of dataset": (["--data", "data/images"], [], "data/images: neither the word scenes"),
    "unknown category": (["--categories", "colour"], [], "no category 'colour': it has color"),
    "quantile": (["--quantile", "1.5"], [], "quantile of 1.5 is not between 0 and 1"),
    "alignment": (["--align", "diagonal"], [], "no alignment 'diagonal'"),
    "size": (["--size", "big"], [], "--size 'big'"),
    "size that the network cannot take": (["--size", "3"], [], "cannot take images of 3x3"),
    "mean": (["--mean", "0.5,0.5"], [], "mean is one number or three"),
    "deviation": (["--std", "0"], [], "standard deviation of 0.0"),
    "device": (["--device", "cuda:77"], [], "device 'cuda:77' cannot be used"),
    "limit": (["--limit", "0"], [], "the limit is at least 1, not 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_options_end_in_one_line(case, place, run):
    options, model, message = BAD[case]
    arguments = [*DISSECT, *options, "--out", "run"]
    if "--layer" in options:
        del arguments[2:4]
    if model:
        arguments[1] = model[0]
    status, out, err = run(*arguments)
    assert status == 2
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith("netdissect: ")
    assert message in last
    assert "Traceback" not in err
    assert not (place / "run").exists()


BAD_DATA = {
    "missing label map": (change("labels/3.png", lambda path: path.unlink()), "3.png"),
    "missing image": (change("images/3.png", lambda path: path.unlink()), "3.png"),
    "truncated image": (change("images/3.png", truncate), "images/3.png: the image cannot be read"),
    "truncated label map": (change("labels/3.png", truncate), "labels/3.png: the label map cannot be read"),
    "unlisted number": (change("labels/3.png", number_nine), "labels/3.png: class 9 is not in"),
    "missing column": (change("classes.csv", lambda path: path.write_text("index\n0\n")), "no column name"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_named(case, place, run):
    spoil, message = BAD_DATA[case]
    spoil(place)
    status, _, err = run(*DISSECT, "--out", "run")
    assert status == 2
    assert message in err.strip().splitlines()[-1]
    assert not (place / "run").exists()


@pytest.mark.parametrize("case", list(BAD_DATA)[:4])
def test_bad_images_can_be_left_out_and_are_counted(case, place, run):
    spoil, _ = BAD_DATA[case]
    spoil(place)
    status, out, _ = run(*DISSECT, "--skip-bad", "--out", "run")
    assert status == 0
    assert "on 5 images of data" in out
    assert re.search(r"note: 1 of 6 images were left out.*3\.png", out)
    result = Result.load("run")
    assert 3 not in result["relu"].top.image
    assert result["relu"].activations.positions == 5 * 7 * 7
    assert len(result.description.data.skipped) == 1


def test_nothing_readable_at_all(place, run):
    for path in (place / "data" / "images").iterdir():
        truncate(path)
    status, _, err = run(*DISSECT, "--skip-bad", "--out", "run")
    assert status == 2
    assert "none of its 6 images can be read" in err


def test_weights_from_a_file_called_random_are_not_said_to_be_random(place, run):
    torch.save(load_model("net.py:small").model.state_dict(), "random.pth")
    status, out, _ = run(*DISSECT, "--weights", "random.pth", "--out", "run")
    assert status == 0
    assert "random weights" not in out
    assert Result.load("run").description.network.weights == "random.pth"


def test_weights_that_do_not_fit(place, run):
    torch.save({"conv.weight": torch.zeros(6, 3, 5, 5)}, "few.pth")
    status, _, err = run(*DISSECT, "--weights", "few.pth", "--out", "run")
    assert status == 2
    assert "few.pth does not fit: the network also has conv.bias" in err


class Evil:
    def __reduce__(self):
        return (os.mkdir, ("hacked",))


def test_a_pickle_that_wants_to_run_code_is_refused(place, run):
    (place / "evil.pth").write_bytes(pickle.dumps({"state_dict": Evil()}))
    torch.save({"state_dict": Evil()}, "evil2.pth")
    for name in ("evil.pth", "evil2.pth"):
        status, _, err = run(*DISSECT, "--weights", name, "--out", "run")
        assert status == 2
        assert "--trust-pickle" in err
        assert not (place / "hacked").exists()
    run(*DISSECT, "--weights", "evil2.pth", "--trust-pickle", "--out", "run")
    assert (place / "hacked").exists()


def test_an_existing_run_is_kept(place, run):
    run(*DISSECT, "--out", "run")
    before = (place / "run" / "run.json").read_bytes()
    status, _, err = run(*DISSECT, "--out", "run")
    assert status == 2
    assert "run: exists already (--overwrite replaces a run)" in err
    assert (place / "run" / "run.json").read_bytes() == before
    status, _, _ = run(*DISSECT, "--out", "run", "--overwrite", "--iou", "0.5")
    assert status == 0
    assert Result.load("run")["relu"].iou_threshold == 0.5


def test_resume_begins_where_nothing_was_returns_what_is_done_and_refuses_another_run(place, run):
    status, first, err = run(*DISSECT, "--out", "run", "--resume")
    assert status == 0, err
    written = (place / "run" / "run.json").stat().st_mtime_ns
    status, again, err = run(*DISSECT, "--out", "run", "--resume")
    assert (status, again) == (0, first)
    assert (place / "run" / "run.json").stat().st_mtime_ns == written
    status, _, err = run(*DISSECT, "--out", "run", "--resume", "--seed", "4")
    assert status == 2
    assert "run: is another run, and is not resumed: settings seed is 0, here 4" in err
    status, _, err = run(*DISSECT, "--out", "run", "--resume", "--keep-activations")
    assert status == 2
    assert "run: was finished without keeping activations; --overwrite runs it anew" in err


def test_kept_activations_give_the_same_thresholds(place, run):
    assert run(*DISSECT, "--out", "run", "--keep-activations")[0] == 0
    kept = KeptActivations(place / "run" / "activations")
    assert np.array_equal(kept.thresholds("relu"), Result.load("run")["relu"].activations.thresholds)
    assert not (place / "run.unfinished").exists()
    damaged = place / "run" / "activations" / "layer0.values"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(NetdissectError, match="is damaged"):
        KeptActivations(place / "run" / "activations")


def test_the_default_quantile_on_dense_data_says_what_is_out_of_reach(place, run):
    status, out, err = run(
        "dissect", "net.py:small", "--layer", "relu", "--data", "data", "--size", "32", "--out", "run"
    )
    assert status == 0, err
    assert re.search(
        r"note: relu: no unit can pass an IoU of 0\.04 with 2 of 2 concepts \((light, dark|dark, light)\)", out
    )


def test_debug_shows_the_traceback(place, run):
    with pytest.raises(Exception, match="no layer"):
        run("dissect", "net.py:small", "--layer", "x", "--data", "data", "--out", "run", "--debug")


def test_a_fault_of_ours_is_still_one_line(place, run):
    """Here the network's own, where none is foreseen."""
    status, _, err = run(*DISSECT, "--model-arg", "faulty=True", "--out", "run")
    assert status == 1
    assert err.strip().splitlines()[-1] == "netdissect: ZeroDivisionError: division by zero (--debug shows where)"


def test_help_has_examples_and_does_not_import_torch():
    code = """
import json, sys
from netdissect import cli
for command in json.loads(sys.argv[1]):
    sys.argv = ["netdissect", *command, "--help"]
    try:
        cli.main()
    except SystemExit:
        print("END")
assert not {"torch", "pandas", "PIL", "matplotlib"} & set(sys.modules)
"""
    broden = [["broden", name] for name in ("build", "download", "check")]
    commands = [[], ["demo"], ["layers"], ["dissect"], ["summary"], ["report"], ["concepts"], *broden]
    done = subprocess.run([sys.executable, "-c", code, json.dumps(commands)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("END\n")
    for command, text in zip(commands, shown[:-1], strict=True):
        assert "netdissect demo" in text if not command else "Example: netdissect" in text


def test_ctrl_c_leaves_nothing_behind(place):
    slow = "open('begun', 'w').close(); import time; time.sleep(0.5); "
    (place / "net.py").write_text(NETWORK.replace("x = self.relu(self.conv(x))", slow + "x = self.relu(self.conv(x))"))
    command = [sys.executable, "-m", "netdissect", *DISSECT, "--batch-size", "1", "--out", "run"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (place / "begun").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "netdissect: interrupted; nothing was written"
    assert {path.name for path in place.iterdir()} - {"__pycache__"} == {"begun", "data", "net.py"}


@needs_shared
@pytest.mark.parametrize(("network", "layer"), [("resnet18", "layer4"), ("alexnet", "features.11")])
def test_stock_networks_on_real_images(network, layer, run, tmp_path):
    status, out, _ = run(
        "dissect", f"torchvision:{network}", "--layer", layer, "--data", SHARED / "data/camvid/train",
        "--quantile", "0.05", "--limit", "12", "--out", tmp_path / "run",
    )  # fmt: skip
    assert status == 0
    assert "on 12 images of camvid/train" in out
    assert "note: the network has random weights" in out
    assert Result.load(tmp_path / "run")[layer].counts.concept_area.sum() > 0


@needs_shared
def test_units_of_a_trained_network_are_named_after_the_things_of_a_street(run, tmp_path):
    status, _, _ = run(
        "dissect", f"{SHARED}/models/networks.py:mobilenet_v2_imagenet", "--mean", "0.50196", "--std", "0.50196",
        "--layer", "features.14", "--data", SHARED / "data/camvid/train", "--quantile", "0.05", "--limit", "80",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert status == 0
    layer = Result.load(tmp_path / "run")["features.14"]
    detected = layer.labels[layer.labels["is_detector"]]
    assert {"Car", "Tree", "Building", "Sky", "Road"} <= set(detected["concept"])
    # Random weights name units too; that cars are found well is learned.
    assert detected[detected["concept"] == "Car"]["iou"].max() > 0.12
