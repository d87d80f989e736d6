"""The page of a run: its data, and what a person sees in a real browser."""

import io
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from netdissect import Concept, dissect, write_report
from netdissect.concepts.base import Labels
from netdissect.report.pages import IMAGES_PER_UNIT, page_data
from tests.planted import PLAIN, MemoryDataset, Recall

HOSTILE = "<script>document.title='hacked'</script>\"'"
CONCEPTS = (
    Concept(1, "left", "object"),
    Concept(2, "right", "object"),
    Concept(3, HOSTILE, "part"),
    Concept(4, "../../x", "moods"),
)


class Pictures(MemoryDataset):
    """Blue pictures, so that masks are seen on them; their red still tells which one it is."""

    def image(self, index):
        return Image.new("RGB", (80, 40), (index, 0, 255))


@pytest.fixture(scope="module")
def result():
    """Eight images: unit 0 fires on the left, 1 on the right, 2 in the upper right corner, 3 never."""
    maps = np.zeros((8, 4, 2, 4), dtype=np.float32)
    strength = np.arange(1, 9, dtype=np.float32)[:, None, None]
    maps[:, 0, :, :2] = strength
    maps[:, 1, :, 2:] = strength
    maps[:, 2, :1, 3:] = strength
    labels = np.zeros((3, 20, 40), dtype=np.int32)
    labels[0, :, :20], labels[0, :, 20:] = 1, 2
    labels[1, :14, 26:] = 3
    labels[2, 15:, :4] = 4
    data = Pictures([Labels(labels)] * 8, CONCEPTS, (20, 40))
    options = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.7}
    return dissect(Recall(maps, maps[:, :2]), ["maps", "maps1"], data, name=HOSTILE, **options)


def test_data_of_the_page(result):
    data = page_data(result)
    first, second = data["layers"]
    assert (first["name"], first["units"], second["units"]) == ("maps", 4, 2)
    summary = result["maps"].summary()
    assert (first["detectors"], first["unique"]) == (summary["by_label"]["detectors"], summary["by_label"]["unique"])
    assert first["unique_by_category"] == summary["by_category"]["unique"]
    bars = {bar["concept"]: bar["count"] for group in first["groups"] for bar in group["bars"]}
    assert bars == {"left": 1, "right": 1, HOSTILE: 1}
    assert sum(bars.values()) == first["detectors"]
    cards = {card["unit"]: card for card in first["cards"]}
    assert [cards[unit]["label"]["concept"] for unit in range(3)] == ["left", "right", HOSTILE]
    assert cards[3]["label"] is None
    assert "never responds" in cards[3]["reason"]
    shown = [card["label"]["iou"] for card in first["cards"] if card["label"]]
    assert shown == sorted(shown, reverse=True)
    assert [shot["image"] for shot in cards[0]["shots"]] == [7, 6, 5, 4, 3]  # the strongest first
    assert {image["index"] for image in data["images"]} == {
        shot["image"] for layer in data["layers"] for card in layer["cards"] for shot in card["shots"]
    }
    assert len({category["color"] for category in data["categories"]}) == 3


def test_page_holds_everything_and_hostile_names_are_text(result, tmp_path):
    page = write_report(result, tmp_path / "report")
    text = page.read_text()
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]
    assert "<script>document" not in text
    assert text.count("<script>") == 1
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", text)
    assert not re.findall(r"url\((?!data:)", text)


def test_written_twice_is_the_same(result, tmp_path):
    first, second = (write_report(result, tmp_path / name).read_bytes() for name in "ab")
    assert first == second


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("NETDISSECT_NEEDS_CHROMIUM"):
            pytest.fail("no Chromium on this machine, and NETDISSECT_NEEDS_CHROMIUM is set")
        pytest.skip("no Chromium on this machine to open the report in")
    sync_api = pytest.importorskip("playwright.sync_api")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, result, tmp_path):
    """The page, opened from disk; complaints of the browser and requests that leave the file fail the test."""
    path = write_report(result, tmp_path)
    context = browser.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: complaints.append(request.url[:90]))
    page.goto(path.as_uri())
    yield page
    assert [text for text in complaints if not text.startswith("data:")] == [path.as_uri()]
    context.close()


def test_opens_from_disk_with_names_as_text(page):
    assert page.title() == f"{HOSTILE} - netdissect"
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.locator(".card:visible").count() == 4
    concepts = page.locator(".card:visible .concept").all_text_contents()
    assert sorted(concepts) == sorted(["left", "right", HOSTILE, "no label"])


def blue(shot):
    """The blue of what is seen at a place, (height, width)."""
    return np.asarray(Image.open(io.BytesIO(shot.screenshot())).convert("RGB"))[:, :, 2]


def test_masks_lie_where_the_unit_fires(page):
    for concept, lit, dark in (("left", (0.25, 0.5), (0.75, 0.5)), ("right", (0.75, 0.5), (0.25, 0.5))):
        shot = page.locator(f".card[data-concept='{concept}'] .shot").first
        page.mouse.move(0, 0)
        picture = blue(shot)
        height, width = picture.shape
        bright, dim = (picture[int(y * height), int(x * width)] for x, y in (lit, dark))
        assert bright > 240  # the picture itself
        assert dim < 120  # under the veil
        shot.hover()
        bare = blue(shot)
        assert bare[int(dark[1] * height), int(dark[0] * width)] > 240  # pointing at it lifts the veil


def test_tabs_and_filters(page):
    page.get_by_role("link", name=re.compile("maps1")).click()
    assert page.locator(".card:visible").count() == 2
    assert page.url.endswith("#layer-2")
    page.go_back()
    assert page.locator(".card:visible").count() == 4
    search = page.locator(".layer:visible input[type=search]")
    search.fill("LEF")
    assert page.locator(".card:visible .concept").all_text_contents() == ["left"]
    assert page.locator(".layer:visible output").inner_text() == "1 unit"
    search.fill("3")
    assert page.locator(".card:visible .number").all_text_contents() == ["unit 3"]
    search.fill("")
    page.locator(".layer:visible select").select_option("part")
    assert page.locator(".card:visible .concept").all_text_contents() == [HOSTILE]
    page.locator(".layer:visible select").select_option("")
    page.locator(".layer:visible input[type=checkbox]").check()
    assert page.locator(".card:visible").count() == 3


@pytest.mark.parametrize("width", [360, 820, 1900])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_phones_and_wide_screens(page, width, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".card:visible .shot").count() == 4 * IMAGES_PER_UNIT
