"""Commands that look at networks and make runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netdissect.cli.common import JsonOption, fail, interrupted, read_size
from netdissect.printing import print_layers, print_summary
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.networks.layers import LayerInfo
    from netdissect.networks.load import LoadedModel
    from netdissect.results import Result

run_commands = typer.Typer()

ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="torchvision:NAME, timm:NAME, timm:hf-hub:OWNER/NAME, transformers:OWNER/NAME, netdissect:caffenet, "
        "package.module:callable, file.py:callable, or, with --trust-pickle, a file with a whole pickled network.",
        show_default=False,
    ),
]
ModelArgOption = Annotated[
    list[str] | None,
    typer.Option("--model-arg", metavar="KEY=VALUE", help="An argument of the model's builder; repeat for more."),
]
WeightsOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|DEFAULT",
        help="Weights: a .safetensors, torch or .caffemodel file, or DEFAULT for those the library publishes.",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-pickle", help="Unpickle files, which may run any code. Only if you trust their source."),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="S|HxW", help="Image pixels; images are squashed to it. Default: what the weights tell, or 224."
    ),
]
InputOption = Annotated[
    str | None,
    typer.Option("--input", metavar="rgb|bgr|gray", help="Channels of images. Default: what the weights tell, or rgb."),
]
LayoutOption = Annotated[
    str | None,
    typer.Option(
        metavar="nuhw|nhwu|ntu|nu",
        help="Dimensions of layers' outputs: n images, u units, h w positions, t tokens. Default: inferred.",
    ),
]
SeedOption = Annotated[
    int, typer.Option(help="For --limit, scenes, the order of images, and the random weights of a model without any.")
]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace the run in the output directory, or one that is unfinished.")
]


@run_commands.command(epilog="Example: netdissect demo")
def demo(
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to write the run. Default: runs/demo, or the next free name."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Dissects a small network of ours on made-up scenes, from start to end, in under a minute."""
    if out is None:
        out = next(
            path for n in range(1, 10**6) if not (path := Path("runs") / f"demo{'' if n == 1 else f'-{n}'}").exists()
        )
    from netdissect.networks.demo import DEMO_LAYERS, DEMO_SPEC
    from netdissect.pipeline import dissect as dissect_model
    from netdissect.pipeline.directory import save_with_report
    from netdissect.results import check_free

    check_free(out, overwrite=overwrite)
    try:
        result = dissect_model(DEMO_SPEC, DEMO_LAYERS, size=112, name=out.absolute().name)
        save_with_report(result, out, overwrite=overwrite, progress=True)
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    _print_result(result, out)


@run_commands.command(epilog="Example: netdissect layers torchvision:resnet18")
def layers(
    model: ModelArgument,
    model_arg: ModelArgOption = None,
    weights: WeightsOption = None,
    trust_pickle: TrustOption = False,
    size: SizeOption = None,
    channels: InputOption = None,
    layout: LayoutOption = None,
    depth: Annotated[
        int | None, typer.Option(min=1, help="How many levels of nested modules to show. Default: what fits a screen.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Lists the layers that can be dissected: units, positions, and receptive fields in image pixels.

    A field's first is the centre of the first position, counting from 0. In names, #1 is a module's second call in a
    pass, @heads what attention heads give, [0] one of several tensors; NAME@input is what a module is given.
    """
    from netdissect.networks.layers import list_layers
    from netdissect.networks.layouts import check_layout
    from netdissect.options import choose_preprocess

    check_layout(layout)
    loaded = _load(model, model_arg, weights, trust_pickle)
    fed = choose_preprocess(loaded.expected, _size(size), None, None, channels, None)
    found = list_layers(loaded.model, fed.size, channels=fed.channel_count, layout=layout)
    if as_json:
        print(json.dumps([_plain_layer(info) for info in found]))
    else:
        print_layers(found, depth)


@run_commands.command(
    epilog="Example: netdissect dissect torchvision:resnet18 --layer layer4 --data broden1_224 --out runs/resnet18"
)
def dissect(
    model: ModelArgument,
    layer: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A layer, as 'netdissect layers' names it, a pattern of them ('layer*.2'; * is anything but a dot, ** "
            "anything), or paper, for those the paper dissects; repeat for more.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the run.")],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA", help="A Broden directory, a folder of masks (images/, labels/, classes.csv), or scenes."
        ),
    ] = "scenes",
    model_arg: ModelArgOption = None,
    weights: WeightsOption = None,
    trust_pickle: TrustOption = False,
    quantile: Annotated[
        float, typer.Option(help="Fraction of all positions at which a unit exceeds its threshold.")
    ] = 0.005,
    iou: Annotated[float, typer.Option(help="A unit whose IoU with its concept is greater is a detector.")] = 0.04,
    align: Annotated[
        str,
        typer.Option(
            metavar="receptive|stretch",
            help="How a map lies on the image: each position at the centre of its receptive field, or stretched. "
            "Layers without such a field are stretched.",
        ),
    ] = "receptive",
    layout: LayoutOption = None,
    size: SizeOption = None,
    mean: Annotated[
        str | None,
        typer.Option(
            metavar="M|R,G,B",
            help="Channel means, in --input's order and in --range. Default: what the weights tell, or ImageNet's.",
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(metavar="S|R,G,B", help="Channel deviations, likewise; with --range 255 the default is 1."),
    ] = None,
    channels: InputOption = None,
    value_range: Annotated[
        int | None,
        typer.Option("--range", metavar="1|255", help="What white is. Default: what the weights tell, or 1."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images at a time.")] = 32,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps ...; auto takes a GPU if there is one.")] = "auto",
    categories: Annotated[
        str | None, typer.Option(metavar="A,B", help="Name units by concepts of these categories alone.")
    ] = None,
    ignore_index: Annotated[
        list[int] | None, typer.Option(help="A class index without a concept, for a folder of masks; repeat for more.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="At most this many images, drawn by --seed.")] = None,
    seed: SeedOption = 0,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be read, and count them.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(help="Threads that read images ahead. Default: half the cores, at most 8.")
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, or bfloat16 or float16 for a faster pass of other results.")
    ] = "float32",
    overwrite: OverwriteOption = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what is finished of this run, also after a kill.")
    ] = False,
    keep_activations: Annotated[
        bool, typer.Option("--keep-activations", help="Leave the activations kept in OUT/activations, to count again.")
    ] = False,
) -> None:
    """Names the units of a network's layers, and writes the run with its report.

    The network runs over the images once, for all layers. Thresholds are exact, whatever the quantile: what may be
    needed for them is kept on disk, in OUT.unfinished, until the run is whole. Per image, unit and map of 13x13 that
    is about 0.1 kB at the default quantile, more for larger maps and quantiles, at most all activations. Memory does
    not grow with the number of images: beside the network, it is about 1 GB. Every few seconds finished work is made
    safe for --resume.
    """
    from netdissect.pipeline import dissect as dissect_model

    options: dict[str, Any] = {
        "quantile": quantile,
        "iou_threshold": iou,
        "align": align,
        "layout": layout,
        "size": _size(size),
        "mean": _numbers(mean, "--mean"),
        "std": _numbers(std, "--std"),
        "channels": channels,
        "value_range": value_range,
        "batch_size": batch_size,
        "device": device,
        "precision": precision,
        "categories": None if categories is None else [name.strip() for name in categories.split(",")],
        "ignore_index": ignore_index or (),
        "limit": limit,
        "seed": seed,
        "skip_bad": skip_bad,
        "workers": workers,
        "overwrite": overwrite,
        "resume": resume,
        "keep_activations": keep_activations,
    }
    loaded = _load(model, model_arg, weights, trust_pickle, seed)
    try:
        result = dissect_model(loaded, layer, data, out=out, name=out.absolute().name, **options)
    except KeyboardInterrupt:
        interrupted(out)
    _print_result(result, out)


def _load(
    spec: str, arguments: list[str] | None, weights: str | None, trust_pickle: bool, seed: int = 0
) -> "LoadedModel":
    from netdissect.networks.load import load_model, parse_arguments

    return load_model(
        spec, arguments=parse_arguments(arguments or []), weights=weights, trust_pickle=trust_pickle, seed=seed
    )


def _plain_layer(info: "LayerInfo") -> dict[str, Any]:
    return {
        "name": info.name,
        "type": info.type,
        "shape": list(info.shape),
        "units": info.units,
        "layout": info.layout.name,
        "field": None if info.field is None else info.field.summary(),
        "no_field": info.no_field or None,
    }


def _print_result(result: "Result", out: Path) -> None:
    print_summary(result)
    print(f"run     {out}\nreport  {out / 'report' / 'index.html'}")


def _size(text: str | None) -> tuple[int, int] | None:
    return None if text is None else read_size(text)


def _numbers(text: str | None, option: str) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise NetdissectError(f"{option} {text!r}: a number, or three with commas between") from None
