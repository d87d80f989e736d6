"""Every scene, by name."""

from collections.abc import Callable
from types import MappingProxyType

from netdissect.concepts.scenes.canvas import Canvas
from netdissect.concepts.scenes.dice import Dice
from netdissect.concepts.scenes.indoors import bedroom, kitchen
from netdissect.concepts.scenes.outdoors import beach, desert, field, harbour, street, valley

#: Paints a whole scene.
Place = Callable[[Canvas, Dice], None]

PLACES: MappingProxyType[str, Place] = MappingProxyType(
    {
        "beach": beach,
        "bedroom": bedroom,
        "desert": desert,
        "field": field,
        "harbour": harbour,
        "kitchen": kitchen,
        "street": street,
        "valley": valley,
    }
)
