"""The merge against what a person works out by hand, and against a second, slower one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netdissect.broden.building.merge import MOST_CONCEPTS, LabelKey, SourceLabel, merge_labels
from netdissect.broden.building.names import confusing_names, plain_names
from netdissect.types import NetdissectError


def label(source, category, number, names, images=10, size=0.5):
    """A label with a mean size of ``size``."""
    return SourceLabel(LabelKey(source, category, number), tuple(names.split(",")), images, images * size)


def merged(*labels, **options):
    """What each label became, by source and label id."""
    result = merge_labels(labels, **{"min_images": 1, "min_coverage": 0.0, **options})
    return {(d.label.key.source, d.label.key.label): d.concept for d in result.decisions}


def concepts(*labels, **options):
    result = merge_labels(labels, **{"min_images": 1, "min_coverage": 0.0, **options})
    assert [concept.number for concept in result.concepts] == list(range(1, len(result.concepts) + 1))
    return result.concepts


# Names.


def test_names_in_one_spelling():
    assert plain_names(["Car", "car", " Motor  Car ", "", "-", "auto"], "object") == ("car", "motor car", "auto")


def test_scenes_and_colors_have_suffixes():
    assert plain_names(["Street", "hills-s"], "scene") == ("street-s", "hills-s")
    assert plain_names(["red", "grey-c"], "color") == ("red-c", "grey-c")
    assert plain_names(["street"], "object") == ("street",)
    assert plain_names(["-", ""], "scene") == ()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("left arm", "arm"),
        ("Right Foot", "foot"),
        ("person head", "head"),
        ("person left leg", "leg"),
        ("left wing", "left wing"),
        ("person", "person"),
        ("left", "left"),
        ("armchair", "armchair"),
        ("left armchair", "left armchair"),
        ("cleft arm", "cleft arm"),
    ],
)
def test_sides_of_body_parts_fall_away(name, plain):
    assert plain_names([name], "part") == (plain,)


CONFUSING = [
    ("flowerpot", "pot"),
    ("toilet", "throne"),
    ("toilet", "can"),
    ("curtain", "mantle"),
    ("fabric", "material"),
    ("file cabinet", "file"),
    ("filing cabinet", "file"),
    ("chest of drawers", "chest"),
    ("fire hydrant", "plug"),
    ("car", "machine"),
    ("closet", "press"),
    ("bicycle", "wheel"),
    ("steering wheel", "wheel"),
    ("brochure", "folder"),
    ("paper", "tissue"),
    ("paper towel", "tissue"),
    ("exhaust hood", "hood"),
    ("blanket", "cover"),
    ("carapace", "shield"),
    ("cellular phone", "cell"),
    ("handbag", "bag"),
    ("land", "soil"),
    ("sidewalk", "pavement"),
    ("poster", "card"),
    ("poster", "bill"),
    ("computer mouse", "mouse"),
    ("lighthouse", "beacon"),
    ("basketball hoop", "hoop"),
    ("bus", "passenger vehicle"),
]


@pytest.mark.parametrize(("name", "other"), CONFUSING)
def test_confusing_names_are_kept_apart(name, other):
    """Whichever is listed first, and whichever is the more frequent."""
    for names in (f"{name},{other}", f"{other},{name}"):
        for often in (5, 50):
            became = merged(label("a", "object", 1, names, often), label("b", "object", 1, other, 20))
            assert became == {("a", 1): name, ("b", 1): other}
    assert confusing_names([name]) == confusing_names([other]) == ()


def test_what_is_kept_apart_is_said():
    result = merge_labels([label("a", "object", 1, "toilet,can,throne,commode", 20)])
    assert "not called 'can', 'throne'" in result.decisions[0].why
    assert result.concepts[0].synonyms == ("commode",)


# Who becomes whom.


def test_the_same_name_merges_over_sources_and_categories():
    labels = [
        label("ade20k", "object", 7, "door", 30, 0.1),
        label("ade20k", "part", 9, "door", 12, 0.2),
        label("pascal", "object", 3, "Door", 5, 0.4),
    ]
    (door,) = concepts(*labels)
    assert door.name == "door" and door.synonyms == ()
    assert [(category, images) for category, images, _ in door.categories] == [("object", 35), ("part", 12)]
    assert door.images == 47
    assert [round(coverage, 9) for _, _, coverage in door.categories] == [5.0, 2.4]
    assert round(door.coverage, 9) == 7.4


def test_names_are_claimed_by_falling_frequency():
    """The rarer of two is named by what the frequent one left, though it is listed first with its best name."""
    labels = [label("a", "object", 1, "sofa,couch", 10), label("b", "object", 1, "couch,lounge", 20)]
    assert merged(*labels) == {("a", 1): "sofa", ("b", 1): "couch"}
    assert [(c.name, c.synonyms) for c in concepts(*labels)] == [("couch", ("lounge",)), ("sofa", ())]


def test_equally_frequent_labels_go_by_source_category_and_id():
    def owner_first(first, second):
        became = merged(label(*first, "x,y"), label(*second, "x,z"))
        return became[first[0], first[2]] == "x" and became[second[0], second[2]] == "z"

    assert owner_first(("a", "part", 5), ("b", "object", 1))
    assert owner_first(("a", "object", 5), ("a", "part", 1))
    assert owner_first(("a", "object", 2), ("a", "object", 10))  # as numbers, not as texts


def test_a_label_with_a_name_of_its_own_is_a_concept():
    """Though its best name is another's: it is called by the first that it owns."""
    labels = [label("a", "object", 1, "airplane", 20), label("b", "object", 1, "airplane,aeroplane,plane", 10)]
    assert merged(*labels) == {("a", 1): "airplane", ("b", 1): "aeroplane"}
    assert [c.synonyms for c in concepts(*labels)] == [(), ("plane",)]


def test_one_name_joins_its_owner_whatever_the_size():
    labels = [label("a", "object", 1, "mug,cup", 20, 0.9), label("b", "object", 1, "cup", 10, 0.001)]
    assert merged(*labels) == {("a", 1): "mug", ("b", 1): "mug"}


def test_an_ambiguous_label_joins_the_nearest_mean_size():
    owners = [label("a", "object", 1, "can", 30, 0.01), label("a", "object", 2, "bin", 20, 0.20)]
    assert merged(*owners, label("b", "object", 1, "can,bin", 5, 0.18))["b", 1] == "bin"
    assert merged(*owners, label("b", "object", 1, "can,bin", 5, 0.10))["b", 1] == "can"
    assert merged(*owners, label("b", "object", 1, "bin,can", 5, 0.10))["b", 1] == "can"


def test_equally_near_sizes_go_to_the_more_frequent():
    owners = [label("a", "object", 1, "can", 20, 0.25), label("a", "object", 2, "bin", 30, 0.75)]
    assert merged(*owners, label("b", "object", 1, "can,bin", 5, 0.5))["b", 1] == "bin"


def test_mean_size_is_the_owners_own():
    """Not that of all that joined it."""
    owners = [
        label("a", "object", 1, "can", 30, 0.1),
        label("c", "object", 1, "can", 29, 1.0),  # all of the concept would have a mean size of 0.54
        label("a", "object", 2, "bin", 20, 0.5),
    ]
    assert merged(*owners, label("b", "object", 1, "can,bin", 5, 0.25))["b", 1] == "can"


def test_no_name_is_unlabelled():
    result = merge_labels([label("a", "object", 1, "-", 90), label("a", "object", 2, "sky", 20)])
    assert [(d.concept, d.number) for d in result.decisions] == [("", 0), ("sky", 1)]
    assert [c.name for c in result.concepts] == ["sky"]


def test_body_parts_of_both_sides_are_one():
    labels = [label("ade20k", "part", 1, "left arm", 20), label("ade20k", "part", 2, "right arm", 15)]
    assert [(c.name, c.images) for c in concepts(*labels)] == [("arm", 35)]


def test_scenes_colors_and_objects_of_one_name_are_three():
    labels = [label("a", "object", 1, "orange"), label("a", "color", 1, "orange"), label("a", "scene", 1, "orange")]
    assert sorted(c.name for c in concepts(*labels)) == ["orange", "orange-c", "orange-s"]


# What is kept, and how it is numbered.


@pytest.mark.parametrize(
    ("images", "size", "kept"), [(10, 0.05, True), (9, 1.0, False), (10, 0.049, False), (1000, 0.0004, False)]
)
def test_rare_concepts_are_dropped(images, size, kept):
    result = merge_labels([label("a", "object", 1, "x", images, size), label("a", "object", 2, "y", 100)])
    assert ("x" in [c.name for c in result.concepts]) is kept
    (decision,) = [d for d in result.decisions if d.concept == "x"]
    assert bool(decision.number) is kept
    assert ("too rare" in decision.why) is not kept


def test_rareness_is_that_of_the_sum():
    labels = [label("a", "object", 1, "x", 6, 0.05), label("b", "part", 1, "x", 4, 0.05)]
    assert [c.name for c in merge_labels(labels).concepts] == ["x"]


def test_a_rare_label_keeps_its_names():
    """Names go to labels before rare concepts are dropped: what joined a rare one is dropped with it."""
    labels = [
        label("a", "object", 1, "x,y", 8, 0.01),
        label("b", "object", 1, "y", 7, 0.01),
        label("c", "part", 1, "z"),
    ]
    result = merge_labels(labels)
    assert result.numbers() == {key.key: number for key, number in zip(labels, (0, 0, 1), strict=True)}


def test_numbers_go_by_images_coverage_and_name():
    labels = [
        label("a", "object", 1, "b", 10, 0.5),
        label("a", "object", 2, "a", 10, 0.5),
        label("a", "object", 3, "c", 10, 0.6),
        label("a", "object", 4, "d", 11, 0.1),
    ]
    assert [c.name for c in concepts(*labels)] == ["d", "c", "a", "b"]


def test_nothing_left():
    with pytest.raises(NetdissectError, match=r"no concept has 10 images and a coverage of 0\.5 images; --min-images"):
        merge_labels([label("a", "object", 1, "x", 3)])


def test_more_concepts_than_label_maps_hold():
    assert MOST_CONCEPTS == 255 + 256 * 255
    labels = [label("a", "object", number, f"x{number}") for number in range(4)]
    with pytest.raises(NetdissectError, match="4 concepts; label maps hold 3 at most"):
        merge_labels(labels, most_concepts=3)
    assert len(merge_labels(labels[1:], most_concepts=3).concepts) == 3


# A second merge, written from the rules.


def slow_merge(labels):
    """The name of the concept of each label."""
    order = sorted(labels, key=lambda one: (-one.images, one.key.source, one.key.category, one.key.label))
    claimed = []  # (name, label), in the order of claims
    for one in order:
        for name in one.names:
            if all(name != other for other, _ in claimed):
                claimed.append((name, one))

    def first_owned(one):
        return next((name for name in one.names if (name, one) in claimed), None)

    became = {}
    for one in order:
        name = first_owned(one)
        if name is None:
            owners = [owner for other, owner in claimed if other in one.names]
            size = one.coverage / one.images
            owners.sort(key=lambda owner: (abs(owner.coverage / owner.images - size), -owner.images, owner.key))
            name = first_owned(owners[0])
        became[one.key] = name
    return became


KEYS = st.tuples(st.sampled_from("pqr"), st.sampled_from(["object", "part"]), st.integers(1, 9))
NAMES = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=4, unique=True).map(tuple)
COUNTS = st.tuples(NAMES, st.integers(1, 6), st.sampled_from([0.25, 0.5, 0.75, 1.0]))


@given(st.dictionaries(KEYS, COUNTS, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_against_a_slower_merge(drawn, shuffler):
    labels = [SourceLabel(LabelKey(*key), names, n, n * size) for key, (names, n, size) in drawn.items()]
    expected = slow_merge(labels)
    shuffler.shuffle(labels)  # the order in which labels are found has no say
    result = merge_labels(labels, min_images=1, min_coverage=0.0)
    assert {d.label.key: d.concept for d in result.decisions} == expected
    for concept in result.concepts:
        members = [one for one in labels if expected[one.key] == concept.name]
        assert concept.images == sum(one.images for one in members)
        assert concept.coverage == pytest.approx(sum(one.coverage for one in members))
        assert sorted(category for category, _, _ in concept.categories) == sorted({m.key.category for m in members})
    assert sorted(c.name for c in result.concepts) == sorted(set(expected.values()))
