"""Every scene, by name."""

from collections.abc import Callable
from types import MappingProxyType

from netdissect.scenes.canvas import Canvas
from netdissect.scenes.dice import Dice
from netdissect.scenes.indoors import bedroom, kitchen
from netdissect.scenes.outdoors import beach, desert, field, harbour, street, valley

#: Paints a whole scene.
Painter = Callable[[Canvas, Dice], None]

PAINTERS: MappingProxyType[str, Painter] = MappingProxyType(
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
