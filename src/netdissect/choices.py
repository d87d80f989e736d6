"""The choices that a caller has, by name.

Open choices are registries: adding one takes a class in a file of its own, and a line here. Registries hold addresses,
which are imported when first asked for, so that help texts list them without torch.
"""

from netdissect.registry import Registry

#: Bases of a layer's activation space (see ``bases``).
BASES = Registry(
    "basis",
    [
        (
            "pca",
            "netdissect.bases.components:PrincipalComponents",
            "principal components, found in a pass of their own",
        ),
        ("rotation", "netdissect.bases.rotation:Rotated", "rotation:AMOUNT,SEED, a part of a random rotation"),
        ("matrix", "netdissect.bases.matrix:Matrix", "the rows of a matrix in a .npy or .safetensors file"),
    ],
)

#: Criteria by which a unit's masks and a concept agree, by the column of their scores (see ``results.criteria``).
CRITERIA = Registry(
    "criterion",
    [("iou", "netdissect.results.criteria:IntersectionOverUnion", "intersection over union")],
)

#: Orders of an image's channels, each with how many channels there are.
CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}

#: Values of white in a network's input; black is 0.
VALUE_RANGES = (1, 255)

#: Layouts of a layer's output, a letter for each dimension: ``n`` images, ``u`` units, ``h w`` positions, ``t`` tokens.
LAYOUTS = {
    "nuhw": "maps, units first",
    "nhwu": "maps, units last",
    "ntu": "tokens",
    "nu": "vectors",
}

#: How an activation map lies on the image: at the centres of receptive fields, or stretched over the whole.
ALIGNMENTS = ("receptive", "stretch")

#: Number types in which a network can be run.
PRECISIONS = ("float32", "bfloat16", "float16")
