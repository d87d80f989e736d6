"""Images of pages and reports: each stored once, and all together small enough."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from netdissect.pages.images import SMALLEST, ImageStore
from netdissect.results import ShownImage
from tests.report.results import random_layer, result_of


@pytest.fixture(scope="module")
def two_runs():
    return [result_of(random_layer(3, seed=seed), name=name) for seed, name in enumerate(("first", "second"))]


def test_an_image_of_several_runs_is_stored_once(two_runs):
    other = dataclasses.replace(two_runs[0], images={0: ShownImage("another.jpg", two_runs[0].images[0].jpeg)})
    assert len(list(ImageStore(two_runs).stored())) == 40
    stored = list(ImageStore([*two_runs, other]).stored())
    assert len(stored) == 41  # of the same bytes, but another name
    assert [image.file for image in stored[:2]] == ["0.jpg", "1.jpg"]
    assert stored[0].content == two_runs[0].images[0].jpeg


def test_many_images_are_made_smaller():
    random = np.random.default_rng(0)
    jpegs = []
    for _ in range(6):
        small = Image.fromarray(random.integers(0, 255, (12, 18, 3), dtype=np.uint8))
        buffer = io.BytesIO()
        small.resize((192, 128), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
        jpegs.append(buffer.getvalue())
    result = dataclasses.replace(result_of(), images={n: ShownImage(str(n), jpeg) for n, jpeg in enumerate(jpegs)})
    budget = sum(map(len, jpegs)) // 4
    stored = list(ImageStore([result], budget=budget).stored())
    assert sum(len(image.content) for image in stored) < 2 * budget  # noise compresses worse than photographs
    for number, image in enumerate(stored):
        assert image.file == f"{number}.webp"
        with Image.open(io.BytesIO(image.content)) as opened:
            assert (opened.format, opened.size) == ("WEBP", image.size)
        assert SMALLEST <= image.size[0] < 192 and image.size[1] == pytest.approx(image.size[0] / 1.5, abs=1)
    assert {image.size[0] for image in ImageStore([result], budget=1).stored()} == {SMALLEST}
