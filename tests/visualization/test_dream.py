"""Dreaming, as a function and as people type it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from netdissect import Dreaming, NetdissectError, dream
from netdissect.networks.demo import DEMO_SPEC
from tests.opened import opened

OPTIONS = {"size": 16, "mean": 0.0, "std": 1.0, "progress": False}
FEW = Dreaming(octaves=2, steps=4, rate=0.02)


class Colors(nn.Module):
    """Its first unit is the image's red less its green, its second the opposite."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1, bias=False)
        self.conv.load_state_dict({"weight": torch.tensor([[1.0, -1, 0], [-1, 1, 0]])[:, :, None, None]})

    def forward(self, images):
        return self.conv(images)


@pytest.fixture
def photo():
    """Wide, in shades of gray."""
    return Image.fromarray(np.random.default_rng(0).integers(60, 200, (20, 50), dtype=np.uint8))


def redness(picture):
    red, green, _ = np.asarray(picture, dtype=float).mean(axis=(0, 1))
    return red - green


def test_a_unit_sees_what_it_looks_for(photo, tmp_path):
    reddened = dream(Colors(), "conv", photo, 0, dreaming=FEW, out=tmp_path / "new" / "red.png", **OPTIONS)
    assert reddened.size == photo.size and reddened.mode == "RGB"
    assert redness(reddened) > 10 and redness(dream(Colors(), "conv", photo, 1, dreaming=FEW, **OPTIONS)) < -10
    assert opened(tmp_path / "new" / "red.png").tobytes() == reddened.tobytes()
    photo.save(tmp_path / "photo.png")
    of_file = dream(Colors(), "conv", tmp_path / "photo.png", 0, dreaming=FEW, **OPTIONS)
    assert of_file.tobytes() == reddened.tobytes()


def test_files_are_not_lost(photo, tmp_path):
    photo.save(tmp_path / "photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    (tmp_path / "link.png").symlink_to("photo.png")
    for place in ("photo.png", "link.png"):
        for overwrite in (False, True):
            options = {"out": tmp_path / place, "overwrite": overwrite, "dreaming": FEW, **OPTIONS}
            with pytest.raises(NetdissectError, match="is the image itself, which is not overwritten"):
                dream(Colors(), "conv", tmp_path / "photo.png", 0, **options)
            if not overwrite:
                with pytest.raises(NetdissectError, match=r"exists already \(--overwrite replaces it\)"):
                    dream(Colors(), "conv", photo, 0, **options)
    assert (tmp_path / "photo.png").read_bytes() == before
    dream(Colors(), "conv", photo, 0, out=tmp_path / "photo.png", overwrite=True, dreaming=FEW, **OPTIONS)
    assert (tmp_path / "photo.png").read_bytes() != before
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(NetdissectError, match="it is a directory"):
        dream(Colors(), "conv", photo, 0, out=tmp_path / "folder.png", overwrite=True, **OPTIONS)


def test_an_image_on_which_nothing_responds(photo):
    """The layer as a whole is zero on gray."""
    with pytest.raises(NetdissectError, match=r"^layer conv has no gradient on this image other than zero$"):
        dream(Colors(), "conv", photo, dreaming=FEW, **OPTIONS)


def test_what_cannot_be_dreamt_of(photo):
    with pytest.raises(NetdissectError, match="mode I;16: it is not known which of its values is white"):
        dream(Colors(), "conv", Image.new("I;16", (9, 9)), dreaming=FEW, **OPTIONS)
    with pytest.raises(NetdissectError, match=r"30 octaves, each 1\.4 times as large as the one before: the first"):
        Dreaming(octaves=30)


def test_photographs_stand_upright_and_are_not_too_large(photo, tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held on its side
    photo.save(tmp_path / "turned.jpg", exif=turned)
    assert dream(Colors(), "conv", tmp_path / "turned.jpg", 0, dreaming=FEW, **OPTIONS).size == (20, 50)
    assert dream(Colors(), "conv", photo, 0, dreaming=FEW, longest=25, **OPTIONS).size == (25, 10)


def test_the_command_writes_the_picture(run, photo, tmp_path):
    photo.save(tmp_path / "photo.png")
    few = ("--octaves", 1, "--steps", 2, "--size", 56)
    pictures, out = [], tmp_path / "dream.jpg"
    options = ("--layer", "relu4", "--out", out, "--overwrite", *few)
    for seed in (0, 0, 1):
        status, printed, errors = run("dream", DEMO_SPEC, tmp_path / "photo.png", *options, "--seed", seed)
        assert (status, printed) == (0, f"{out}\n"), errors
        pictures.append(out.read_bytes())
    assert opened(out).size == photo.size
    assert pictures[0] == pictures[1] != pictures[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("photo.png", "--layer", "relu4", "--unit", 128), "layer relu4 has the units 0 to 127: there is no unit 128"),
        (("photo.png", "--layer", "relu9"), "no layer 'relu9'"),
        (("photo.png", "--layer", "relu*"), "one layer dreams at a time, not relu1, relu2, relu3, relu4"),
        (("none.png", "--layer", "relu4"), "none.png: the image is missing"),
        (("text.png", "--layer", "relu4"), "text.png: the image cannot be read"),
        (("photo.png", "--layer", "relu4", "--out", "dream.gif"), "dream.gif: a dream is a .jpg or a .png"),
        (("photo.png", "--layer", "relu4", "--octaves", 0), "the number of octaves is at least 1, not 0"),
        (("photo.png", "--layer", "relu4", "--scale", 1), "the scale of octaves is a finite number above 1, not 1.0"),
        (("photo.png", "--layer", "relu4", "--longest", 0), "the longest side is at least 1, not 0"),
    ],
)
def test_bad_input_is_one_line(run, photo, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    photo.save("photo.png")
    (tmp_path / "text.png").write_text("no image")
    status, printed, errors = run("dream", DEMO_SPEC, *arguments)
    assert (status, printed) == (2, "")
    assert said in errors and errors.count("\n") == 1
    assert not (tmp_path / "dream.jpg").exists()


def test_a_dream_that_cannot_be_written(photo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NetdissectError, match="cannot be written"):
        dream(Colors(), "conv", photo, 0, dreaming=FEW, out=tmp_path / "file" / "dream.png", **OPTIONS)
