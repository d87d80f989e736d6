"""A series against its definition, from saved runs alone."""

import io
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import attrs
import numpy as np
import pandas as pd
import pytest

from netdissect import NetdissectError, Result, Series
from netdissect.experiments.series.plot import plot_unique, plot_units, spread
from netdissect.experiments.series.steps import StepWriter, read_steps, step_folder, write_steps
from netdissect.results.description import BasisDescription
from netdissect.results.plot import plain_label
from tests.report.results import random_layer, result_of
from tests.results.flat import changed, with_description
from tests.unchecked import unchecked_types

STEPS = (0, 7, 20, 1000)
UNITS = 9


@pytest.fixture(scope="module")
def results():
    """In no order; at the first step no unit has a label."""
    layers = {step: random_layer(UNITS, seed=step, categories=4) for step in STEPS}
    layers[0].counts.intersection[:] = 0
    return {step: result_of(layers[step], name=f"step {step}") for step in (20, 0, 1000, 7)}


@pytest.fixture(scope="module")
def saved(results, tmp_path_factory):
    out = tmp_path_factory.mktemp("saved") / "series"
    write_steps(out, {})
    for step, result in results.items():
        result.save(out / step_folder(step))
        write_steps(out, read_steps(out) | {step: out / step_folder(step)})
    return out


def best_of_categories(layer, unit):
    """By category the concept of highest IoU, from the definition."""
    best = {}
    for column, concept in enumerate(layer.concepts):
        overlap = int(layer.counts.intersection[unit, column])
        category = layer.categories.index(concept.category)
        union = int(layer.counts.unit_area[unit, category]) + int(layer.counts.concept_area[column]) - overlap
        iou = overlap / union if overlap else 0.0
        if iou > best.get(concept.category, (0.0, None))[0]:
            best[concept.category] = (iou, concept)
    return best


def oracle(results):
    """Labels by (unit, step); by (category, concept) its detectors as (step, IoU, unit)."""
    labels, detectors = {}, {}
    for step in sorted(results):
        layer = results[step]["conv"]
        for unit in range(layer.unit_count):
            best = best_of_categories(layer, unit)
            labels[unit, step] = max(best.values(), key=lambda pair: (pair[0], -pair[1].number), default=None)
            for iou, concept in best.values():
                if iou > 0.04:
                    detectors.setdefault((concept.category, concept.name), []).append((step, iou, unit))
    return labels, detectors


def test_units_through_time(results):
    labels, _ = oracle(results)
    units = Series(results).units("conv")
    assert list(zip(units["unit"], units["step"], strict=True)) == [(u, s) for u in range(UNITS) for s in STEPS]
    missing = 0
    for row in units.to_dict("records"):
        expected = labels[row["unit"], row["step"]]
        if expected is None:
            assert pd.isna(row["category"]) and pd.isna(row["concept"])
            assert (row["iou"], row["is_detector"]) == (0, False)
            missing += 1
        else:
            assert (row["category"], row["concept"]) == (expected[1].category, expected[1].name)
            assert row["iou"] == pytest.approx(expected[0])
            assert row["is_detector"] == (expected[0] > 0.04)
    assert missing >= UNITS


def test_first_detectors(results):
    _, detectors = oracle(results)
    found = Series(results).first_detectors("conv")
    assert found["step"].is_monotonic_increasing
    expected = {}
    for concept, those in detectors.items():
        step = min(step for step, _, _ in those)
        iou, unit = max((iou, -unit) for at, iou, unit in those if at == step)
        expected[concept] = (step, -unit, pytest.approx(iou), len({step for step, _, _ in those}))
    rows = found.to_dict("records")
    assert {(r["category"], r["concept"]): (r["step"], r["unit"], r["iou"], r["steps"]) for r in rows} == expected
    assert len({step for step, *_ in expected.values()}) > 1


def test_counts(results):
    _, detectors = oracle(results)
    labels, _ = oracle(results)
    rows = Series(results).counts("conv").to_dict("records")
    assert [(row["step"], row["category"]) for row in rows] == [
        (step, category) for step in STEPS for category in ("object", "part", "texture", "color")
    ]
    for row in rows:
        step, category = row["step"], row["category"]
        own = [those for (of, _), all_those in detectors.items() if of == category for those in all_those]
        names = {name for (of, name), those in detectors.items() if of == category and step in {t[0] for t in those}}
        assert row["detectors_by_category"] == sum(at == step for at, _, _ in own)
        assert row["unique_by_category"] == len(names)
        by_label = [label for (_, at), label in labels.items() if at == step and label and label[0] > 0.04]
        by_label = [concept for _, concept in by_label if concept.category == category]
        assert row["detectors_by_label"] == len(by_label)
        assert row["unique_by_label"] == len({concept.name for concept in by_label})


def test_a_saved_series_is_the_same(results, saved):
    loaded = Series.load(saved)
    assert loaded.summary() == Series(results, "series").summary()
    assert loaded.steps == STEPS and list(loaded.results) == list(STEPS)
    assert sorted(path.name for path in saved.iterdir())[:-1] == [step_folder(step) for step in STEPS]
    assert loaded.units("conv").equals(Series(results).units("conv"))
    assert isinstance(loaded.results[7], Result)
    json.dumps(loaded.summary(), allow_nan=False)


def test_steps_that_cannot_be_compared(results):
    with pytest.raises(NetdissectError, match="series: a series without steps"):
        Series({})
    others = {
        "number of units of conv": result_of(random_layer(UNITS + 1)),
        "list of layers": result_of(random_layer(UNITS, layer="other")),
        "list of concepts of conv": result_of(random_layer(UNITS, categories=3)),
        "dataset": result_of(random_layer(UNITS, categories=4), data="another"),
    }
    for what, other in others.items():
        with pytest.raises(NetdissectError, match=rf"steps 0 and 9 cannot be compared: the {what} differs"):
            Series({0: results[0], 9: other})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "not a series"),
        ("{", "cannot be read"),
        ('{"format_version": 2, "steps": []}', "format version 2"),
        ('{"format_version": 1, "steps": [{"step": "x"}]}', "cannot be read"),
        ('{"format_version": 1, "steps": [{"step": 3, "folder": "../victim"}]}', "'../victim' is not the folder of"),
        ('{"format_version": 1, "steps": []}', "a series without steps"),
        ('{"format_version": 1, "steps": [{"step": 3, "folder": "000000003"}]}', "000000003: not a run"),
    ],
)
def test_what_is_no_series(tmp_path, text, said):
    if text is not None:
        (tmp_path / "series.json").write_text(text)
    with pytest.raises(NetdissectError, match=said), unchecked_types():  # a check of types would read a run
        Series.load(tmp_path)


class Slow(Result):
    """A run that takes time to be compared, which a writer does between reading the steps and writing them."""

    def basis_of(self, layer):
        time.sleep(0.01)
        return super().basis_of(layer)


def test_writing_side_by_side_loses_no_step(results, tmp_path):
    slow = Slow(results[0].name, results[0].layers, results[0].images, results[0].description)
    writers = [StepWriter(tmp_path / "series", "step", overwrite=False, resume=resume) for resume in (False, True)]
    results[0].save(tmp_path / "series" / step_folder(0))
    writers[0].note(0, results[0], tmp_path / "series" / step_folder(0))

    def note(writer, steps):
        for step in steps:
            writer.note(step, slow, tmp_path / "series" / step_folder(step))

    with ThreadPoolExecutor(2) as threads, unchecked_types():
        done = [threads.submit(note, writer, range(1 + place, 11, 2)) for place, writer in enumerate(writers)]
    assert [one.exception() for one in done] == [None, None]
    assert sorted(read_steps(tmp_path / "series")) == list(range(11))


def test_bases_are_compared(results):
    def with_basis(basis):
        layers = {"conv": attrs.evolve(results[0].description.layers["conv"], basis=basis)}
        return with_description(results[0], layers=layers)

    one, same, other = (
        with_basis(BasisDescription(layer="conv", kind="rotation", words="", facts={"seed": seed}))
        for seed in (0, 0, 1)
    )
    assert Series({0: one, 1: same}).steps == (0, 1)
    for result in (other, results[0]):
        with pytest.raises(NetdissectError, match="steps 0 and 1 cannot be compared: the basis of conv differs"):
            Series({0: one, 1: result})


def test_figures_take_any_name():
    names = {"object": "cost $^_$", "part": "_hidden", "texture": "plain"}
    layer = random_layer(UNITS, layer="$^_$")
    concepts = tuple(replace(concept, category=names[concept.category]) for concept in layer.concepts)
    series = Series({step: result_of(changed(layer, concepts=concepts)) for step in (0, 1)})
    for plot in (plot_unique, plot_units):
        figure = plot(series, "$^_$")
        figure.savefig(io.BytesIO(), format="svg")
        legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        assert {plain_label(name) for name in names.values()} <= set(legend)


def test_page(saved, tmp_path):
    series = Series.load(saved)
    page = series.write_page(tmp_path / "page")
    data = json.loads((tmp_path / "page" / "data.json").read_text())
    assert data["steps"] == list(STEPS)
    assert [row["unit"] for row in data["units"]["conv"]] == [unit for unit in range(UNITS) for _ in STEPS]
    tables = {path.stem: path.read_text().splitlines() for path in (tmp_path / "page" / "tables").iterdir()}
    assert tables["counts-0"][0] == "step,object,part,texture,color,all,detectors by label,unique by label"
    counts = series.counts("conv")
    last = counts[counts["step"] == 1000]
    unique = last["unique_by_category"].tolist()
    by_label = [last["detectors_by_label"].sum(), last["unique_by_label"].sum()]
    assert tables["counts-0"][-1] == ",".join(map(str, [1000, *unique, sum(unique), *by_label]))
    assert len(tables["first-0"]) == len(series.first_detectors("conv")) + 1
    assert len(tables["units-0"]) == UNITS + 1
    text = page.read_text()
    assert "conv: units through time" in text and "step 1,000" in text


def test_figures_show_the_counts(results):
    series = Series(results)
    counts = series.counts("conv")
    lines = {line.get_label(): line for line in plot_unique(series, "conv").axes[0].lines}
    assert lines["all"].get_ydata().tolist() == counts.groupby("step")["unique_by_category"].sum().tolist()
    part = counts[counts["category"] == "part"]["unique_by_category"].tolist()
    assert lines["part"].get_ydata().tolist() == part and lines["part"].get_xdata().tolist() == list(STEPS)
    strip = plot_units(series, "conv").axes[0].images[0].get_array()
    units = series.units("conv")
    assert strip.shape == (UNITS, len(STEPS))
    categories = ["object", "part", "texture", "color"]
    for place, step in enumerate(STEPS):
        detectors = units[(units["step"] == step) & units["is_detector"]]
        expected = [categories.index(category) + 1 for category in detectors["category"]]
        assert sorted(strip[:, place][strip[:, place] > 0].tolist()) == sorted(expected)
    in_the_end = strip[:, -1].tolist()
    assert in_the_end == sorted(in_the_end, key=lambda place: place or np.inf)  # no detectors last


def test_spread():
    assert spread(range(5), 12) == [0, 1, 2, 3, 4]
    assert spread((3, 4, 8, 9, 11), 3) == [3, 8, 11]
    assert spread([6], 3) == [6]
