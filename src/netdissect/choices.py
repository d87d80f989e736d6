"""Names of choices that several rooms share; here, since none of them needs torch."""

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
