"""What a person sees and does in a real browser."""

import csv
import dataclasses
import io
import re
import shutil
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from netdissect import write_report
from netdissect.choices import CRITERIA
from netdissect.engine.alignment import STRETCH
from netdissect.engine.mask import unit_masks
from netdissect.results.statistics import STATISTICS
from tests.report.accessibility import barriers
from tests.report.results import CONCEPTS, HOSTILE, LONG, RIGHT_TO_LEFT, random_layer, result_of
from tests.results.choices import Dice, Precision
from tests.unchecked import unchecked_types


def cards(page):
    """The units shown, in their order."""
    return [int(unit) for unit in page.locator(".card").evaluate_all("cards => cards.map(card => card.dataset.unit)")]


def hash_of(page):
    """What the address says, once it follows the view."""
    page.wait_for_function("typeof addressOf === 'function' && addressOf() === (location.hash || '#')")
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")


def test_opens_from_disk_with_names_as_text(visit, tiny_report):
    with visit(tiny_report) as page:
        assert page.title() == f"{HOSTILE} - netdissect"
        assert page.locator("h1").inner_text() == HOSTILE
        assert cards(page) == [2, 0, 1, 3]
        assert page.locator(".card .concept").all_text_contents() == [HOSTILE, "left", "right", "no label"]
        assert "never responds" in page.locator(".card").last.inner_text()
        assert HOSTILE in page.locator(".card img").first.get_attribute("alt")


def test_concepts_with_hostile_names_have_their_pages(visit, tiny_report):
    with visit(tiny_report, "concepts/index.html") as page:
        names = page.locator("tbody th").all_text_contents()
        assert sorted(names) == sorted(concept.name for concept in CONCEPTS)
        for name in (HOSTILE, "../../x", LONG, RIGHT_TO_LEFT, "__proto__"):
            link = page.locator("tbody th a").nth(names.index(name))
            assert re.fullmatch(r"\d{4}[a-z0-9-]*\.html", link.get_attribute("href"))
            link.click()
            assert page.locator("h1").text_content() == name
            assert page.title() == f"{' '.join(name.split())} - netdissect"
            page.go_back()


def test_every_link_that_scripts_make_resolves(visit, two_runs_report):
    with visit(two_runs_report, "index.html#unit=3") as page:
        page.wait_for_selector("dialog .shot")
        links = page.locator("a").evaluate_all("links => links.map((link) => link.getAttribute('href'))")
        pages = {link for link in links if not link.startswith("#")}
        assert len(pages) > 10 and all((two_runs_report / link).is_file() for link in pages)
        views = {link for link in links if link.startswith("#") and link != "#content"}
        assert len(views) > 40
        for link in sorted(views)[::9]:
            page.goto(f"{two_runs_report.as_uri()}/index.html{link}")
            assert page.locator("#layer").inner_text() in link.replace("%3A", ":") or "layer=" not in link


def blue(shot):
    """The blue of what is seen at a place, (height, width)."""
    return np.asarray(Image.open(io.BytesIO(shot.screenshot())).convert("RGB"))[:, :, 2]


@pytest.mark.parametrize(("unit", "lit", "dark"), [(0, (0.25, 0.5), (0.75, 0.5)), (1, (0.75, 0.5), (0.25, 0.5))])
def test_masks_lie_where_the_unit_fires(visit, tiny_report, unit, lit, dark):
    with visit(tiny_report) as page:
        shot = page.locator(f".card[data-unit='{unit}'] .shot").first
        page.mouse.move(0, 0)
        picture = blue(shot)
        height, width = picture.shape
        bright, dim = (picture[int(y * height), int(x * width)] for x, y in (lit, dark))
        assert bright > 240  # the picture itself
        assert dim < 130  # under the veil
        shot.hover()
        bare = blue(shot)
        assert bare[int(dark[1] * height), int(dark[0] * width)] > 240  # pointing at it lifts the veil


def test_masks_are_those_of_the_engine(visit, two_runs, two_runs_report):
    import torch

    layer = two_runs[0]["late"]
    with visit(two_runs_report) as page:
        runs = page.evaluate("""async () => {
            const told = [];
            for (let unit = 0; unit < 50; unit++)
                told.push((await unitDetails(1, unit, 32)).shots.map((shot) => litRuns(shot.mask)));
            return told;
        }""")
    maps = torch.from_numpy(layer.top.maps)
    for unit in range(50):
        levels = torch.full((6,), float(layer.activations.thresholds[unit]))
        masks = unit_masks(maps[unit], levels, (10, 15), STRETCH).numpy()
        for rank in range(6):
            drawn = np.zeros(150, dtype=bool)
            for start, end in runs[unit][rank]:
                drawn[start:end] = True
            assert (drawn.reshape(10, 15) == masks[rank]).all()


def shown_counts(page):
    """What the page counts: [detectors, unique, unique by category], and per category the four counts."""
    head = [
        int(page.locator(f"#{name}").text_content().replace(",", ""))
        for name in ("detectors", "unique", "unique-every")
    ]
    rows = page.locator("#counts tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.cells].map(c => c.textContent))"
    )
    return head, {name: [int(count) for count in counts] for name, *counts in rows}


def expected_counts(layer, cut):
    summary = dataclasses.replace(layer, iou_threshold=cut).summary()
    ways = (summary["by_label"], summary["by_category"])
    counts = {
        name: [way["categories"][name][what] for way in ways for what in ("detectors", "unique")]
        for name in layer.categories
    }
    return [ways[0]["detectors"], ways[0]["unique"], ways[1]["unique"]], counts


def test_the_cut_recounts_everything_as_a_summary_does(visit, two_runs, two_runs_report):
    layer = two_runs[1]["late"]
    ious = np.sort(layer.labels["iou"].to_numpy())
    # IoUs that occur are no greater than themselves: such a unit is no detector.
    cuts = [None, 0, ious[10], np.nextafter(ious[10], 0), ious[-1], 1, 0.04, 0.1]
    with visit(two_runs_report, "index.html#layer=second%3Alate") as page:
        for cut in cuts:
            page.evaluate("cut => go({ cut: cut ?? '' })", None if cut is None else float(cut))
            at = layer.iou_threshold if cut is None else float(cut)
            assert shown_counts(page) == expected_counts(layer, at)
            labelled = dataclasses.replace(layer, iou_threshold=at).labels
            detectors = labelled[labelled["is_detector"]]
            assert page.locator(".card.detector").count() == len(detectors)
            bars = page.locator("#bars a").evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
            counts = detectors.groupby(["concept", "category"]).size()
            told = {
                f"{concept} ({category}): {n} detector{'s' * (n != 1)}" for (concept, category), n in counts.items()
            }
            assert set(bars) == told
            every = [
                dataclasses.replace(one, iou_threshold=at).summary() for run in two_runs for one in run.layers.values()
            ]
            tabs = page.locator(".tab span").all_text_contents()
            assert tabs == [f"{one['by_category']['unique']} unique" for one in every]
            curve = {
                title.rpartition(":")[0]: int(title.split()[-2])
                for title in page.locator("#curve title").all_text_contents()
            }
            names = [f"{run.name}:{layer}" for run in two_runs for layer in run.layers]
            assert curve == {
                f"{name}, {category}": one["by_category"]["categories"][category]["unique"]
                for name, one in zip(names, every, strict=True)
                for category in ("object", "part", "texture")
                if any(other["by_category"]["categories"][category]["unique"] for other in every)
            }


def test_the_cut_is_moved_with_slider_number_and_keyboard(visit, two_runs_report):
    with visit(two_runs_report) as page:
        slider, number, back = (
            page.locator("#cut input[type=range]"),
            page.locator("#cut input[type=number]"),
            page.locator("#cut button"),
        )
        assert (number.input_value(), back.is_disabled()) == ("0.04", True)
        line = page.locator("#distribution .cut-line")
        before = float(line.get_attribute("x1"))
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("location.hash === '#cut=0.045'")
        assert number.input_value() == "0.045"
        assert float(line.get_attribute("x1")) > before
        number.fill("0.2")
        page.wait_for_function("location.hash === '#cut=0.2'")
        assert slider.input_value() == "0.2"
        assert shown_counts(page)[0][0] == page.locator(".card.detector").count()
        back.click()
        assert (hash_of(page), number.input_value()) == ({}, "0.04")


def test_filters_and_sorting(visit, two_runs, two_runs_report):
    layer = two_runs[0]["early"]
    labels = layer.labels
    by_iou = labels["unit"].tolist() + [unit for unit in range(30) if unit not in set(labels["unit"])]
    with visit(two_runs_report) as page:
        filter_ = page.locator("#filter")
        assert cards(page) == by_iou
        filter_.locator("[name=sort]").select_option("unit")
        assert cards(page) == list(range(30))
        filter_.locator("[name=sort]").select_option("concept")
        by_concept = labels.sort_values(["concept", "iou", "unit"], ascending=[True, False, True], kind="stable")
        names = dict(zip(labels["unit"], labels["concept"], strict=True))
        shown = cards(page)
        assert [names[unit] for unit in shown[: len(labels)]] == page.evaluate(
            "names => names.sort((a, b) => a.localeCompare(b, 'en'))", by_concept["concept"].tolist()
        )
        filter_.locator("[name=category]").select_option("part")
        assert set(cards(page)) == set(labels[labels["category"] == "part"]["unit"])
        concept = labels[labels["category"] == "part"]["concept"].iloc[0]
        filter_.locator("[name=concept]").select_option(concept)
        wanted = labels[labels["concept"] == concept]["unit"].tolist()
        assert cards(page) == wanted
        assert filter_.locator("output").inner_text() == f"{len(wanted)} unit{'s' * (len(wanted) != 1)}"
        assert hash_of(page) == {"category": "part", "concept": concept, "sort": "concept"}
        page.reload()  # the address bar keeps it
        assert cards(page) == wanted
        for name in ("category", "concept"):
            filter_.locator(f"[name={name}]").select_option("")
        filter_.locator("[name=text]").fill("17")
        assert 17 in cards(page)
        filter_.locator("[name=text]").fill(concept.upper())
        assert set(wanted) <= set(cards(page))
        filter_.locator("[name=text]").fill("")
        filter_.get_by_label("only detectors").check()
        assert set(cards(page)) == set(labels[labels["is_detector"]]["unit"])


def test_a_bar_leads_to_its_units(visit, two_runs, two_runs_report):
    labels = two_runs[0]["early"].labels
    with visit(two_runs_report) as page:
        bar = page.locator("#bars a").first
        concept = re.match(r"(.*) \(", bar.get_attribute("aria-label"))[1]
        bar.focus()
        page.keyboard.press("Enter")
        assert cards(page) == labels[(labels["concept"] == concept) & labels["is_detector"]]["unit"].tolist()
        assert hash_of(page)["detectors"] == "1"
        page.go_back()
        assert len(cards(page)) == 30
        page.go_forward()
        assert len(cards(page)) < 30


def test_a_units_own_view(visit, two_runs, two_runs_report):
    layer = two_runs[0]["late"]
    first, second = layer.labels["unit"].iloc[:2].tolist()
    dialog = "dialog[open]"
    with visit(two_runs_report, "index.html#layer=first%3Alate") as page:
        page.locator(".card .number").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector(f"{dialog} .shot")
        assert hash_of(page) == {"layer": "first:late", "unit": str(first)}
        assert page.locator(f"{dialog} .shot").count() == 6
        text = page.locator(dialog).inner_text()
        assert f"unit {first}" in text and "T = 0.8" in text
        rows = page.locator(f"{dialog} .overlaps tbody tr").evaluate_all(
            "rows => rows.map(r => [...r.querySelectorAll('td')].map(c => c.textContent))"
        )
        told = [(name, iou) for name, iou, *_ in rows]
        best = []
        for category in layer.categories:
            columns = [n for n, concept in enumerate(layer.concepts) if concept.category == category]
            order = sorted(columns, key=lambda column: -layer.scores[first, column])[:5]
            best += [
                (layer.concepts[n].name, f"{layer.scores[first, n]:.3f}") for n in order if layer.scores[first, n] > 0
            ]
        assert told == best
        peak = np.unravel_index(layer.top.maps[first, 0].argmax(), (5, 7))
        assert f"at {peak[0]}, {peak[1]}" in page.locator(f"{dialog} figcaption").first.inner_text()
        place = page.locator(f"{dialog} .peak").first.get_attribute("style")
        top, left = (float(number) for number in re.findall(r"[\d.]+", place))
        assert (top, left) == (
            pytest.approx(100 * (peak[0] + 0.5) / 5, abs=0.02),
            pytest.approx(100 * (peak[1] + 0.5) / 7, abs=0.02),
        )
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"document.querySelector('dialog h2')?.textContent.includes('unit {second} ')")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"document.querySelector('dialog h2')?.textContent.includes('unit {first} ')")
        page.keyboard.press("Escape")
        page.wait_for_function("!location.hash.includes('unit')")
        assert page.locator(dialog).count() == 0
        assert hash_of(page) == {"layer": "first:late"}
        assert page.evaluate("document.activeElement.textContent") == f"unit {first}"


def test_what_a_unit_looks_for(visit, tiny, tiny_report):
    with visit(tiny_report, "index.html#unit=0") as page:
        page.wait_for_selector("dialog[open] .pictures")
        shown = page.locator("dialog .pictures").evaluate_all(
            "all => all.map((one) => [one.parentNode.querySelector('h3').textContent.split(' (')[0], "
            "one.previousElementSibling.matches('h4') && one.previousElementSibling.textContent, "
            "...[...one.querySelectorAll('figcaption span')].map((words) => words.textContent)])"
        )
        first, second, made = tiny["maps"].visualized[0]
        assert shown == [
            ["Top activated images", "highest", first.caption],
            ["Top activated images", second.variant, second.caption],
            ["Inceptionism", False, made.caption],
        ]
        page.locator("dialog .pictures img").last.scroll_into_view_if_needed()
        page.wait_for_function("[...document.querySelectorAll('.pictures img')].at(-1).naturalHeight === 300")
        page.keyboard.press("ArrowRight")
        page.wait_for_function("!document.querySelector('dialog h2').textContent.includes('unit 0 ')")
        page.wait_for_selector("dialog .shot")
        assert page.locator("dialog .pictures").count() == 0


def test_a_units_own_view_with_keys_alone(visit, two_runs, two_runs_report):
    units = two_runs[0]["early"].labels["unit"].tolist()
    with visit(two_runs_report, "index.html") as page:
        page.evaluate("unit => go({ unit }, true)", units[1])
        page.wait_for_selector("dialog .shot")
        page.get_by_label("Previous unit").focus()
        page.keyboard.press("Enter")  # at the first unit: there is none before
        page.wait_for_function(f"document.querySelector('dialog h2').textContent.startsWith('unit {units[0]} ')")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"document.querySelector('dialog h2').textContent.startsWith('unit {units[1]} ')")
        page.get_by_label("Next unit").focus()
        for unit in units[2:4]:  # the button keeps the focus
            page.keyboard.press("Enter")
            page.wait_for_function(f"document.querySelector('dialog h2').textContent.startsWith('unit {unit} ')")
        page.keyboard.press("Escape")
        page.wait_for_function("location.hash === ''")
        assert page.evaluate("document.activeElement.textContent") == f"unit {units[3]}"
        assert page.evaluate("history.state") is None  # back where it was opened from


def test_beside_the_dialog_a_click_closes_it(visit, two_runs_report):
    with visit(two_runs_report, "index.html#unit=3") as page:
        page.wait_for_selector("dialog .shot")
        box = page.locator("dialog").bounding_box()
        page.mouse.click(box["x"] + 8, box["y"] + box["height"] / 2)  # in its margin
        assert page.locator("dialog[open]").count() == 1
        page.mouse.click(box["x"] - 20, box["y"] + box["height"] / 2)
        page.wait_for_function("location.hash === ''")
        assert page.locator("dialog[open]").count() == 0


def test_links_to_other_tabs_keep_the_view(visit, two_runs_report):
    with visit(two_runs_report, "index.html#cut=0.1&sort=unit") as page:
        page.locator(".card .number").nth(2).focus()
        assert (
            page.locator(".card .number").nth(2).get_attribute("href")
            == "#layer=first%3Aearly&cut=0.1&sort=unit&unit=2"
        )
        page.keyboard.press("Home")
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert hash_of(page) == {"cut": "0.1", "sort": "unit"}
        assert page.evaluate("document.activeElement.id") == "content"


def test_what_is_no_cut_is_not_taken(visit, two_runs_report):
    with visit(two_runs_report) as page:
        number = page.locator("#cut input[type=number]")
        for typed in ("2", "-1", "", "1e", "0.5.5"):
            number.focus()
            page.keyboard.press("Control+A")
            page.keyboard.type(typed) if typed else page.keyboard.press("Delete")
            page.keyboard.press("Tab")
            page.wait_for_timeout(300)
            at = number.input_value()
            assert 0 <= float(at) <= 1, typed
            assert float(hash_of(page).get("cut", 0.04)) == float(at), typed


def test_a_missing_file_is_told(visit, two_runs_report, browser, tmp_path):
    broken = tmp_path / "report"
    shutil.copytree(two_runs_report, broken)
    (broken / "data" / "0" / "0.js").unlink()
    page = browser.new_page()
    page.goto(f"{broken.as_uri()}/index.html#unit=3")
    page.wait_for_selector("dialog .unit-body p:has-text('data/0/0.js is missing')")
    (broken / "data" / "report.js").unlink()
    page.goto(f"{broken.as_uri()}/index.html?")
    page.wait_for_selector("p:has-text('data/report.js is missing')")
    page.close()


def test_the_same_unit_elsewhere(visit, two_runs, two_runs_report):
    with visit(two_runs_report, "index.html#layer=first%3Aearly&unit=3") as page:  # a link sent by somebody
        page.wait_for_selector("dialog[open] .shot")
        links = page.locator("dialog .elsewhere a")
        assert links.all_text_contents() == ["second:early", "first:late", "second:late"]  # the same layer first
        label = two_runs[1]["early"].labels.set_index("unit").loc[3]
        assert (
            page.locator("dialog .elsewhere li").first.inner_text()
            == f"second:early {label['concept']}, IoU {label['iou']:.3f}"
        )
        links.first.click()
        page.wait_for_function("document.querySelector('dialog h2').textContent.includes('second:early')")
        assert hash_of(page) == {"layer": "second:early", "unit": "3"}
        page.go_back()
        page.wait_for_function("document.querySelector('dialog h2').textContent.includes('first:early')")


def test_tabs_and_the_curve_lead_to_layers(visit, two_runs_report):
    with visit(two_runs_report) as page:
        assert page.locator("#layer").inner_text() == "first:early"
        page.locator(".tab").nth(3).click()
        assert (page.locator("#layer").inner_text(), len(cards(page))) == ("second:late", 50)
        assert page.locator(".tab[aria-current]").inner_text().startswith("late")
        page.go_back()
        assert page.locator("#layer").inner_text() == "first:early"
        page.locator("#curve a").nth(1).click()
        assert page.locator("#layer").inner_text() == "first:late"


@pytest.mark.parametrize(
    "address",
    [
        "cut=abc",
        "cut=2&unit=99999",
        "layer=nope",
        "concept=nothing",
        "unit=-1",
        "unit=1.5",
        "sort=x&category=__proto__",
        "%%%",
    ],
)
def test_odd_addresses_do_no_harm(visit, two_runs_report, address):
    with visit(two_runs_report, f"index.html#{address}") as page:
        assert page.locator("#layer").inner_text() == "first:early"
        assert page.locator("dialog[open]").count() == 0
        assert shown_counts(page)[1]


def saved(page, button):
    with page.expect_download() as download:
        button.click()
    return download.value.suggested_filename, download.value.path().read_text()


def test_tables_are_saved(visit, two_runs, two_runs_report):
    with visit(two_runs_report, "index.html#detectors=1") as page:
        name, text = saved(page, page.locator("#save-units"))
        rows = list(csv.DictReader(io.StringIO(text)))
        labels = two_runs[0]["early"].labels
        detectors = labels[labels["is_detector"]]
        assert name == "first-early-units.csv"
        assert [int(row["unit"]) for row in rows] == detectors["unit"].tolist()
        assert [float(row["iou"]) for row in rows] == detectors["iou"].tolist()
        assert [row["concept"] for row in rows] == detectors["concept"].tolist()
        name, text = saved(page, page.locator("#save-counts"))
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == 12
        assert sum(int(row["detectors_by_label"]) for row in rows if row["layer"] == "first:early") == len(detectors)


def test_hostile_names_survive_csv(visit, tiny_report):
    with visit(tiny_report) as page:
        _, text = saved(page, page.locator("#save-units"))
        assert [row["concept"] for row in csv.DictReader(io.StringIO(text))] == [HOSTILE, "left", "right", ""]


@pytest.mark.parametrize("figure", ["curve", "distribution", "shares", "bars"])
def test_figures_are_saved_as_they_are_printed(visit, tiny_report, figure):
    with visit(tiny_report, color_scheme="dark") as page:
        name, text = saved(page, page.locator(f"#{figure} .save"))
        assert name == ("curve.svg" if figure == "curve" else f"maps-{figure}.svg")
        drawn = ElementTree.fromstring(text)
        assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
        shapes = [part for part in drawn.iter() if part.tag.rpartition("}")[2] in ("rect", "circle", "text", "line")]
        assert len(shapes) > 3
        assert not re.findall(r"var\(|class=|href=", text)
        inks = {part.get("fill") for part in drawn.iter("{http://www.w3.org/2000/svg}text")}
        assert inks <= {"rgb(28, 29, 33)", "rgb(92, 95, 104)"}  # dark on white, whatever the screen's colors are


def test_a_concepts_page(visit, tiny, tiny_report):
    with visit(tiny_report, "concepts/0000-left.html") as page:
        assert page.locator("h1").inner_text() == "left"
        text = page.locator("main").inner_text()
        assert "in 8 of 8 images, on 3,200 label pixels, 50 % of all" in text
        assert page.locator(".examples .shot").count() == 6
        shot = page.locator(".examples .shot").first
        page.mouse.move(0, 0)
        picture = blue(shot)
        height, width = picture.shape
        assert picture[height // 2, width // 4] > 240 > 130 > picture[height // 2, 3 * width // 4]
        assert page.locator(".card").count() == 2  # the best of its category in both layers
        page.wait_for_selector(".card .shot img")
        page.locator(".card .number").first.click()
        page.wait_for_selector("dialog[open]")
        assert page.locator("#unit-title").inner_text().startswith("unit 0")


def test_the_list_of_concepts(visit, two_runs, two_runs_report):
    with visit(two_runs_report, "concepts/index.html") as page:
        names = lambda: page.locator("tbody tr:visible th").all_text_contents()  # noqa: E731
        assert len(names()) == 15
        page.get_by_role("button", name="Label pixels").click()
        area = dict(
            zip((c.name for c in two_runs[0]["early"].concepts), two_runs[0]["early"].counts.concept_area, strict=True)
        )
        assert names() == sorted(names(), key=lambda name: -area[name])
        page.get_by_role("button", name="Label pixels").click()
        assert names() == sorted(names(), key=lambda name: area[name])
        page.locator("[name=category]").select_option("texture")
        assert len(names()) == 5
        page.get_by_label("Find").fill("TEXTURE 2")
        assert names() == ["texture 2"]
        _, text = saved(page, page.locator(".save"))
        assert [row["Concept"] for row in csv.DictReader(io.StringIO(text))] == ["texture 2"]
        page.locator("tbody tr:visible a").click()
        assert page.locator("h1").inner_text() == "texture 2"
        page.locator("h3 a").nth(1).click()  # to the layer, filtered
        assert hash_of(page) == {"layer": "first:late", "category": "texture", "concept": "texture 2"}


def test_words_are_explained(visit, tiny_report):
    with visit(tiny_report) as page:
        term = page.get_by_role("button", name="different concepts")
        assert page.locator(".tip:visible").count() == 0
        term.hover()
        assert "How many different concepts" in page.locator(".tip:visible").inner_text()
        page.mouse.move(0, 0)
        page.locator("#counts .term").first.focus()
        assert "A unit counts once" in page.locator(".tip:visible").inner_text()
        page.keyboard.press("Escape")
        assert page.locator(".tip:visible").count() == 0


def test_thousands_of_units(visit, many_units):
    with visit(many_units) as page:
        assert len(cards(page)) == 2048
        page.wait_for_selector(".card .shot")
        filled = "new Set([...document.querySelectorAll('.card .shot')].map((shot) => shot.closest('.card'))).size"
        assert 0 < page.evaluate(filled) < 60
        for place in range(1, 15):
            page.evaluate("share => scrollTo(0, share * document.body.scrollHeight)", place / 14)
            page.wait_for_function("""() => [...document.querySelectorAll('.card')].some((card) => {
                const { top, bottom } = card.getBoundingClientRect();
                return bottom > 0 && top < innerHeight && card.querySelector('.shot');
            })""")
        page.wait_for_function("document.querySelector('.card:last-child .shot')")
        assert page.evaluate(filled) <= 160
        assert page.locator(".card:first-child .shot").count() == 0  # what was seen long ago is let go


def test_the_cut_follows_a_slider_that_is_dragged(visit, many_units):
    """Browsers refuse addresses that change more than some two hundred times in ten seconds."""
    with visit(many_units) as page:
        page.evaluate("""async () => {
            const range = document.querySelector('#cut input');
            for (let step = 0; step < 300; step++) {
                range.value = step / 1000;
                range.dispatchEvent(new Event('input', { bubbles: true }));
                if (step % 10 === 9) await new Promise(requestAnimationFrame);
            }
        }""")
        assert hash_of(page) == {"cut": "0.299"}
        assert page.locator("#cut input[type=number]").input_value() == "0.299"


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (1280, "dark"), (1900, "light")])
def test_fits_phones_laptops_and_wide_screens(visit, tiny_report, two_runs_report, width, scheme):
    pages = [
        (tiny_report, "index.html#unit=0"),
        (two_runs_report, "index.html#unit=3"),
        (tiny_report, "concepts/index.html"),
        (tiny_report, "concepts/0002.html"),
    ]
    files = {path.name for path in (tiny_report / "concepts").iterdir()}
    for folder, address in pages:
        if address.endswith("0002.html"):
            address = f"concepts/{next(name for name in files if name.startswith('0002'))}"
        with visit(folder, address, width=width, height=800, color_scheme=scheme) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if "unit" in address:
                page.wait_for_selector("dialog[open] .shot")
                assert page.evaluate("document.querySelector('dialog').scrollWidth") <= width
            dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 22, 26)"
            assert dark == (scheme == "dark")


def test_print_leaves_the_controls_out(visit, tiny_report):
    with visit(tiny_report) as page:
        page.wait_for_selector(".card .shot")
        page.emulate_media(media="print")
        for hidden in ("#filter", "#cut", ".tabs", ".save"):
            assert not page.locator(hidden).first.is_visible()
        assert page.locator("#bars svg").is_visible() and page.locator(".card .shot").first.is_visible()
        assert page.pdf()[:4] == b"%PDF"


def test_without_scripts(visit, tiny_report):
    with visit(tiny_report, java_script_enabled=False) as page:
        assert "needs JavaScript" in page.locator("noscript").inner_text()
        page.goto(f"{tiny_report.as_uri()}/concepts/0000-left.html")
        assert "IoU" in page.locator(".card").first.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(visit, tiny_report, two_runs_report, scheme):
    hostile = next(path.name for path in (tiny_report / "concepts").iterdir() if path.name.startswith("0002"))
    pages = [
        (two_runs_report, "index.html", ".card .shot"),
        (tiny_report, "index.html", ".card .shot"),
        (two_runs_report, "index.html#unit=3", "dialog[open] .shot"),
        (tiny_report, "index.html#unit=0", "dialog[open] .pictures"),
        (two_runs_report, "concepts/index.html", "tbody tr"),
        (tiny_report, f"concepts/{hostile}", ".examples"),
    ]
    for folder, address, there in pages if scheme == "light" else pages[2:]:  # a page's colors are those of all
        with visit(folder, address, color_scheme=scheme) as page:
            page.wait_for_selector(there)
            # Of the rules, only those of colors depend on the scheme.
            assert barriers(page, [] if scheme == "light" else ["color-contrast"]) == [], address


def test_another_criterion_and_a_statistic_of_ones_own(visit, tmp_path):
    """The page counts by the criterion's scores, names them by its title, and lists the statistic of a label."""
    with CRITERIA.registered("dice", Dice), STATISTICS.registered("precision", Precision):
        layer = dataclasses.replace(random_layer(30, seed=1), criterion="dice", iou_threshold=0.1)
        with unchecked_types():
            report = write_report(result_of(layer), tmp_path / "report").parent
        cuts = [None, 0.0, *layer.labels["dice"].iloc[[3, -1]], 0.3]
        first = layer.labels.iloc[0]
        with visit(report) as page:
            for cut in cuts:
                page.evaluate("cut => go({ cut: cut ?? '' })", cut)
                assert shown_counts(page) == expected_counts(layer, layer.iou_threshold if cut is None else cut)
            assert f"Dice {first['dice']:.3f}" in page.locator(".card").first.inner_text()
            page.locator(".card .number").first.click()
            page.wait_for_selector("dialog .shot")
            told = page.locator("dialog .statistics").inner_text().split("\n")
            assert [told[0], float(told[1])] == ["precision", pytest.approx(first["precision"], rel=1e-3)]
            assert "IoU" not in page.locator("body").inner_text()
