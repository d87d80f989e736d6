"""From a network and data to pictures of units, in a result, a run, a report and on a page."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from netdissect import Concept, NetdissectError, Result, VisualizationOptions, dissect, visualize, write_report
from netdissect.labels import Labels
from netdissect.results.export import write_table
from netdissect.results.table import read_table
from netdissect.visualization import METHODS
from netdissect.visualization.options import Excitation
from tests.planted import MemoryDataset, Recall
from tests.unchecked import unchecked_types

OPTIONS = {"size": 8, "mean": 0.0, "std": 1.0, "progress": False, "quantile": 0.2, "iou_threshold": 0.1}
QUICK = Excitation(steps=32)
LOOKS = VisualizationOptions(units=(0, 2), images=2, excitation=QUICK)
IMAGES = 60


class Colors(nn.Module):
    """Units of ``maps``: red, less red, and one that never responds; ``passes`` counts those of several images."""

    def __init__(self):
        super().__init__()
        self.passes = 0
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.maps = nn.ReLU(inplace=True)
        self.scores = nn.Linear(3, 2)
        self.scores.load_state_dict({"weight": torch.tensor([[1.0, -1, 0], [0.5, 1, 0]]), "bias": torch.zeros(2)})
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, :, 1, 1] = torch.tensor([1.0, -0.5, -0.5])
            self.conv.weight[1, :, 1, 1] = torch.tensor([-1.0, 0.2, 0.2])
            self.conv.bias.copy_(torch.tensor([0.0, 0.5, -5.0]))

    def forward(self, images):
        self.passes += len(images) > 1
        return self.scores(self.maps(self.conv(images)).amax(dim=(2, 3)))


@pytest.fixture(scope="module")
def data():
    labels = np.zeros((1, 4, 4), dtype=np.int32)
    labels[0, :, :2] = 1
    return MemoryDataset([Labels(labels)] * IMAGES, [Concept(1, "left", "object")], (4, 4))


@pytest.fixture(scope="module")
def layer(data):
    with unchecked_types():
        return visualize(Colors(), "maps", LOOKS, data, **OPTIONS)["maps"]


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("visualized") / "run"
    with unchecked_types():
        dissect(
            Colors(),
            ["maps", "scores"],
            data,
            visualize=VisualizationOptions(units=(0, 1), excitation=QUICK),
            out=out,
            **OPTIONS,
        )
    return out


def test_every_method_gives_its_pictures_of_every_unit(layer):
    assert list(layer.visualized) == [0, 2]
    red = layer.visualized[0]
    assert [one.method for one in red] == ["top"] * 4 + ["deconvnet"] * 2 + ["backprop"] * 4 + ["inceptionism"]
    best = [f"image {index}" for index in layer.top.image[0, :2]]
    assert best == ["image 59", "image 58"]
    level = ["image 56", "image 55"]  # three of sixty excite it more: 95 %
    assert [one.image_name for one in red] == best + level + 3 * best + [""]
    assert red[0].caption == "no. 1 of all images: 0.2314 at 0, 0"
    assert red[2].caption == "94.92 % of other images excite it less: 0.2196 at 0, 0"  # 56 of 59
    assert [one.activation for one in red[:2]] == pytest.approx(layer.top.activation[0, :2])
    assert all(one.caption.startswith("no. 1 of all images") for one in (red[4], red[6], red[8]))
    variants = ["highest"] * 2 + ["along the range"] * 2 + [""] * 2 + ["gradient"] * 2 + ["guided"] * 2 + [""]
    assert [one.variant for one in red] == variants
    assert red[-1].activation > layer.top.activation[0, 0]
    assert f"the images' highest is {layer.top.activation[0, 0]:.4g}" in red[-1].caption
    made = np.asarray(red[-1].picture.convert("RGB"), dtype=float).mean(axis=(0, 1))
    assert made[0] > made[1:].max() + 15


def test_pictures_show_the_receptive_field_and_what_is_projected_back(layer):
    top, _, _, _, back, _, gradient = layer.visualized[0][:7]
    # The image, 8 pixels enlarged, and its upper left corner, 2 pixels, as high.
    assert top.picture.size == (96 + 4 + 96, 96)
    assert back.picture.size == (96 + 4 + 96, 96)
    projected = np.asarray(back.picture.convert("RGB"), dtype=float)[:, -96:]
    assert projected[24, 24, 0] > 240 and projected[24, 24, 1] < 70  # more red, less green: around gray
    assert np.abs(projected[72, 72] - 128).max() < 8  # other pixels have no say
    assert gradient.picture.size == back.picture.size


def test_a_class_is_a_unit_of_the_last_layer(data):
    looks = VisualizationOptions(
        units=(1,), images=1, variants=("gradient", "smoothed", "integrated", "ascent"), excitation=QUICK
    )
    red = visualize(Colors(), "scores", looks, data, **OPTIONS)["scores"].visualized[1]
    back = [one for one in red if one.method == "backprop"]
    assert [one.variant for one in back] == ["gradient", "smoothed", "integrated", "ascent"]
    assert back[-1].caption.startswith("model image: ")


def test_the_network_is_left_as_it_was(data):
    model = Colors().train()
    model.conv.weight.requires_grad_(False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.inference_mode():
        visualize(model, "maps", LOOKS, data, **OPTIONS)
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert [parameter.requires_grad for parameter in model.parameters()] == [False, True, True, True]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_saved_run_keeps_the_pictures_and_its_report_shows_them(run, data, tmp_path):
    result = Result.load(run)
    for layer in result.layers.values():
        assert list(layer.visualized) == [0, 1]
        assert {one.method for one in layer.pictures.visualizations} == {*METHODS}
    front = json.loads((run / "run.json").read_text())["description"]["looks"]
    assert front["methods"] == list(METHODS) and front["units"] == [0, 1]
    again = Result.load(result.save(tmp_path / "again"))
    assert again["maps"].pictures.visualizations == result["maps"].pictures.visualizations
    report = write_report(result, tmp_path / "report").parent
    unit = json.loads((report / "data/1/0.js").read_text().split(",", 1)[1].rsplit(")", 1)[0])[1]
    variants = [variant for method in unit["visualizations"] for variant in method["variants"]]
    assert [variant["name"] for variant in variants] == [
        *("highest", "along the range", "", "gradient", "guided", ""),
    ]
    told = [picture for variant in variants for picture in variant["pictures"]]
    assert len(told) == len(result["scores"].visualized[1])
    for picture, one in zip(told, result["scores"].visualized[1], strict=True):
        assert (report / picture["path"]).read_bytes() == one.jpeg
        assert (picture["caption"], tuple(picture["size"])) == (one.caption, one.picture.size)


def test_from_a_run_the_same_without_a_pass(run, layer, data, tmp_path):
    found = visualize(Colors(), "maps", LOOKS, data, run=run, out=tmp_path / "page", progress=False)
    assert found["maps"].pictures.visualizations == layer.pictures.visualizations
    assert list(found.layers) == ["maps"]
    told = json.loads((tmp_path / "page" / "data.json").read_text())
    unit = told["units"][0]
    assert (unit["unit"], unit["label"], unit["highest"]) == (0, "left", float(layer.top.activation[0, 0]))
    assert len(unit["pictures"]) == len(list((tmp_path / "page" / "pictures").glob("0-0-*.jpg"))) == 11
    assert unit["made"] == layer.visualized[0][-1].activation
    page = (tmp_path / "page" / "index.html").read_text()
    assert "Images made to excite 1 of 2 units do so more" in page
    for variant, times in (("highest", 2), ("along the range", 1), ("gradient", 2), ("guided", 2)):
        assert page.count(f'<h4 class="variant">{variant}</h4>') == times, variant  # unit 2 never responds
    assert "maps unit 0: left" in page and "maps unit 2: no label" in page


def test_a_run_is_resumed_with_the_same_pictures_alone(run, data):
    again = {"out": run, "resume": True, **OPTIONS}
    looks = VisualizationOptions(units=(0, 1), excitation=QUICK)
    assert dissect(Colors(), ["maps", "scores"], data, visualize=looks, **again)["maps"].pictures.visualizations
    for others in ("top", ()):
        with pytest.raises(NetdissectError, match="was finished with other pictures of units, or none: --overwrite"):
            dissect(Colors(), ["maps", "scores"], data, visualize=others, **again)


def test_of_labelled_units_the_best_come_first(data):
    looks = VisualizationOptions(("top",), images=1)
    layer = visualize(Colors(), "maps", looks, data, **OPTIONS)["maps"]
    detectors = layer.labels[layer.labels["is_detector"]]
    assert list(layer.visualized) == detectors["unit"].tolist() != []
    everyone = visualize(Colors(), "maps", VisualizationOptions(("top",), "all"), data, **OPTIONS)["maps"]
    assert list(everyone.visualized) == [0, 1, 2]


def test_the_same_weights_of_another_stride_are_another_network(run, data):
    strided = Colors()
    strided.conv.stride = (2, 2)
    with pytest.raises(NetdissectError, match="its layer maps has other maps, or other receptive fields"):
        visualize(strided, "maps", LOOKS, data, run=run, progress=False)


def test_out_is_looked_at_before_the_work(run, data, tmp_path):
    model = Colors()
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path, run, tmp_path / "file" / "page"):
        with pytest.raises(NetdissectError):
            visualize(model, "maps", LOOKS, data, out=out, **OPTIONS)
    assert model.passes == 0 and (tmp_path / "file").read_text() == "mine"


def test_a_network_that_takes_one_image_at_a_time(data):
    class One(Colors):
        def forward(self, images):
            if len(images) > 1:
                raise ValueError("one, please")
            return super().forward(images)

    layer = visualize(One(), "maps", LOOKS, data, batch_size=1, **OPTIONS)["maps"]
    assert {one.method for one in layer.pictures.visualizations} == {*METHODS}
    with pytest.raises(NetdissectError, match="with gradients: ValueError: one, please"):
        dissect(One(), "maps", data, visualize=LOOKS, batch_size=2, **OPTIONS)


def test_more_images_than_a_run_keeps(run, data):
    looks = VisualizationOptions("top", (0,), images=20)
    layer = visualize(Colors(), "maps", looks, data, **OPTIONS)["maps"]
    assert [one.variant for one in layer.visualized[0]].count("highest") == 20
    with pytest.raises(NetdissectError, match="has 15 images of a unit, not 20"):
        visualize(Colors(), "maps", looks, data, run=run, progress=False)


def test_methods_by_their_names_alone(run, data):
    for looks in ("top", ["top"], VisualizationOptions("top"), VisualizationOptions(["top", "top"])):
        layer = visualize(Colors(), "maps", looks, data, run=run, progress=False)["maps"]
        assert list(layer.visualized) == layer.labels["unit"][layer.labels["is_detector"]].tolist()
        assert {one.method for one in layer.pictures.visualizations} == {"top"}
    with pytest.raises(NetdissectError, match="no method is named"):
        visualize(Colors(), "maps", [], data, run=run, progress=False)
    both = VisualizationOptions(["backprop", "top"], variants="guided")
    assert (both.methods, both.variants) == (("top", "backprop"), ("guided",))


def test_notes_of_the_run_and_of_layers_without_labelled_units(data, tmp_path):
    from netdissect.visualization.page import visualization_notes

    high = {**OPTIONS, "iou_threshold": 0.9}
    result = dissect(Colors(), ["maps", "scores"], data, **high)
    found = visualize(Colors(), "maps", "top", data, run=result, out=tmp_path / "page", progress=False)
    notes = visualization_notes(found)
    assert notes[-1] == "maps: no unit is looked at, since no label passes the cut, IoU > 0.9"
    assert notes[:-1] == [note for note in result.notes if not note.startswith("scores: ")] != []
    page = (tmp_path / "page" / "index.html").read_text()
    assert "no label passes the cut, IoU &gt; 0.9" in page and notes[0].split(";")[0] in page
    assert json.loads((tmp_path / "page" / "data.json").read_text())["units"] == []


class Overflows(nn.Module):
    """Its unit is infinite on images that are brighter than those of the data."""

    def __init__(self):
        super().__init__()
        self.maps = nn.Identity()

    def forward(self, images):
        return self.maps((200 * images.mean(dim=1, keepdim=True)).exp())


def test_activations_that_are_no_numbers_are_told_as_none(data, tmp_path):
    looks = VisualizationOptions("inceptionism", (0,), excitation=QUICK)
    result = visualize(Overflows(), "maps", looks, data, out=tmp_path / "page", **OPTIONS)
    assert result["maps"].visualized[0][0].activation == float("inf")
    (unit,) = json.loads((tmp_path / "page" / "data.json").read_text())["units"]
    assert unit["made"] is None and unit["pictures"][0]["activation"] is None


def test_pictures_that_fail_leave_what_was_dissected(data, tmp_path):
    """The same run goes on without them, or with fewer."""

    class Fails(Colors):
        def forward(self, images):
            if images.requires_grad and len(images) == 1:
                raise RuntimeError("out of luck")
            return super().forward(images)

    model, out = Fails(), tmp_path / "run"
    looks = VisualizationOptions(("top", "inceptionism"), (0,), excitation=QUICK)
    with pytest.raises(NetdissectError, match="out of luck"):
        dissect(model, "maps", data, visualize=looks, out=out, batch_size=20, **OPTIONS)
    passes = model.passes
    result = dissect(model, "maps", data, visualize="top", out=out, resume=True, batch_size=20, **OPTIONS)
    assert {one.method for one in result["maps"].pictures.visualizations} == {"top"}
    assert model.passes <= passes + 1  # that of images along the range


def test_a_unit_that_is_not_there_is_told_before_the_pass(data):
    model = Colors()
    with pytest.raises(NetdissectError, match=r"^layer maps has the units 0 to 2: there is no unit 3$"):
        visualize(model, "maps", VisualizationOptions(units=(0, 3)), data, **OPTIONS)
    assert model.passes == 0


def test_a_layer_without_gradients_has_top_images_alone(data):
    model = Recall(np.random.default_rng(0).random((IMAGES, 2, 2, 2), dtype=np.float32))
    with pytest.raises(NetdissectError, match=r"^layer maps cannot be differentiated: [^\n]*$"):
        visualize(model, "maps", VisualizationOptions(units=(1,)), data, **OPTIONS)
    layer = visualize(model, "maps", VisualizationOptions(("top",), (1,)), data, **OPTIONS)["maps"]
    assert {one.method for one in layer.pictures.visualizations} == {"top"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": ("tops",)}, r"no method 'tops': there are top, .*; did you mean top\?"),
        ({"methods": ()}, "no method is named"),
        ({"variants": ("smooth",)}, "no variant of back-propagation 'smooth'"),
        ({"units": ()}, "no unit is named"),
        ({"units": (1, -1)}, "the number of a unit is at least 0, not -1"),
        ({"units": "some"}, "units are labelled, all, or numbers and ranges such as 3,10-19, not 'some'"),
        ({"images": 0}, "the number of images to show a unit with is at least 1, not 0"),
    ],
)
def test_options_that_make_no_sense(changes, said):
    with pytest.raises(NetdissectError, match=said):
        VisualizationOptions(**changes)


def test_a_run_of_something_else_is_refused(run, data, tmp_path):
    other = Colors()
    with torch.no_grad():
        other.conv.bias += 1
    with pytest.raises(NetdissectError, match="is of another network"):
        visualize(other, "maps", LOOKS, data, run=run, progress=False)
    with pytest.raises(NetdissectError, match="has no layer conv: it has maps, scores"):
        visualize(Colors(), "conv", LOOKS, data, run=run, progress=False)
    strange = MemoryDataset([data.labels(0)] * 3, data.concepts, (4, 4))
    strange.fingerprint = lambda: "strange"
    with pytest.raises(NetdissectError, match="is of other data"):
        visualize(Colors(), "maps", LOOKS, strange, run=run, progress=False)
    table = tmp_path / "table.csv"
    write_table(Result.load(run), "maps", table)
    with pytest.raises(NetdissectError, match="is a table, which does not tell of the images"):
        visualize(Colors(), "maps", LOOKS, data, run=read_table(table), progress=False)
    in_components = tmp_path / "components"
    dissect(Colors(), "maps", data, basis="pca", out=in_components, **OPTIONS)
    with pytest.raises(NetdissectError, match="layer maps is in the basis of its principal components, which a run"):
        visualize(Colors(), "maps", LOOKS, data, run=in_components, progress=False)
    with pytest.raises(NetdissectError, match="leave out quantile"):
        visualize(Colors(), "maps", LOOKS, data, run=run, quantile=0.1)


def test_principal_components_are_looked_at_too(data):
    looks = VisualizationOptions(units=(0,), images=1, excitation=QUICK)
    layer = dissect(Colors(), "maps", data, basis="pca", visualize=looks, **OPTIONS)["maps"]
    assert layer.visualized[0][0].activation == pytest.approx(layer.top.activation[0, 0], rel=1e-4)


def test_visualize_looks_at_several_methods_by_name(data):
    layer = dissect(Colors(), "maps", data, visualize=["top", "deconvnet"], **OPTIONS)["maps"]
    assert {one.method for one in layer.pictures.visualizations} == {"top", "deconvnet"}
