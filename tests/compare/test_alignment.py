"""What became of each unit, against its definition."""

import itertools
import json
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdissect import Concept, NetdissectError, Result, dissect
from netdissect.compare.alignment import BECAME, align, pair_columns
from netdissect.compare.matching import peak_correlations
from netdissect.labels import Labels
from netdissect.results import read_table
from tests.compare.layers import CONCEPTS, layer_of, permuted, random_labels
from tests.planted import PLAIN, MemoryDataset, Recall
from tests.shared import SHARED, needs_shared

SEEDS = st.integers(0, 2**32 - 1)


def names(count):
    return [f"image {number}" for number in range(count)]


def label_of(layer, unit):
    """The unit's label by its definition, category and name, with the IoU; (None, 0.0) without overlap."""
    best, label = 0.0, None
    for concept, pixels in zip(CONCEPTS, layer.counts.intersection[unit].tolist(), strict=True):
        iou = pixels / (50 + 100 - pixels)
        if iou > best:
            best, label = iou, (concept.category, concept.name)
    return label, best


def became_of(before, after, cut):
    (label, iou), (label_after, iou_after) = before, after
    if iou > cut and iou_after > cut:
        return "kept" if label == label_after else "changed"
    if iou_after > cut:
        return "gained"
    return "lost" if iou > cut else "neither"


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 12), st.sampled_from([0.02, 0.04, 6 / 144, 0.2]))
def test_every_pair_and_the_summary_follow_their_definitions(seed, units, cut):
    random = np.random.default_rng(seed)
    before, after = random_labels(random, units), random_labels(random, units)
    alignment = align(before, after, iou_threshold=cut)
    assert tuple(alignment.pairs.columns) == pair_columns("iou")
    labels = [(label_of(before, unit), label_of(after, unit)) for unit in range(units)]
    for row, (one, other) in zip(alignment.pairs.itertuples(), labels, strict=True):
        assert row.unit_before == row.unit_after
        for (label, iou), told in ((one, row[4:8]), (other, row[8:12])):
            category, name = label or (None, None)
            assert (told[0] if label else None, told[1] if label else None) == (category, name)
            assert told[2:] == (pytest.approx(iou), iou > cut)
        assert row.became == became_of(one, other, cut)
        assert np.isnan(row.correlation)

    summary = alignment.summary()
    json.dumps(summary, allow_nan=False)
    outcomes = [became_of(one, other, cut) for one, other in labels]
    assert summary["became"] == {what: outcomes.count(what) for what in BECAME}
    for which, pairs in {
        "labelled_on_both_sides": [(one[0], other[0]) for one, other in labels if one[0] and other[0]],
        "detectors_on_both_sides": [(one[0], other[0]) for one, other in labels if one[1] > cut and other[1] > cut],
    }.items():
        same = sum(one == other for one, other in pairs)
        share = same / len(pairs) if pairs else None
        assert summary["agreement"][which] == {"pairs": len(pairs), "same": same, "share": share}
    ious = [(one[1], other[1]) for one, other in labels]
    differences = [other - one for one, other in ious]
    assert summary["iou"]["mean_difference"] == pytest.approx(statistics.fmean(differences))
    assert summary["iou"]["mean_absolute_difference"] == pytest.approx(statistics.fmean(map(abs, differences)))
    if all(len(set(of_side)) > 1 for of_side in zip(*ious, strict=True)):
        correlation = statistics.correlation(*zip(*ious, strict=True))
        assert summary["iou"]["correlation"] == pytest.approx(correlation, abs=1e-9)
    else:
        assert summary["iou"]["correlation"] is None
    flows = {(flow["category_before"], flow["category_after"]): flow["units"] for flow in summary["flows"]}
    went = [tuple(label[0] if iou > cut else None for label, iou in pair) for pair in labels]
    assert flows == {flow: went.count(flow) for flow in went}
    told = [abs(row["iou_difference"]) for row in summary["largest_departures"]]
    assert told == pytest.approx(sorted(map(abs, differences), reverse=True))


def test_concepts_of_one_name_and_two_categories_are_two():
    red = {
        category: [10 * (concept.category == category and concept.name == "red") for concept in CONCEPTS]
        for category in ("color", "object")
    }
    alignment = align(layer_of([red["color"], red["object"]]), layer_of([red["object"], red["object"]]))
    assert alignment.pairs["became"].tolist() == ["changed", "kept"]


def test_a_renumbered_copy_is_found_by_its_activations():
    """Though its responses are scaled and noisy, its images are others in part, and they come in another order."""
    random = np.random.default_rng(0)
    peaks = random.standard_normal((40, 9)).astype(np.float32)
    before = random_labels(random, 9, sample=names(40), peaks=peaks)
    order = random.permutation(9)
    after = permuted(before, order)
    shown = [*random.permutation(30), 0, 1, 2]  # three images twice: which is which is not known
    noise = 0.01 * random.standard_normal((len(shown), 9))
    after = layer_of(
        after.counts.intersection,
        sample=[f"image {place}" for place in shown] + ["elsewhere"],
        peaks=np.vstack([after.sample.peaks[shown] + noise, np.full((1, 9), 99.0)]),
    )
    alignment = align(before, after, match="activations")
    assert alignment.images == 27
    assert order[alignment.pairs["unit_after"]].tolist() == list(range(9))
    assert alignment.became["changed"] == alignment.became["gained"] == alignment.became["lost"] == 0
    assert alignment.summary()["iou"]["mean_absolute_difference"] == 0
    assert alignment.pairs["correlation"].min() > 0.99


def test_a_network_with_its_units_renumbered_is_recognized(tmp_path):
    random = np.random.default_rng(3)
    data = MemoryDataset(
        [Labels(random.choice([0, 1, 2], (1, 9, 9)).astype(np.int32))] * 20,
        [Concept(1, "one", "object"), Concept(2, "two", "part")],
        (9, 9),
    )
    maps = random.standard_normal((20, 5, 4, 4)).astype(np.float32)
    order = random.permutation(5)
    options = {"size": PLAIN.size, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.2}
    for name, network, seed in (("a", Recall(maps), 0), ("b", Recall(2 * maps[:, order]), 1)):
        dissect(network, "maps", data, out=tmp_path / name, seed=seed, batch_size=7, **options)
    before, after = (Result.load(tmp_path / name)["maps"] for name in "ab")
    alignment = align(before, after, match="activations")
    assert order[alignment.pairs["unit_after"]].tolist() == list(range(5))
    assert alignment.pairs["correlation"].to_numpy() == pytest.approx(1)
    assert alignment.pairs["iou_difference"].abs().max() == 0


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(1, 5), st.integers(1, 5), st.integers(2, 6))
def test_no_other_matching_correlates_more(seed, units, others, images):
    random = np.random.default_rng(seed)
    sides = [  # of few levels: with ties, and units that are constant
        random_labels(random, count, sample=names(images), peaks=random.integers(0, 3, (images, count)))
        for count in (units, others)
    ]
    alignment = align(*sides, match="activations")
    table = np.zeros((units, others))
    for one, other in itertools.product(range(units), range(others)):
        columns = sides[0].sample.peaks[:, one].tolist(), sides[1].sample.peaks[:, other].tolist()
        if all(len(set(column)) > 1 for column in columns):
            table[one, other] = statistics.correlation(*columns)
    assert peak_correlations(sides[0].sample.peaks, sides[1].sample.peaks) == pytest.approx(table, abs=1e-12)
    pairs = alignment.pairs
    found = [table[row.unit_before, row.unit_after] for row in pairs.itertuples()]
    assert pairs["correlation"].to_numpy() == pytest.approx(found, abs=1e-12)
    few, many = sorted((units, others))
    wide = table if units == few else table.T
    best = max(sum(wide[range(few), chosen]) for chosen in itertools.permutations(range(many), few))
    assert sum(found) == pytest.approx(best, abs=1e-9)
    assert sorted([*pairs["unit_before"], *alignment.unmatched_before]) == list(range(units))
    assert sorted([*pairs["unit_after"], *alignment.unmatched_after]) == list(range(others))


def test_what_cannot_be_compared_is_told_in_a_line():
    random = np.random.default_rng(0)
    peaks = random.standard_normal((4, 3))
    layer = random_labels(random, 3, sample=names(4), peaks=peaks)
    cases = [
        (random_labels(random, 4), {}, "layer conv has 3 units before, conv 4 after"),
        (random_labels(random, 3), {"match": "activations"}, "layer conv after: no maximal responses are known"),
        (random_labels(random, 3, iou_threshold=0.1), {}, "above an IoU of 0.04 before and 0.1 after"),
        (layer, {"match": "names"}, "matched by units or by activations, not by 'names'"),
        (
            random_labels(random, 3, sample=["a", "b", "c", "image 3"], peaks=peaks),
            {"match": "activations"},
            "kept of 4 and 4 images, 1 of them the same",
        ),
        (
            random_labels(random, 3, sample=["a", "b", "c", "d"], peaks=peaks),
            {"match": "activations"},
            "kept of 4 and 4 images, none of them the same",
        ),
    ]
    for other, options, message in cases:
        with pytest.raises(NetdissectError, match=message) as error:
            align(layer, other, **options)
        assert "\n" not in str(error.value)


@needs_shared
def test_published_tables_are_compared():
    """A table with itself agrees in all; of two networks, detectors add up to the published ones."""
    tables = [SHARED / f"reference/netdissect/caffe_reference_{name}.csv" for name in ("imagenet", "places365")]
    imagenet, places = (next(iter(read_table(path).layers.values())) for path in tables)
    same = align(places, places).summary()
    assert same["became"] == {"kept": 118, "changed": 0, "gained": 0, "lost": 0, "neither": 138}
    assert same["agreement"]["labelled_on_both_sides"]["share"] == 1
    assert same["iou"] == {"correlation": pytest.approx(1), "mean_difference": 0, "mean_absolute_difference": 0}
    became = align(imagenet, places).became
    assert became["kept"] + became["changed"] + became["gained"] == 118
    assert became["kept"] + became["changed"] + became["lost"] == imagenet.summary()["by_label"]["detectors"]
    with pytest.raises(NetdissectError, match="no maximal responses are known, as of all published tables"):
        align(imagenet, places, match="activations")
