"""Making datasets and looking into them as a user does: commands, output, exit status."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from netdissect import BrodenDataset
from tests.broden.building.other_source_files import write_folder, write_imagefolder
from tests.damage import cut


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory to work in, with 12 street scenes and 12 images of two textures."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    write_folder(tmp_path / "street", {str(n): random.integers(0, 3, (16, 24)) for n in range(12)})
    files = [f"{texture}/{n}.jpg" for texture in ("banded", "cracked") for n in range(12)]
    write_imagefolder(tmp_path / "textures", files)
    return tmp_path


BUILD = ("broden", "build", "--size", "32", "--source", "folder=street", "--source", "imagefolder=textures:texture")


def test_build_check_and_look(place, run):
    status, out, err = run(*BUILD, "--out", "made")
    assert status == 0
    assert "36 images, 6 concepts" in out and "made/merges.csv" in out
    assert "36/36" in err and "36/36" not in out
    assert (BrodenDataset("made").label_shape, len(BrodenDataset("made"))) == ((16, 16), 36)
    assert sorted(path.name for path in place.iterdir()) == ["made", "street", "textures"]

    status, out, _ = run("broden", "check", "made")
    assert (status, out) == (0, "read all images and 48 label maps; problems: none\n")
    status, out, _ = run("broden", "check", "made", "--fast", "--sample", "5", "--json")
    assert status == 0 and json.loads(out)["images"] == 5

    status, out, _ = run("concepts", "made")
    assert status == 0 and "made: 36 images, label maps of 16x16" in out
    table = {line.split()[0]: line.split()[1:4] for line in out.splitlines()[3:] if line.strip("─ ")}
    assert table["texture"] == ["2", "24", str(24 * 256)]
    assert table["object"] == ["3", "12", str(12 * 256)]
    assert table["color"] == ["1", "36", str(36 * 256)]
    status, out, _ = run("concepts", "made", "--category", "texture")
    assert status == 0 and [line.split()[1:4] for line in out.splitlines()[-2:]] == [
        ["banded", "12", "3072"],
        ["cracked", "12", "3072"],
    ]
    of_textures = json.loads(run("concepts", "made", "--category", "texture", "--json")[1])
    assert [concept["name"] for concept in of_textures["concepts"]] == ["banded", "cracked"]
    status, out, _ = run("concepts", "made", "--json")
    assert {concept["name"] for concept in json.loads(out)["concepts"]} == {
        "sky",
        "road",
        "car",
        "banded",
        "cracked",
        "grey-c",
    }


def test_a_sheet_of_a_concept(place, run):
    status, out, _ = run("concepts", "street", "--concept", "Road")
    assert (status, out) == (0, "road.jpg\n")
    with Image.open("road.jpg") as sheet:
        assert sheet.width > 224
    status, out, _ = run("concepts", "street", "--concept", "road", "--out", "sheets/a.png", "--count", "2", "--json")
    assert status == 0 and json.loads(out) == {
        "concept": {"number": 2, "name": "road", "category": "object", "synonyms": []},
        "shown": 2,
        "sheet": "sheets/a.png",
    }


def test_a_damaged_dataset(place, run):
    run(*BUILD, "--out", "made")
    (place / "made/images/folder/3_object.png").unlink()
    cut(place / "made/images/folder/4.jpg")
    status, out, _ = run("broden", "check", "made")
    assert status == 1
    assert "images/folder/3_object.png: " in out and "images/folder/4.jpg: " in out
    assert out.endswith("problems: 2\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("broden", "build", "--out", "made", "--source", "foldr=street"), "did you mean folder"),
        (("broden", "build", "--out", "made", "--source", "folder=nowhere"), "nowhere does not exist"),
        (("broden", "build", "--out", "made", "--source", "dtd=street"), "street"),
        ((*BUILD, "--out", "made", "--color-table", "no.mat"), "no.mat: is missing"),
        ((*BUILD, "--out", "made", "--size", "big"), "--size 'big'"),
        ((*BUILD, "--out", "made", "--min-images", "99"), "no concept has 99 images"),
        ((*BUILD, "--out", "street"), "exists already"),
        (("broden", "check", "street"), "not a Broden directory"),
        (("broden", "download", "--size", "100"), "224, 227"),
        (("concepts", "street", "--concept", "rode"), "did you mean road"),
        (("concepts", "street", "--category", "part"), "no category 'part' (there are object)"),
        (("concepts", "street", "--concept", "road", "--out", "road.gif"), "a sheet is a .jpg or a .png"),
        (("concepts", "nowhere"), "nowhere: no such dataset"),
        (("concepts", "street", "--count", "3"), "--out and --count are for the sheet of a --concept"),
        (("concepts", "street", "--category", "object", "--concept", "road"), "one of them"),
        ((*BUILD, "--out", "textures/made"), "lies in the source textures, and would be one of its concepts"),
        ((*BUILD, "--out", "made", "--size", "99999999"), "from 2 to 16384 on each side"),
        (("broden", "download", "--mirror", ""), "mirror '' is not the http or https address"),
    ],
)
def test_mistakes_are_told_in_one_line(place, run, arguments, said):
    status, out, err = run(*arguments)
    lines = [line for line in err.splitlines() if line.startswith("netdissect: ")]
    assert (status, out, len(lines)) == (2, "", 1)
    assert said in lines[0] and "Traceback" not in err
    assert not (place / "made").exists()


def test_bad_images_are_counted(place, run):
    cut(place / "street" / "images" / "7.jpg")
    status, out, err = run(*BUILD, "--out", "made")
    assert status == 2 and "street/images/7.jpg" in err and not (place / "made").exists()
    status, out, _ = run(*BUILD, "--out", "made", "--resume", "--skip-bad")
    assert status == 0 and "35 images" in out
    assert "images left out: 1, the first: street/images/7.jpg" in out
    with (place / "made" / "skipped.csv").open() as file:
        assert [row["image"] for row in csv.DictReader(file)] == ["folder/7.jpg"]


def test_ctrl_c_says_what_is_left(place):
    """The build is stopped while it reads images; the command says so, and --resume ends it."""
    write_imagefolder(place / "many", [f"a/{n}.jpg" for n in range(320)])
    command = [sys.executable, "-m", "netdissect", "broden", "build", "--out", "made", "--source", "imagefolder=many"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        while not list(place.glob("made.unfinished/job.pickle")):
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(0.3)  # processes begin
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "netdissect: interrupted; --resume goes on with what is finished"
    assert "Traceback" not in err
    assert not (place / "made").exists()
    subprocess.run([*command, "--resume"], check=True, capture_output=True)
    assert len(BrodenDataset("made")) == 320
