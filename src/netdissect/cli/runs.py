"""Commands that look at networks and make runs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netdissect.choices import BASES
from netdissect.cli.common import JsonOption, fail, interrupted, read_names
from netdissect.cli.options import (
    DataOption,
    LayersOption,
    NetworkOptions,
    Only,
    OverwriteOption,
    takes_options,
)
from netdissect.network_settings import NetworkSettings
from netdissect.printing import print_layers, print_summary
from netdissect.settings import Settings
from netdissect.types import NetdissectError
from netdissect.visualization.options import LABELLED, Excitation, VisualizationOptions
from netdissect.visualization.registries import METHODS

if TYPE_CHECKING:
    from netdissect.networks.layers import LayerInfo
    from netdissect.results import Result

run_commands = typer.Typer()


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
@takes_options
def layers(
    network: NetworkOptions,
    settings: Annotated[NetworkSettings, Only("size", "channels", "layout")],
    depth: Annotated[
        int | None, typer.Option(min=1, help="How many levels of nested modules to show. Default: what fits a screen.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Lists the layers that can be dissected: units, positions, and receptive fields in image pixels.

    A field's first is the centre of the first position, counting from 0. In names, #1 is a module's second call in a
    pass, @heads what attention heads give, [0] one of several tensors; NAME@input is what a module is given.
    """
    from netdissect.inference.preprocess import choose_preprocess
    from netdissect.networks.layers import list_layers

    loaded = network.load()
    preprocess = choose_preprocess(loaded.expected, settings)
    found = list_layers(loaded.model, preprocess.size, channels=preprocess.channel_count, layout=settings.layout)
    if as_json:
        print(json.dumps([_plain_layer(info) for info in found]))
    else:
        print_layers(found, depth)


@run_commands.command(
    epilog="Example: netdissect dissect torchvision:resnet18 --layer layer4 --data broden1_224 --out runs/resnet18"
)
@takes_options
def dissect(
    network: NetworkOptions,
    layer: LayersOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the run.", show_default=False)],
    *,
    data: DataOption = "scenes",
    settings: Settings,
    basis: Annotated[
        str | None,
        typer.Option(
            metavar="pca|FILE",
            help=f"Dissect other directions than units: {BASES.help()}.",
        ),
    ] = None,
    visualize: Annotated[
        str | None,
        typer.Option(metavar="A,B", help=f"Keep pictures of what units look for: {', '.join(METHODS)}."),
    ] = None,
    units: Annotated[
        str, typer.Option(metavar="labelled|all|LIST", help="Units that --visualize looks at, as in visualize.")
    ] = LABELLED,
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

    if units != LABELLED and not visualize:
        raise NetdissectError("--units: says which units --visualize looks at, which is not given")
    excitation = Excitation(seed=settings.seed)
    looks = VisualizationOptions(tuple(read_names(visualize)), units, excitation=excitation) if visualize else ()
    loaded = network.load(settings.seed)
    try:
        result = dissect_model(
            loaded,
            layer,
            data,
            settings=settings,
            basis=basis,
            visualize=looks,
            out=out,
            name=out.absolute().name,
            overwrite=overwrite,
            resume=resume,
            keep_activations=keep_activations,
        )
    except KeyboardInterrupt:
        interrupted(out)
    _print_result(result, out)


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
