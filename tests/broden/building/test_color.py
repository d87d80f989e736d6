"""Colors by name: the published tables, our own from the survey, and naming pixels."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.io import savemat
from scipy.stats import multivariate_normal

from netdissect.broden.building.color import (
    COLOR_NAMES,
    lightness,
    name_colors,
    naming_space,
    oklab,
    read_color_table,
    survey_color_table,
)
from netdissect.broden.building.color_survey import SURVEY_COLORS
from netdissect.types import BadSampleError, NetdissectError
from tests.shared import SHARED, needs_shared

MODIFIERS = """very light, light, pale, medium, dark, very dark, bright, deep, pastel, dull, faded, dusty, muted,
reddish, orangish, yellowish, greenish, bluish, purplish, pinkish, brownish, greyish""".replace("\n", " ").split(", ")


def rgb_of(code):
    return [int(code[place : place + 2], 16) for place in (0, 2, 4)]


def name_of(table, code):
    red, green, blue = rgb_of(code)
    return COLOR_NAMES[table[red // 8, green // 8, blue // 8]]


def write_w2c(path, winners, variable="w2c", sure=0.9):
    """``winners`` by row, as van de Weijer's file has them: red runs fastest, blue slowest."""
    table = np.full((32768, 11), (1 - sure) / 10)
    table[np.arange(32768), winners] = sure
    savemat(path, {variable: table})
    return path


def refusal_of(path):
    with pytest.raises(NetdissectError) as caught:
        read_color_table(path)
    assert not isinstance(caught.value, BadSampleError)  # no image could be skipped for it
    text = str(caught.value)
    assert str(path) in text and "\n" not in text
    return text


# Published tables.


def test_probabilities_of_van_de_weijer(tmp_path):
    winners = np.zeros(32768, dtype=int)
    # Rows by hand: r // 8 + 32 * (g // 8) + 1024 * (b // 8).
    winners[31] = 8  # (255, 0, 0)
    winners[992] = 4  # (0, 255, 0)
    winners[31744] = 1  # (0, 0, 255)
    winners[1023] = 10  # (255, 255, 0)
    winners[32767] = 9
    winners[12 + 32 * 6 + 1024 * 2] = 2  # (100, 50, 20)
    table = read_color_table(write_w2c(tmp_path / "w2c.mat", winners))
    assert table.dtype == np.uint8 and table.shape == (32, 32, 32) and table.flags.c_contiguous
    assert name_of(table, "ff0000") == "red" and name_of(table, "00ff00") == "green"
    assert name_of(table, "0000ff") == "blue" and name_of(table, "ffff00") == "yellow"
    assert name_of(table, "ffffff") == "white" and name_of(table, "643214") == "brown"
    assert np.count_nonzero(table) == 6


def test_equal_probabilities_go_to_the_first(tmp_path):
    probabilities = np.full((32768, 11), 1 / 11)
    probabilities[5, [3, 7]] = 0.5  # (40, 0, 0)
    probabilities[6, [7, 10]] = 1.0
    savemat(tmp_path / "w2c.mat", {"w2c": probabilities})
    table = read_color_table(tmp_path / "w2c.mat")
    assert (table[5, 0, 0], table[6, 0, 0], table[7, 0, 0]) == (3, 7, 0)


def test_certain_names_as_whole_numbers(tmp_path):
    winners = np.arange(32768) % 11
    probabilities = np.zeros((32768, 11), dtype=np.uint8)
    probabilities[np.arange(32768), winners] = 1
    savemat(tmp_path / "W2C.MAT", {"w2c": probabilities})
    table = read_color_table(tmp_path / "W2C.MAT")
    assert table[3, 2, 1] == (3 + 32 * 2 + 1024) % 11


@pytest.mark.parametrize("dtype", ["uint8", "int64", ">i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_winners(tmp_path, dtype, order):
    winners = np.random.default_rng(0).integers(0, 11, (32, 32, 32))
    np.save(tmp_path / "table.npy", np.asarray(winners, dtype=dtype, order=order))
    table = read_color_table(tmp_path / "table.npy")
    assert table.dtype == np.uint8 and table.flags.c_contiguous and table.flags.writeable
    assert np.array_equal(table, winners)


def test_both_formats_give_the_same_table(tmp_path):
    winners = np.random.default_rng(1).integers(0, 11, (32, 32, 32))  # r g b
    rows = [winners[row % 32, row // 32 % 32, row // 1024] for row in range(32768)]
    np.save(tmp_path / "table.npy", winners.astype(np.uint8))
    table = read_color_table(write_w2c(tmp_path / "w2c.mat", rows))
    assert np.array_equal(table, read_color_table(tmp_path / "table.npy"))


@pytest.mark.parametrize("name", ["table.npy", "w2c.mat"])
def test_missing_file(tmp_path, name):
    assert refusal_of(tmp_path / name).endswith(f"{name}: is missing")


@pytest.mark.parametrize("name", ["table.csv", "w2c", "w2c.npz"])
def test_other_formats(tmp_path, name):
    assert "a .mat or a .npy file" in refusal_of(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"black,blue", b"\x93NUMPY", b"\x80\x04K\x01."], ids=repr)
@pytest.mark.parametrize("name", ["table.npy", "w2c.mat"])
def test_files_of_something_else(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "cannot be read" in refusal_of(tmp_path / name)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("name", ["table.npy", "w2c.mat"])
def test_truncated_file(tmp_path, name, share):
    path = tmp_path / name
    if name == "w2c.mat":
        write_w2c(path, np.zeros(32768, dtype=int))
    else:
        np.save(path, np.zeros((32, 32, 32), dtype=np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cannot be read" in refusal_of(path)


def test_archive_and_pickle_are_not_winners(tmp_path):
    with (tmp_path / "archive.npy").open("wb") as file:
        np.savez(file, table=np.zeros((32, 32, 32), dtype=np.uint8))
    assert "cannot be read" in refusal_of(tmp_path / "archive.npy")
    np.save(tmp_path / "objects.npy", np.zeros((32, 32, 32), dtype=object), allow_pickle=True)
    assert "cannot be read" in refusal_of(tmp_path / "objects.npy")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.zeros((32768,), dtype=np.uint8), r"uint8 \(32768,\)"),
        (np.zeros((32768, 11), dtype=np.uint8), r"uint8 \(32768, 11\)"),
        (np.zeros((32, 32, 32, 1), dtype=np.uint8), r"\(32, 32, 32, 1\)"),
        (np.zeros((32, 32, 32)), "float64"),
        (np.full((32, 32, 32), np.nan), "float64"),
        (np.zeros((32, 32, 32), dtype=bool), "bool"),
        (np.full((32, 32, 32), 11, dtype=np.uint8), "from 11 to 11, not 0 to 10"),
        (np.full((32, 32, 32), -1), "from -1 to -1"),
        (np.pad(np.zeros((31, 31, 31), dtype=int), (0, 1), constant_values=256), "from 0 to 256"),
    ],
)
def test_winners_that_are_no_color_table(tmp_path, table, said):
    np.save(tmp_path / "table.npy", table)
    with pytest.raises(NetdissectError, match=said):
        read_color_table(tmp_path / "table.npy")
    refusal_of(tmp_path / "table.npy")


def changed(row, value):
    table = np.full((32768, 11), 1 / 11)
    table[row] = value
    return table


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.full((11, 32768), 1 / 11), r"\(11, 32768\)"),
        (np.full((32768, 10), 0.1), r"\(32768, 10\)"),
        (np.zeros((32, 32, 32)), r"\(32, 32, 32\)"),
        (np.full((32768, 11), 0.1j), "complex"),
        ("black", "<U5"),
        (changed((32767, 10), np.nan), "no probabilities"),
        (changed((0, 0), np.inf), "no probabilities"),
        (changed((9, 3), -0.1), "no probabilities"),
        (changed((9, 3), 1.5), "no probabilities"),
        (changed(77, 0), "no name is likely"),
    ],
)
def test_probabilities_that_are_no_color_table(tmp_path, table, said):
    savemat(tmp_path / "w2c.mat", {"w2c": table})
    assert said.replace("\\", "") in refusal_of(tmp_path / "w2c.mat")


def test_mat_file_of_something_else(tmp_path):
    write_w2c(tmp_path / "w2c.mat", np.zeros(32768, dtype=int), variable="LabelMap")
    assert "no variable 'w2c'" in refusal_of(tmp_path / "w2c.mat")


# The spaces.


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ffffff", (1, 0, 0)),
        ("000000", (0, 0, 0)),
        ("ff0000", (0.62796, 0.22486, 0.12585)),
        ("00ff00", (0.86644, -0.23389, 0.17950)),
        ("0000ff", (0.45201, -0.03246, -0.31153)),
        ("ffff00", (0.96798, -0.07137, 0.19857)),
        ("00ffff", (0.90540, -0.14944, -0.03940)),
        ("ff00ff", (0.70167, 0.27457, -0.16916)),
        ("808080", (0.59987, 0, 0)),
    ],
)
def test_oklab(code, expected):
    assert oklab(np.array([rgb_of(code)]))[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ffffff", 100),
        ("000000", 0),
        ("ff0000", 53.24),
        ("00ff00", 87.73),
        ("0000ff", 32.30),
        ("777777", 50.03),
        ("010101", 0.274),  # both straight parts: 24389 / 27 * 1 / 255 / 12.92
    ],
)
def test_lightness(code, expected):
    assert lightness(np.array([rgb_of(code)]))[0] == pytest.approx(expected, abs=0.01)


def test_naming_space_of_red():
    # C = 400 * sqrt(0.22486^2 + 0.12585^2) = 103.07; log(1 + 0.045 * 103.07) / 0.045 = 38.435, which is 0.37290 C.
    expected = (53.24, 0.37290 * 400 * 0.22486, 0.37290 * 400 * 0.12585)
    assert naming_space(np.array([[255, 0, 0]]))[0] == pytest.approx(expected, abs=0.01)


@settings(deadline=None)
@given(arrays(np.uint8, (7, 3)))
def test_naming_space_keeps_lightness_and_hue(colors):
    opponents, named = oklab(colors)[:, 1:], naming_space(colors)
    assert np.array_equal(named[:, 0], lightness(colors))
    assert np.allclose(opponents[:, 0] * named[:, 2], opponents[:, 1] * named[:, 1])
    assert np.all(np.sign(opponents) == np.sign(named[:, 1:]))
    before, after = 400 * np.hypot(*opponents.T), np.hypot(*named[:, 1:].T)
    assert np.allclose(after, np.log(1 + 0.045 * before) / 0.045)


# The survey's table.


@pytest.fixture(scope="module")
def survey():
    return survey_color_table()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("000000", "black"),
        ("101010", "black"),
        ("181c24", "black"),
        ("1a1612", "black"),
        ("606060", "grey"),
        ("808080", "grey"),
        ("a0a0a0", "grey"),
        ("8a8f94", "grey"),
        ("f4f4f4", "white"),
        ("ffffff", "white"),
        ("fffaf0", "white"),
        ("ff0000", "red"),
        ("b01020", "red"),
        ("00ff00", "green"),
        ("205020", "green"),
        ("556b2f", "green"),
        ("0000ff", "blue"),
        ("4682b4", "blue"),
        ("a0c8f0", "blue"),
        ("102060", "blue"),
        ("ffff00", "yellow"),
        ("f0e060", "yellow"),
        ("ff8c00", "orange"),
        ("ffa500", "orange"),
        ("ffc0cb", "pink"),
        ("f0c8b0", "pink"),  # pale skin
        ("ff69b4", "pink"),
        ("8d5524", "brown"),  # dark skin
        ("654321", "brown"),
        ("a07850", "brown"),  # wood
        ("800080", "purple"),
        ("b090d0", "purple"),
    ],
)
def test_known_colors(survey, code, name):
    assert name_of(survey, code) == name


def test_greys_run_from_black_to_white(survey):
    along = [int(survey[level, level, level]) for level in range(32)]
    black, grey, white = along.count(0), along.count(3), along.count(9)
    assert along == [0] * black + [3] * grey + [9] * white
    assert black >= 4 and grey >= 12 and white >= 2


def test_cells_are_named_by_the_likeliest_normal_distribution(survey):
    """The definition, by another implementation of densities, for the colors at the centres of some cells."""
    basic = np.array([name.split()[-1] for name in SURVEY_COLORS])
    colors = naming_space(np.array([rgb_of(code) for code in SURVEY_COLORS.values()]))
    means = [colors[basic == name].mean(axis=0) for name in COLOR_NAMES]
    scatter = sum(
        np.outer(color - means[COLOR_NAMES.index(name)], color - means[COLOR_NAMES.index(name)])
        for color, name in zip(colors, basic, strict=True)
    )
    cells = np.random.default_rng(2).integers(0, 32, (500, 3))
    places = naming_space(cells * 8 + 3.5)
    densities = [multivariate_normal.logpdf(places, mean, scatter / (len(colors) - 11)) for mean in means]
    assert np.array_equal(np.argmax(densities, axis=0), survey[tuple(cells.T)])


def test_plain_survey_colors_keep_their_names(survey):
    assert survey.dtype == np.uint8 and survey.shape == (32, 32, 32)
    assert set(np.unique(survey)) == set(range(11))
    assert [name_of(survey, SURVEY_COLORS[name]) for name in COLOR_NAMES] == list(COLOR_NAMES)


def test_survey_colors_are_those_of_the_rule():
    allowed = {*COLOR_NAMES, *(f"{modifier} {name}" for modifier in MODIFIERS for name in COLOR_NAMES)}
    assert set(COLOR_NAMES) <= set(SURVEY_COLORS) <= allowed
    assert len(SURVEY_COLORS) == 138
    assert all(len(bytes.fromhex(code)) == 3 for code in SURVEY_COLORS.values())


def test_most_survey_colors_keep_their_basic_name(survey):
    kept = [name_of(survey, code) == name.split()[-1] for name, code in SURVEY_COLORS.items()]
    assert np.mean(kept) > 0.7


def test_survey_table_is_made_anew_and_the_same(survey):
    other = survey_color_table()
    assert np.array_equal(other, survey) and not np.shares_memory(other, survey)


@needs_shared
def test_survey_agrees_with_the_published_table(survey):
    published = read_color_table(SHARED / "reference/broden/w2color.npy")
    assert np.bincount(published.ravel()).tolist() == [194, 6071, 743, 293, 9573, 1698, 2748, 6749, 1725, 209, 2765]
    assert (published == survey).mean() > 0.8


# Naming pixels.


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_pixels_are_named_one_by_one(data):
    shape = data.draw(st.tuples(st.integers(0, 6), st.integers(0, 6), st.just(3)))
    pixels = data.draw(arrays(np.uint8, shape))
    table = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 11, (32, 32, 32), dtype=np.uint8)
    before = pixels.copy()
    labels = name_colors(pixels, table)
    assert labels.shape == shape[:2] and labels.dtype == np.uint8
    for row in range(shape[0]):
        for column in range(shape[1]):
            red, green, blue = (int(value) for value in pixels[row, column])
            assert labels[row, column] == 1 + table[red // 8, green // 8, blue // 8]
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("shape", [(700, 400), (3, 140000), (140000, 2), (1, 131073), (256, 512)])
def test_large_images(survey, shape):
    pixels = np.random.default_rng(3).integers(0, 256, (*shape, 3), dtype=np.uint8)
    expected = 1 + survey[tuple(np.moveaxis(pixels // 8, -1, 0))]
    assert np.array_equal(name_colors(pixels, survey), expected)
    assert np.array_equal(name_colors(pixels[::-1, ::2], survey), expected[::-1, ::2])
    pixels.flags.writeable = False  # as Pillow gives them
    assert np.array_equal(name_colors(pixels, survey), expected)


def test_naming_takes_little_memory(survey):
    pixels = np.random.default_rng(4).integers(0, 256, (2000, 3000, 3), dtype=np.uint8)
    tracemalloc.start()
    labels = name_colors(pixels, survey)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert labels.nbytes == 6e6 and peak < labels.nbytes + 4e6
