"""The description of a run: the network, the data, the layers and the settings that its counts follow from.

Each class knows its plain form, which ``run.json`` holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
from attrs import frozen

from netdissect.engine.field import Field
from netdissect.settings import Settings
from netdissect.types import NetdissectError


def _tuple(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(values)


_KINDS_OF_MAPS = {"nuhw": "maps", "nhwu": "maps, units last", "ntu": "tokens", "nu": "vectors"}


@frozen(kw_only=True)
class NetworkDescription:
    """A network: its ``name``, the builder's ``arguments``, and its weights by name and SHA-256."""

    name: str
    weights: str | None = None
    arguments: Mapping[str, str] = attrs.field(factory=dict)
    weights_sha256: str = ""

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        return {
            "name": self.name,
            "arguments": dict(self.arguments),
            "weights": self.weights,
            "weights_sha256": self.weights_sha256,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "NetworkDescription":
        """Return the description of the plain form."""
        return cls(**plain)


@frozen(kw_only=True)
class DataDescription:
    """A dataset: its ``name``, its ``fingerprint``, the shape (sh, sw) of its label maps.

    ``images`` counts the images that were read, None where that is unknown; ``skipped`` has the reason of each image
    that was not.
    """

    name: str
    fingerprint: str
    label_shape: tuple[int, ...] = attrs.field(default=(), converter=_tuple)
    images: int | None = None
    skipped: tuple[str, ...] = attrs.field(default=(), converter=_tuple)

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        return {
            "name": self.name,
            "fingerprint": self.fingerprint,
            "label_shape": list(self.label_shape),
            "images": self.images,
            "skipped": list(self.skipped),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "DataDescription":
        """Return the description of the plain form."""
        return cls(**plain)


@frozen(kw_only=True)
class BasisDescription:
    """The directions that a layer's units are, where these are not its channels.

    ``layer`` is the network's layer and ``kind`` the name of the basis among ``bases.BASES``. ``words`` describe it to
    people; ``facts`` identify it: a rotation's amount and seed, a matrix' name and SHA-256.
    """

    layer: str
    kind: str
    words: str
    facts: Mapping[str, Any] = attrs.field(factory=dict)

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form: facts stand beside the rest."""
        return {"layer": self.layer, "kind": self.kind, "words": self.words, **self.facts}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "BasisDescription":
        """Return the description of the plain form."""
        facts = {name: value for name, value in plain.items() if name not in ("layer", "kind", "words")}
        return cls(layer=plain["layer"], kind=plain["kind"], words=plain["words"], facts=facts)


@frozen(kw_only=True)
class LayerDescription:
    """A dissected layer: the module's ``type``, its maps' ``shape`` (u, h, w), and how these lie on images.

    ``tokens_left_out`` are the numbers of class and register tokens. ``align`` is "receptive" or "stretch". ``field``
    has the receptive fields, None where there are none, which ``no_field`` explains.
    """

    type: str
    shape: tuple[int, ...] = attrs.field(converter=_tuple)
    layout: str
    tokens_left_out: tuple[int, ...] = attrs.field(default=(), converter=_tuple)
    align: str = "stretch"
    field: Field | None = None
    no_field: str = ""
    basis: BasisDescription | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form; channels have no basis there."""
        plain = {
            "type": self.type,
            "shape": list(self.shape),
            "layout": self.layout,
            "tokens_left_out": list(self.tokens_left_out),
            "align": self.align,
            "field": None if self.field is None else self.field.plain(),
            "no_field": self.no_field,
        }
        return plain if self.basis is None else {**plain, "basis": self.basis.to_plain()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "LayerDescription":
        """Return the description of the plain form."""
        known = {
            "field": None if plain["field"] is None else Field.from_plain(plain["field"]),
            "basis": BasisDescription.from_plain(plain["basis"]) if "basis" in plain else None,
        }
        return cls(**{**plain, **known})

    @property
    def words(self) -> str:
        """One line on the layout of the layer's output, and on how its maps lie on images."""
        parts = [f"{self.type}: {_KINDS_OF_MAPS[self.layout]}"]
        if self.layout != "nu":
            parts[0] += f" of {'x'.join(map(str, self.shape[1:]))}"
        if self.basis is not None:
            parts.append(self.basis.words)
        if self.layout == "nu":
            return "; ".join(parts)
        if count := len(self.tokens_left_out):
            parts.append(f"{count} {'token' if count == 1 else 'tokens'} of no position left out")
        if self.field is not None:
            size, step, first = map(_pixels, (self.field.size, self.field.step, self.field.first))
            parts.append(f"receptive field {size}, step {step}, first centre {first}")
        if self.align == "stretch":
            parts.append("stretched over the image")
        return "; ".join(parts)


@frozen(kw_only=True)
class RunDescription:
    """How a result was made.

    A published table is known by the name of its file, ``table``, and has no settings and no layers. ``looks`` are the
    plain options by which units were visualized, ``components`` the plain facts of principal components per layer,
    ``timings`` seconds per step, ``notes`` lines for a reader of the result.
    """

    network: NetworkDescription
    data: DataDescription
    layers: Mapping[str, LayerDescription] = attrs.field(factory=dict)
    settings: Settings | None = None
    looks: Mapping[str, Any] | None = None
    versions: Mapping[str, str] = attrs.field(factory=dict)
    notes: tuple[str, ...] = attrs.field(default=(), converter=_tuple)
    timings: Mapping[str, float] = attrs.field(factory=dict)
    components: Mapping[str, Any] = attrs.field(factory=dict)
    table: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return the plain form."""
        return {
            "network": self.network.to_plain(),
            "data": self.data.to_plain(),
            "layers": {name: layer.to_plain() for name, layer in self.layers.items()},
            "settings": None if self.settings is None else self.settings.to_plain(),
            "looks": self.looks,
            "versions": dict(self.versions),
            "notes": list(self.notes),
            "timings": dict(self.timings),
            "components": dict(self.components),
            "table": self.table,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "RunDescription":
        """Return the description of the plain form."""
        settings = plain["settings"]
        known = {
            "network": NetworkDescription.from_plain(plain["network"]),
            "data": DataDescription.from_plain(plain["data"]),
            "layers": {name: LayerDescription.from_plain(layer) for name, layer in plain["layers"].items()},
            "settings": None if settings is None else Settings.from_plain(settings),
        }
        return cls(**{**plain, **known})

    def layer_words(self, layer: str) -> str:
        """Return one line on a layer's output, and on how its maps lie on images."""
        return "known from a table alone" if self.table is not None else self.layers[layer].words

    def plan(self) -> dict[str, dict[str, Any]]:
        """Return all that the counts follow from, as plain data: runs of equal plans give equal results.

        Pictures of units follow from the counts, and are no part of it.
        """
        assert self.settings is not None  # a table is not resumed
        network, data = self.network.to_plain(), self.data.to_plain()
        return {
            "network": {name: network[name] for name in ("name", "arguments", "weights_sha256")},
            "layers": {name: layer.to_plain() for name, layer in self.layers.items()},
            "data": {name: data[name] for name in ("name", "fingerprint", "label_shape")},
            "settings": self.settings.to_plain(),
            "versions": {name: self.versions[name] for name in ("netdissect", "torch", "numpy", "pillow")},
        }

    def with_outcome(self, **changes: Any) -> "RunDescription":
        """Return the description with what became of the run: its notes, timings, images."""
        return attrs.evolve(self, **changes)


def check_same_plan(path: object, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise ``NetdissectError`` that names how the plan of the run at ``path`` differs from this one.

    >>> check_same_plan("run", {"settings": {"limit": 5}}, {"settings": {"limit": 6}})
    Traceback (most recent call last):
    netdissect.types.NetdissectError: run: is another run, and is not resumed: settings limit is 5, here 6
    """
    differences = []
    for part in here:
        before, now = there.get(part, {}), here[part]
        for key in dict.fromkeys([*before, *now]):
            if key not in before or key not in now:
                differences.append(f"{part} {key} is only {'here' if key in now else 'there'}")
            elif before[key] != now[key]:
                # A layer's description is long.
                difference = "is another" if part == "layers" else f"is {before[key]}, here {now[key]}"
                differences.append(f"{part} {key} {difference}")
    if differences:
        raise NetdissectError(f"{path}: is another run, and is not resumed: {'; '.join(differences)}")


def _pixels(pair: Sequence[float]) -> str:
    height, width = (f"{number:.6g}" for number in pair)
    return f"{height} px" if height == width else f"{height}x{width} px"
