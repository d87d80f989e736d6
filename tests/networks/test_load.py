"""Finding and building networks: every kind of name, and every way in which it can be wrong."""

import random
import sys

import numpy as np
import pytest
import torch
from torch import nn

from netdissect.networks.caffenet import CAFFENET_MEAN
from netdissect.networks.expected import Expected
from netdissect.networks.libraries import DEFAULT_WEIGHTS
from netdissect.networks.load import load_model, parse_arguments
from netdissect.types import NetdissectError
from tests.networks.loading import BUILDERS, SMALL, failure, states_equal


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package ``zoo_for_tests.small`` that can be imported, and is forgotten afterwards."""
    (tmp_path / "zoo_for_tests").mkdir()
    (tmp_path / "zoo_for_tests" / "__init__.py").write_text("")
    (tmp_path / "zoo_for_tests" / "small.py").write_text(BUILDERS)
    (tmp_path / "zoo_for_tests" / "broken.py").write_text("import there_is_no_such_module")
    (tmp_path / "zoo_for_tests" / "raising.py").write_text("raise OSError('two\\nlines')")
    (tmp_path / "zoo_for_tests" / "exiting.py").write_text("import sys\nsys.exit(0)")
    (tmp_path / "zoo_for_tests" / "wrong.py").write_text("def (:")
    monkeypatch.syspath_prepend(tmp_path)
    yield "zoo_for_tests"
    for name in [name for name in sys.modules if name.split(".")[0] == "zoo_for_tests"]:
        del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "builders.py"
    path.write_text(BUILDERS)
    return path


# Every kind of name.


def test_module_and_callable(package):
    loaded = load_model(f"{package}.small:small", arguments={"channels": 6})
    assert [tuple(p.shape) for p in loaded.model.parameters()] == [(6, 3, 3, 3), (6,), (3, 6, 1, 1), (3,)]
    assert loaded.spec == f"{package}.small:small" and loaded.expected == Expected()


def test_package_in_the_working_directory(package, tmp_path, monkeypatch):
    """As with ``python -m``; the command itself does not put the working directory on the path."""
    monkeypatch.setattr(sys, "path", [folder for folder in sys.path if folder not in ("", str(tmp_path))])
    monkeypatch.chdir(tmp_path)
    assert load_model(f"{package}.small:small").model is not None
    assert str(tmp_path) not in sys.path


def test_module_and_class(package):
    assert load_model(f"{package}.small:Network", arguments={"channels": 6}).model.conv.out_channels == 6


def test_file_and_callable(file):
    assert load_model(f"{file}:small", arguments={"num_classes": 9}).model[2].out_channels == 9
    assert load_model(f"{file}:Network").model.conv.out_channels == 4


def test_file_by_a_relative_path(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert load_model("builders.py:small").model[2].out_channels == 3
    monkeypatch.chdir(file.parent.parent)
    assert load_model(f"{file.parent.name}/builders.py:small").model[2].out_channels == 3


@pytest.mark.parametrize("where", ["at the top", "in the callable"])
def test_file_that_imports_its_neighbour(tmp_path, where):
    name = f"neighbour_{where.replace(' ', '_')}"
    (tmp_path / f"{name}.py").write_text("from torch import nn\ndef head():\n    return nn.Conv2d(3, 8, 1)\n")
    line = f"from {name} import head"
    top, inside = (line, "pass") if where == "at the top" else ("", line)
    (tmp_path / "model.py").write_text(f"{top}\ndef build():\n    {inside}\n    return head()\n")
    before = sys.path.copy()
    assert load_model(f"{tmp_path / 'model.py'}:build").model.out_channels == 8
    assert sys.path == before


def test_file_with_a_dataclass(tmp_path):
    (tmp_path / "model.py").write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom torch import nn\n"
        "@dataclass\nclass Options:\n    width: int = 5\n"
        "def build():\n    return nn.Conv2d(3, Options().width, 1)\n"
    )
    assert load_model(f"{tmp_path / 'model.py'}:build").model.out_channels == 5


def test_file_that_was_changed_is_read_again(file):
    assert load_model(f"{file}:small").model[2].out_channels == 3
    file.write_text(BUILDERS.replace("num_classes=3", "num_classes=30"))
    assert load_model(f"{file}:small").model[2].out_channels == 30


@pytest.mark.parametrize("kind", ["module", "file"])
def test_network_that_a_module_holds_ready(package, file, kind):
    spec = f"{package}.small:ready" if kind == "module" else f"{file}:ready"
    loaded = load_model(spec)
    assert isinstance(loaded.model, nn.Sequential)
    assert not any(module.training for module in loaded.model.modules())
    assert "'channels'" in failure(spec, arguments={"channels": 2})


@pytest.mark.parametrize("spec", [SMALL, "file.py:ready", "file.py:small"])
def test_networks_come_in_evaluation_mode(file, spec):
    model = load_model(spec.replace("file.py", str(file))).model
    assert not any(module.training for module in model.modules())


@pytest.mark.parametrize("folder", ["odd:folder", "C:", "timm:odd", "a b:c:d"])
def test_file_whose_path_has_colons(tmp_path, folder):
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "net.py").write_text(BUILDERS)
    assert load_model(f"{tmp_path / folder / 'net.py'}:small").model[2].out_channels == 3


def test_caffenet():
    loaded = load_model("netdissect:caffenet", arguments={"num_classes": 2, "norm_first": True})
    assert loaded.model.norm_first and loaded.model.fc8.out_features == 2 and loaded.is_random
    assert loaded.expected == Expected((227, 227), CAFFENET_MEAN, (1.0,) * 3, "bgr", 255)
    said = failure("netdissect:caffenet", weights=DEFAULT_WEIGHTS)
    assert "netdissect:caffenet" in said and "no DEFAULT weights are published" in said
    assert "it has caffenet" in failure("netdissect:alexnet")


# Whole networks in pickles.


@pytest.fixture
def whole(tmp_path, monkeypatch):
    """Writes a pickle of a network whose class is in a module beside it, which is forgotten again."""

    def write(path, wrapped=lambda network: network, beside=True):
        (tmp_path / "classes_for_tests.py").write_text(BUILDERS)
        with monkeypatch.context() as patch:
            patch.syspath_prepend(tmp_path)
            import classes_for_tests

            torch.save(wrapped(classes_for_tests.Network(5)), path)
        del sys.modules["classes_for_tests"]
        if not beside:
            (tmp_path / "classes_for_tests.py").rename(tmp_path / "elsewhere.py")
        return str(path)

    yield write
    sys.modules.pop("classes_for_tests", None)


@pytest.mark.parametrize("name", ["whole.pth", "whole.pt", "whole.pth.tar", "whole.pkl", "whole", "odd:whole.pth"])
def test_whole_network_in_a_pickle(tmp_path, whole, name):
    spec, before = whole(tmp_path / name), sys.path.copy()
    said = failure(spec)
    assert spec in said and "--trust-pickle" in said and "run any code" in said
    assert "classes_for_tests" not in sys.modules
    loaded = load_model(spec, trust_pickle=True)
    assert type(loaded.model).__name__ == "Network" and loaded.model.conv.out_channels == 5
    assert not loaded.model.training and not loaded.is_random and sys.path == before
    assert (loaded.spec, loaded.weights, loaded.expected) == (spec, None, Expected())


@pytest.mark.parametrize(
    "wrapped",
    [
        nn.DataParallel,
        lambda network: {"epoch": 3, "model": network},
        lambda network: {"state_dict": nn.DataParallel(network)},
    ],
)
def test_whole_network_within_something_else(tmp_path, whole, wrapped):
    model = load_model(whole(tmp_path / "whole.pth", wrapped), trust_pickle=True).model
    assert list(dict(model.named_modules())) == ["", "conv"]


def test_whole_network_whose_class_is_in_the_working_directory(tmp_path, whole, monkeypatch):
    (tmp_path / "models").mkdir()
    spec = whole(tmp_path / "models" / "whole.pth")
    monkeypatch.chdir(tmp_path)
    assert load_model("models/whole.pth", trust_pickle=True).model.conv.out_channels == 5
    del sys.modules["classes_for_tests"]
    monkeypatch.chdir(tmp_path / "models")
    assert f"{spec}: needs what cannot be imported" in failure(spec, trust_pickle=True)


def test_whole_network_with_other_weights_and_arguments(tmp_path, whole, file):
    spec = whole(tmp_path / "whole.pth")
    other = load_model(f"{file}:Network", arguments={"channels": 5}, seed=8).model
    torch.save(other.state_dict(), tmp_path / "other.pth")
    assert states_equal(load_model(spec, weights=tmp_path / "other.pth", trust_pickle=True).model, other)
    assert "'channels'" in failure(spec, trust_pickle=True, arguments={"channels": 3})
    assert "DEFAULT" in failure(spec, trust_pickle=True, weights=DEFAULT_WEIGHTS)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors", "weights.caffemodel"])
def test_weights_in_place_of_a_network(tmp_path, name, trust):
    path = tmp_path / name
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, path)
    said = failure(str(path), trust_pickle=trust)
    assert str(path) in said and "--weights" in said and "MODEL" in said


def test_files_that_hold_no_network(tmp_path, file):
    assert "none.pth: no such file" in failure("none.pth")
    assert "none.pt: no such file" in failure("torchvision/none.pt", trust_pickle=True)
    (tmp_path / "broken.pth").write_bytes(b"PK\x03\x04")
    for trust in (False, True):
        assert "broken.pth" in failure(str(tmp_path / "broken.pth"), trust_pickle=trust)
    assert "torchvision:NAME" in failure(str(file)) and "file.py:callable" in failure(str(file))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_is_refused(tmp_path, monkeypatch):
    torch.jit.trace(nn.Sequential(nn.Conv2d(3, 2, 1)), torch.zeros(1, 3, 4, 4)).save(tmp_path / "script.pt")
    assert "is TorchScript, which does not show its layers" in failure(str(tmp_path / "script.pt"), trust_pickle=True)


# Random weights.


@pytest.mark.parametrize("name", ["torchvision", "small", "Network", "ready"])
def test_random_weights_are_those_of_the_seed(file, name):
    spec = SMALL if name == "torchvision" else f"{file}:{name}"
    torch.manual_seed(1)
    first = load_model(spec, seed=5).model
    torch.manual_seed(2)
    assert states_equal(first, load_model(spec, seed=5).model)
    assert not states_equal(first, load_model(spec, seed=6).model)
    assert states_equal(load_model(spec).model, load_model(spec, seed=0).model)


@pytest.mark.parametrize("name", ["torchvision", "small", "ready", "failing"])
def test_global_random_numbers_are_left_alone(file, name):
    spec = SMALL if name == "torchvision" else f"{file}:{name}"
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    try:
        load_model(spec, seed=3)
    except NetdissectError:
        assert name == "failing"
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert torch.equal(torch.rand(4), expected)


# Published weights.


def test_no_default_weights_for_ones_own_network(package, file):
    for spec in (f"{package}.small:small", f"{file}:small", f"{file}:ready"):
        said = failure(spec, weights=DEFAULT_WEIGHTS)
        assert spec in said and "DEFAULT" in said


# Wrong names.


@pytest.mark.parametrize("spec", ["resnet18", "torchvision:", ":resnet18", "", ":", "torchvision"])
def test_names_that_are_none(spec):
    assert repr(spec) in failure(spec) and "torchvision:NAME" in failure(spec)


@pytest.mark.parametrize("module", ["small", "file"])
def test_unknown_callable_says_the_nearest(package, file, module):
    spec = f"{package}.small" if module == "small" else str(file)
    said = failure(f"{spec}:smalll")
    assert "'smalll'" in said and "did you mean small" in said
    for name in ("constant", "__name__"):  # there, but not to be called
        assert repr(name) in failure(f"{spec}:{name}")


def test_unknown_module(package):
    assert "there_is_none" in failure("there_is_none:build")
    assert f"{package}.there_is_none" in failure(f"{package}.there_is_none:build")
    assert failure(".relative:build") and failure("..:build")


@pytest.mark.parametrize(
    ("module", "why"),
    [("broken", "there_is_no_such_module"), ("raising", "two lines"), ("exiting", "0"), ("wrong", "syntax")],
)
@pytest.mark.parametrize("kind", ["module", "file"])
def test_module_that_cannot_be_imported(package, tmp_path, module, why, kind):
    before = sys.path.copy()
    spec = f"{package}.{module}" if kind == "module" else str(tmp_path / package / f"{module}.py")
    said = failure(f"{spec}:build")
    assert spec in said and why in said
    assert sys.path == before


def test_file_that_is_not_there(tmp_path):
    assert str(tmp_path / "no.py") in failure(f"{tmp_path / 'no.py'}:build")
    (tmp_path / "folder.py").mkdir()
    assert str(tmp_path / "folder.py") in failure(f"{tmp_path / 'folder.py'}:build")


# Builders.


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("failing", {}, "KeyError: 'no such"),
        ("reading", {}, "nowhere.pt"),
        ("text", {}, "is a str"),
        ("nothing", {}, "is a NoneType"),
        ("small", {"width": 3}, "'width'"),
        ("small", {"channels": "many"}, "TypeError"),
        ("Network", {"channels": -1}, "Error"),
        ("failing", {"depth": 1}, "'depth'"),
    ],
)
def test_builder_that_fails(file, name, arguments, said):
    text = failure(f"{file}:{name}", arguments=arguments)
    assert said in text and f"{file}:{name}" in text


# Arguments.


def test_arguments_are_literals_or_text():
    pairs = ["a=1", "b=0.5", "c=None", "d=True", "e=(1, 2)", "f=same", "g='1'", "h=", "i=x=y", "j=1e-3", "k=[]", "l={}"]
    assert parse_arguments(pairs) == {
        "a": 1,
        "b": 0.5,
        "c": None,
        "d": True,
        "e": (1, 2),
        "f": "same",
        "g": "1",
        "h": "",
        "i": "x=y",
        "j": 0.001,
        "k": [],
        "l": {},
    }
    assert parse_arguments([]) == {}
    assert parse_arguments(["a=true", "b=false"]) == {"a": True, "b": False}
    assert type(parse_arguments(["a=1"])["a"]) is int and type(parse_arguments(["a=1.0"])["a"]) is float


@pytest.mark.parametrize("value", ["{[]: 1}", "os.remove('x')", "1 +", "(" * 500, "\\", "-'a'", "1\0"])
def test_values_that_are_no_literals_are_text(value):
    assert parse_arguments([f"key={value}"]) == {"key": value}


@pytest.mark.parametrize("pair", ["num_classes", "=3", "", "num-classes=3", "3=3", " a=3", "a b=3"])
def test_pairs_that_are_none(pair):
    with pytest.raises(NetdissectError, match="not key=value") as caught:
        parse_arguments([pair])
    assert repr(pair) in str(caught.value)
