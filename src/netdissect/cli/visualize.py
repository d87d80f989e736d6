"""The command that looks at units, and the options of looking."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netdissect.cli.common import JsonOption, fail
from netdissect.cli.options import DissectOptions, LayersOption, NetworkOptions, takes_options
from netdissect.printing import print_visualizations
from netdissect.types import NetdissectError

if TYPE_CHECKING:
    from netdissect.visualization import VisualizationOptions

visualize_commands = typer.Typer()

UnitsOption = Annotated[
    str,
    typer.Option(
        metavar="labelled|all|LIST",
        help="Units to look at: those whose label passes the cut, all, or numbers and ranges, such as 3,10-19.",
    ),
]


@visualize_commands.command(
    epilog="Example: netdissect visualize torchvision:resnet18 --weights DEFAULT --layer layer4 --unit 78 "
    "--data broden1_224 --out looks"
)
@takes_options
def visualize(
    network: NetworkOptions,
    layer: LayersOption,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where to write the page; one that is there is replaced.", show_default=False),
    ],
    options: DissectOptions,
    unit: Annotated[
        list[int] | None, typer.Option(metavar="N", help="A unit, from 0; repeat for more. In place of --units.")
    ] = None,
    units: UnitsOption = "labelled",
    method: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="top: images that excite a unit, at its receptive field; deconvnet: its activation projected back; "
            "backprop: its gradient; inceptionism: images made to excite it.",
        ),
    ] = "top,deconvnet,backprop,inceptionism",
    variant: Annotated[
        str,
        typer.Option(
            metavar="A,B",
            help="Of backprop: gradient, guided, smoothed, integrated, or ascent, the model image of a class.",
        ),
    ] = "gradient,guided",
    images: Annotated[int, typer.Option(help="Images of the data to show a unit with, for each method.")] = 3,
    steps: Annotated[int, typer.Option(help="Of inceptionism: steps of ascent.")] = 128,
    diverse: Annotated[int, typer.Option(help="Of inceptionism: different images of a unit.")] = 1,
    position: Annotated[
        str,
        typer.Option(
            metavar="mean|center", help="Of inceptionism: excite a unit everywhere in its map, or at the center alone."
        ),
    ] = "mean",
    run: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Take labels and top images from this run, of the same network and data, in place of a pass.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Shows what units look for, beside what they are called: four ways, on one page.

    A class is a unit of the network's last layer. Labels and top images are found as dissect finds them, or taken from
    a run.
    """
    from netdissect.pipeline.visualize import visualize as visualize_units
    from netdissect.report.visualizations import plain_visualizations
    from netdissect.visualization.inception import Excitation

    excitation = Excitation(steps=steps, diverse=diverse, position=position, seed=options.seed)
    looks = read_looks(method, units, unit, variants=tuple(_listed(variant)), images=images, excitation=excitation)
    if run is None:
        measured = options.plain()
    elif changed := options.changed("data", "device", "seed"):
        raise NetdissectError(f"--run: the run's own options hold; leave out {', '.join(changed)}")
    else:
        measured = {"device": options.device}
    loaded = network.load(options.seed)
    try:
        result = visualize_units(loaded, layer, looks, options.data, run=run, out=out, **measured)
    except KeyboardInterrupt:
        fail("interrupted; nothing was written", 130)
    if as_json:
        print(json.dumps(plain_visualizations(result)))
    else:
        print_visualizations(result)
        print(f"page    {out / 'index.html'}")


def read_looks(methods: str, units: str, unit: Sequence[int] | None = None, **others: Any) -> "VisualizationOptions":
    """The options of looking, of lists with commas between."""
    from netdissect.visualization import VisualizationOptions

    chosen = tuple(unit) if unit else units if units.isalpha() else tuple(_numbers(units))
    return VisualizationOptions(tuple(_listed(methods)), chosen, **others)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbers(text: str) -> Iterator[int]:
    """Those of ``3,10-19``."""
    for part in _listed(text):
        first, separator, last = part.partition("-")
        if not first.isdecimal() or (separator and not last.isdecimal()):
            raise NetdissectError(f"--units {text!r}: labelled, all, or numbers and ranges such as 3,10-19")
        yield from range(int(first), int(last or first) + 1)
