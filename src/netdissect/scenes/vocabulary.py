"""The concepts of the scenes, their numbers, and the parts that objects may have."""

from types import MappingProxyType

from netdissect.types import Concept

#: The parts that each object may have; a part may belong to several objects.
PARTS_OF = MappingProxyType(
    {
        "ball": (),
        "balloon": ("basket",),
        "bed": ("headboard", "leg", "pillow"),
        "boat": ("hull", "mast", "sail", "window"),
        "bottle": ("neck",),
        "bus": ("door", "wheel", "window"),
        "bush": (),
        "cactus": (),
        "car": ("door", "wheel", "window"),
        "chair": ("backrest", "leg", "seat"),
        "cloud": (),
        "cow": ("head", "leg"),
        "cup": ("handle",),
        "cupboard": ("door",),
        "curtain": (),
        "fence": (),
        "floor": (),
        "grass": (),
        "house": ("chimney", "door", "roof", "window"),
        "lamp": ("pole", "shade"),
        "lighthouse": ("door", "roof", "window"),
        "mountain": (),
        "pavement": (),
        "person": ("arm", "head", "leg"),
        "picture": ("frame",),
        "road": (),
        "rock": (),
        "rug": (),
        "sand": (),
        "sea": (),
        "sky": (),
        "sun": (),
        "table": ("leg", "tabletop"),
        "tree": ("crown", "trunk"),
        "umbrella": ("canopy", "pole"),
        "wall": ("window",),
    }
)

#: The names of each category, in the order of the concept numbers.
NAMES = MappingProxyType(
    {
        "object": tuple(PARTS_OF),
        "part": tuple(sorted({part for parts in PARTS_OF.values() for part in parts})),
        "scene": ("beach", "bedroom", "desert", "field", "harbour", "kitchen", "street", "valley"),
        "material": ("brick", "fabric", "foliage", "glass", "metal", "stone", "wood"),
        "texture": (
            "banded",
            "blotchy",
            "chequered",
            "crosshatched",
            "freckled",
            "grid",
            "marbled",
            "polka-dotted",
            "scaly",
            "striped",
            "zigzagged",
        ),
        "color": ("black", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"),
    }
)

CONCEPTS = tuple(
    Concept(number, name, category)
    for number, (category, name) in enumerate(
        ((category, name) for category, names in NAMES.items() for name in names), start=1
    )
)

#: The number of each concept. Names are unique across categories.
NUMBER = MappingProxyType({concept.name: concept.number for concept in CONCEPTS})

#: The categories with a label map, in the order of the layers; scenes are concepts of the whole image.
LAYERS = ("object", "part", "material", "texture", "color")
