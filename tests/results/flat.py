"""Layers for tests from fields by name, whichever part these belong to."""

import dataclasses

import attrs
import numpy as np

from netdissect.results import Activations, Counts, LayerResult, LayerTopImages, Pictures, Sample

PARTS = {"counts": Counts, "activations": Activations, "top": LayerTopImages, "sample": Sample, "pictures": Pictures}

#: The part of each field, and its name there.
FIELDS = {field.name: (part, field.name) for part, class_ in PARTS.items() for field in dataclasses.fields(class_)}
FIELDS |= {f"top_{name}": FIELDS.pop(name) for name in ("image", "activation", "maps")}


def layer_from(**fields):
    """A layer of these fields; parts of which no field is given are missing."""
    parts = {part: {} for part in PARTS}
    own = {}
    for name, value in fields.items():
        if name in FIELDS:
            part, field = FIELDS[name]
            parts[part][field] = value
        else:
            own[name] = value
    made = {part: PARTS[part](**values) for part, values in parts.items() if values}
    return LayerResult(**made, **own)


def changed(layer, /, **fields):
    """The layer with other values of these fields."""
    flat = {}
    for name, (part, field) in FIELDS.items():
        if getattr(layer, part) is not None:
            flat[name] = getattr(getattr(layer, part), field)
    own = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer) if field.name not in PARTS}
    return layer_from(**{**flat, **own, **fields})


def arrays_of(layer):
    """By part and field all arrays that the layer holds."""
    parts = {part: getattr(layer, part) for part in PARTS if getattr(layer, part) is not None}
    fields = {
        (part, field.name): getattr(value, field.name)
        for part, value in parts.items()
        for field in dataclasses.fields(value)
    }
    return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}


def differing(one, other):
    """The arrays that two layers do not both hold, or not with the same numbers; sorted, empty if all are equal."""
    arrays, others = arrays_of(one), arrays_of(other)
    known = arrays.keys() & others.keys()
    return sorted(
        (arrays.keys() ^ others.keys()) | {name for name in known if not np.array_equal(arrays[name], others[name])}
    )


def with_description(result, **changes):
    """The result with another description."""
    return dataclasses.replace(result, description=attrs.evolve(result.description, **changes))
