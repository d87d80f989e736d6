"""Settings: declared once, and what follows from the declaration."""

import inspect
import json
from typing import get_type_hints

import attrs
import numpy as np
import pytest

import netdissect
from netdissect.network_settings import NetworkKeywords, NetworkSettings
from netdissect.settings import Settings, SettingsKeywords
from netdissect.types import NetdissectError


@pytest.mark.parametrize(("kind", "keywords"), [(NetworkSettings, NetworkKeywords), (Settings, SettingsKeywords)])
def test_keywords_for_type_checkers_are_the_fields(kind, keywords):
    assert set(get_type_hints(keywords)) == {field.name for field in attrs.fields(kind)}


@pytest.mark.parametrize("function", [netdissect.dissect, netdissect.visualize, netdissect.dream])
def test_functions_have_the_signature_and_the_help_of_the_fields(function):
    kind = NetworkSettings if function is netdissect.dream else Settings
    parameters = inspect.signature(function).parameters
    for field in attrs.fields(kind):
        assert parameters[field.name].default == field.default
        assert f"{field.name}: {field.metadata['help']}" in function.__doc__
    assert "{settings}" not in function.__doc__


def test_every_field_is_explained():
    assert all(field.metadata["help"] for field in attrs.fields(Settings))


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ({"size": 64}, {"size": [64, 64]}),
        ({"size": np.array([48, 64]).tolist()}, {"size": [48, 64]}),
        ({"mean": 0.5, "std": (1, 2, 3)}, {"mean": [0.5], "std": [1.0, 2.0, 3.0]}),
        ({"categories": "object"}, {"categories": ["object"]}),
        ({"ignore_index": np.array([255])}, {"ignore_index": [255]}),
        ({"quantile": np.float64(0.25), "limit": np.int64(5)}, {"quantile": 0.25, "limit": 5}),
        ({"value_range": 255.0}, {"value_range": 255}),
        ({"workers": 3, "skip_bad": True, "chunk_seconds": 0, "held_bytes": 0}, {}),
    ],
)
def test_plain_settings_are_read_again(given, plain):
    settings = Settings(**given)
    assert settings.to_plain() == Settings().to_plain() | plain
    read = Settings.from_plain(json.loads(json.dumps(settings.to_plain())))
    recorded = [field.name for field in attrs.fields(Settings) if field.metadata["recorded"]]
    assert all(getattr(read, name) == getattr(settings, name) for name in recorded)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"quantile": 0}, "a quantile of 0.0 is not between 0 and 1"),
        ({"quantile": "much"}, "the quantile is a number, not 'much'"),
        ({"iou_threshold": 1}, r"an IoU threshold of 1.0 is not in 0\.\.1"),
        ({"align": "centre"}, "no alignment 'centre': it is receptive or stretch"),
        ({"layout": "hwu"}, r"no layout 'hwu': it is one of nuhw \(maps, units first\)"),
        ({"size": 0}, "the height of images is at least 1, not 0"),
        ({"size": (8, 8, 8)}, "the height of images is a whole number"),
        ({"mean": "red"}, "the mean is a number, not 'red'"),
        ({"batch_size": 1.5}, "the batch size is a whole number, not 1.5"),
        ({"precision": "float64"}, "no precision 'float64': it is float32 or bfloat16 or float16"),
        ({"limit": 0}, "the limit is at least 1, not 0"),
        ({"seed": -1}, "the seed is at least 0, not -1"),
        ({"workers": -1}, "the number of workers is at least 0, not -1"),
        ({"top_images": 0}, "the number of top images is at least 1, not 0"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given, said):
    with pytest.raises(NetdissectError, match=said) as caught:
        Settings(**given)
    assert "\n" not in str(caught.value)


def test_settings_are_given_once():
    assert Settings.of(Settings(limit=3), {}) == Settings(limit=3)
    with pytest.raises(NetdissectError, match="settings are given already: leave out limit"):
        Settings.of(Settings(), {"limit": 3})
    with pytest.raises(NetdissectError, match="no setting is called 'bach_size'; did you mean batch_size"):
        netdissect.dissect("netdissect.networks.demo:demo_network", "relu2", bach_size=3)


def test_settings_in_place_of_keywords():
    given = {"limit": 4, "size": 32, "quantile": 0.1}
    model = "netdissect.networks.demo:demo_network"
    by_keyword = netdissect.dissect(model, "relu2", progress=False, **given)
    by_object = netdissect.dissect(model, "relu2", settings=Settings(**given), progress=False)
    assert by_keyword.description.settings == by_object.description.settings
    assert np.array_equal(by_keyword["relu2"].counts.intersection, by_object["relu2"].counts.intersection)


def test_settings_are_frozen():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Settings().limit = 3
