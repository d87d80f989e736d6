"""Ways of looking are registered once: a made-up one goes through a run, its report and a page."""

import json

import pytest
from PIL import Image

from netdissect import NetdissectError, Result, VisualizationOptions, dissect, visualize, write_report
from netdissect.results import Visualization
from netdissect.visualization import METHODS, VARIANTS, Method
from netdissect.visualization.context import PictureKind
from netdissect.visualization.page import plain_visualizations, write_visualization_page
from netdissect.visualization.pictures import jpeg_of
from tests.unchecked import unchecked_types
from tests.visualization.test_visualize import OPTIONS, Colors, data  # noqa: F401, a fixture


class Swatch(Method):
    """A picture of one color per unit."""

    title = "Swatches (nobody, never)"
    text = "A color."
    needs_gradients = False
    excites = True

    def look(self, context, units):
        for unit in units:
            picture = jpeg_of(Image.new("RGB", (8, 8), "red"))
            yield Visualization(unit, self.name, "red", f"a color of {context.layer.layer}", 3.5, picture)


class Constant:
    """A variant of back-propagation that needs no gradient."""

    def look(self, context, units, kind: PictureKind):
        for unit in units:
            yield Visualization(unit, *kind, "nothing", 0.0, jpeg_of(Image.new("RGB", (8, 8))))


@pytest.fixture(scope="module")
def saved(data, tmp_path_factory):  # noqa: F811
    """A run with pictures by the method ``swatch``, which is not registered any more, and the page made meanwhile."""
    folder = tmp_path_factory.mktemp("methods")
    with METHODS.registered("swatch", Swatch, "a color"), unchecked_types():
        looks = VisualizationOptions(("swatch", "top"), units=(0, 1))
        assert looks.methods == ("top", "swatch")  # in the order of registration
        dissect(Colors(), "maps", data, visualize=looks, out=folder / "run", **OPTIONS)
        visualize(Colors(), "maps", looks, data, run=folder / "run", out=folder / "page", progress=False)
    return folder


def test_a_registered_method_goes_through_the_run_and_the_page(saved):
    result = Result.load(saved / "run")
    for unit in (0, 1):
        picture = result["maps"].visualized[unit][-1]
        assert (picture.method, picture.variant, picture.caption) == ("swatch", "red", "a color of maps")
    page = (saved / "page" / "index.html").read_text()
    assert page.count("Swatches (nobody, never)") == 2 and "a color of maps" in page
    assert [unit["made"] for unit in json.loads((saved / "page" / "data.json").read_text())["units"]] == [3.5, 3.5]
    assert len(list((saved / "page" / "pictures").glob("*-swatch.jpg"))) == 2
    assert "swatch: a color" not in METHODS.help()


def test_pictures_of_a_method_that_is_not_registered_are_shown_last(saved, tmp_path):
    result = Result.load(saved / "run")
    page = write_visualization_page(result, tmp_path / "page").read_text()
    assert page.index("Top activated images") < page.index("<h3>swatch</h3>")
    assert {unit["made"] for unit in plain_visualizations(result)["units"]} == {None}
    report = write_report(result, tmp_path / "report").parent
    text = (report / "data" / "0" / "0.js").read_text()
    (unit, *_) = json.loads(text[text.index(",") + 1 : text.rindex(")")])
    assert [method["title"] for method in unit["visualizations"]][-1] == "swatch"
    with pytest.raises(NetdissectError, match="no method 'swatch': there are top, deconvnet, backprop, inceptionism"):
        VisualizationOptions("swatch")


def test_a_registered_variant_of_back_propagation(data):  # noqa: F811
    with VARIANTS.registered("constant", Constant(), "nothing"), unchecked_types():
        looks = VisualizationOptions("backprop", units=(0,), variants="constant")
        layer = visualize(Colors(), "maps", looks, data, **OPTIONS)["maps"]
    (picture,) = layer.visualized[0]
    assert (picture.method, picture.variant) == ("backprop", "constant")


def test_each_built_in_choice_is_there_with_its_help():
    for name in METHODS:
        method = METHODS[name](name)
        assert method.title and method.text and type(method).__doc__ and METHODS.help_of(name)
    for name in VARIANTS:
        assert callable(VARIANTS[name].look) and VARIANTS.help_of(name)
